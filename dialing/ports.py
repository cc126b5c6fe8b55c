"""Leasing dialer ports: a worker registers and uses only ports that no other worker holds.

A lease names its worker and ends by itself when it is not renewed, so a killed worker's ports come back.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.announce import announce
from dialing.leases import LEASE
from leads.models import CallAttempt
from telephony.models import DialerPort


@dataclass(frozen=True, slots=True)
class LeasedPort:
    """What a worker must know to register a port; a change of any field means registering anew."""

    id: int
    extension: str
    password: str
    registrar_host: str
    registrar_port: int | None
    transport: str
    media_encryption: str
    second_registrar_host: str = ""
    second_registrar_port: int | None = None
    registers: bool = True
    is_in_service: bool = field(default=False, compare=False)
    """By the record; a lease that ran out and was taken again by the same worker says no."""
    carrier: int | None = field(default=None, compare=False)
    rests_for: float = field(default=0.0, compare=False)
    """Seconds for which its carrier takes no call."""
    rate: float | None = field(default=None, compare=False)
    """Its carrier's (`telephony.models.Carrier.rate`)."""


NOBODYS: dict[str, Any] = {
    "worker": "",
    "lease_until": None,
    "state": DialerPort.State.OFF,
    "active_registrar": "",
}


@transaction.atomic
def keep_ports(worker: str, capacity: int, now: datetime) -> list[LeasedPort]:
    """Renews the worker's leases, lets disabled ports go, and leases free ones up to `capacity`.

    Returns the ports that the worker holds now. A port with an open attempt is not leased: that is a call of a
    worker that went away, and recovery will end it first.
    """
    mine = DialerPort.objects.filter(worker=worker)
    idle = ~Exists(CallAttempt.objects.filter(port=OuterRef("pk"), ended_at=None))
    mine.filter(idle, enabled=False).update(**NOBODYS)
    held = mine.update(lease_until=now + LEASE)
    if held < capacity:
        free = Q(worker="") | Q(lease_until__lt=now) | Q(lease_until=None)
        wanted = (
            DialerPort.objects.select_for_update(skip_locked=True)
            .filter(free, idle, enabled=True)
            .order_by("pk")
            .values_list("pk", flat=True)[: capacity - held]
        )
        DialerPort.objects.filter(pk__in=list(wanted)).update(
            worker=worker,
            lease_until=now + LEASE,
            state=DialerPort.State.OFF,
            active_registrar="",
            last_error="",
        )
    return [
        LeasedPort(
            p.pk,
            p.extension,
            p.password,
            p.registrar_host,
            p.registrar_port,
            p.transport,
            p.media_encryption,
            p.second_registrar_host,
            p.second_registrar_port,
            p.registers,
            p.state in DialerPort.IN_SERVICE,
            p.carrier_id,
            _rest(p, now),
            p.carrier.rate if p.carrier is not None else None,
        )
        for p in mine.filter(enabled=True).select_related("carrier").order_by("pk")
    ]


def _rest(port: DialerPort, now: datetime) -> float:
    until = port.carrier.resting_until if port.carrier is not None else None
    return max(0.0, (until - now).total_seconds()) if until is not None else 0.0


def record_registration(
    worker: str, port_id: int, state: DialerPort.State, registrar: str, error: str
) -> None:
    """How the port stands, with which registrar (empty: none), and what is wrong. Ignored when the lease is lost."""
    fields = {"state": state, "active_registrar": registrar, "last_error": error}
    with transaction.atomic():
        if DialerPort.objects.filter(pk=port_id, worker=worker).update(**fields):
            announce("ports")


@transaction.atomic
def release_ports(worker: str) -> int:
    """The worker leaves: its ports belong to nobody. Returns how many."""
    released = DialerPort.objects.filter(worker=worker).update(**NOBODYS)
    if released:
        announce("ports")
    return released


def registered(now: datetime) -> QuerySet[DialerPort]:
    """Ports that can carry a call now, or carry one."""
    return DialerPort.objects.filter(
        enabled=True, state__in=DialerPort.IN_SERVICE, lease_until__gte=now
    ).exclude(worker="")
