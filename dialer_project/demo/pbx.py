"""The demo PBX of an installation: its ports, its configuration, and the rows that point to it."""

import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from dialer_project import env
from dialer_project.processes.ports import free_port
from telephony.models import Carrier, ContactCenter, DialerPort, Queue

HOST = "127.0.0.1"
EXTENSIONS = [str(number) for number in range(6001, 6011)]
AGENTS = 8
CHANNELS = 5


@dataclass(frozen=True)
class PbxPorts:
    sip: int
    events: int


def choose_ports() -> PbxPorts:
    """The usual ports, or free ones where somebody has those."""
    return PbxPorts(
        free_port(HOST, env.integer("DEMO_SIP_PORT", 5070), socket.SOCK_DGRAM),
        free_port(HOST, env.integer("DEMO_EVENTS_PORT", 5199), socket.SOCK_STREAM),
    )


@transaction.atomic
def make_rows(ports: PbxPorts) -> tuple[Queue, Queue]:
    """Contact centre, queue `sales`, IVR `ivr` and the dialer ports, pointing at the PBX's ports of today."""
    center, _created = ContactCenter.objects.update_or_create(
        name="Demo PBX",
        defaults={
            "kind": ContactCenter.Kind.DEMO,
            "settings": {"host": HOST, "port": ports.events},
            "enabled": True,
        },
    )
    sales = _queue(center, "sales", Queue.Kind.OSCC, "7000")
    ivr = _queue(center, "ivr", Queue.Kind.IVR, "8000")
    carrier = Carrier.objects.get_or_create(name="Demo PBX")[0]
    for extension in EXTENSIONS:
        DialerPort.objects.update_or_create(
            registrar_host=HOST,
            extension=extension,
            defaults={
                "registrar_port": ports.sip,
                "enabled": True,
                "state": DialerPort.State.OFF,
                "worker": "",  # no worker runs yet; one that was killed would hold its lease for a while
                "lease_until": None,
            },
            create_defaults={
                "registrar_port": ports.sip,
                "password": secrets.token_urlsafe(12),
                "carrier": carrier,
            },
        )
    return sales, ivr


def _queue(center: ContactCenter, name: str, kind: Queue.Kind, pilot: str) -> Queue:
    return Queue.objects.update_or_create(
        contact_center=center, name=name, defaults={"kind": kind, "pilot_number": pilot}
    )[0]


def write_config(folder: Path, ports: PbxPorts) -> Path:
    """The PBX's configuration: the dialer ports are its subscribers, the last digit says who answers.

    Eight agents talk for 5 to 15 s, so that the 200 leads take some minutes.
    """
    users = DialerPort.objects.filter(registrar_host=HOST, extension__in=EXTENSIONS)
    config = {
        "host": HOST,
        "sip_port": ports.sip,
        "events_port": ports.events,
        "log": str(folder / "demo-calls.jsonl"),
        "users": dict(users.values_list("extension", "password")),
        "queues": {"sales": {"pilot": "7000", "agents": AGENTS, "talk_s": [5, 15], "wrap_up_s": [2, 4]}},
        "ivrs": {"ivr": {"pilot": "8000", "channels": CHANNELS}},
    }
    path = folder / "demo-pbx.json"
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(config, file, indent=2)
    return path
