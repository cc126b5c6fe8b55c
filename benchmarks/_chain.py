"""The whole chain for a benchmark: servers, engine, calls and jobs worker, beat, a PBX, an IVR's campaign.

An IVR's channels stand for agents, so that many calls at once need no crowd of agents. `open_chain` has the demo PBX
as its peer; `benchmarks._asterisk` a real Asterisk.
"""

import os
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks._process import cpu_seconds, family, pss_mb
from benchmarks._servers import servers

PARTS = ("engine", "calls", "jobs", "beat")
MANY = 5000
"""Leads: more than a benchmark calls."""


@dataclass
class Chain:
    """What a benchmark drives: a campaign that is not started, and the processes that will carry it."""

    campaign: Any
    processes: Any
    names: tuple[str, ...] = PARTS
    web_port: int = 0
    log: Path = Path()
    """The demo PBX's."""

    def start(self) -> None:
        from campaigns import lifecycle
        from campaigns.models import Campaign

        Campaign.objects.filter(pk=self.campaign.pk).update(state=Campaign.State.STARTED)
        lifecycle.after_start(self.campaign.pk)

    def cpu(self) -> dict[str, float]:
        """Seconds of processor that each of our processes has used, its children included."""
        return {name: sum(map(cpu_seconds, pids)) for name, pids in self._pids().items()}

    def memory(self) -> dict[str, float]:
        """Megabytes of each of our processes and its children: its proportional share of what several map."""
        return {name: sum(map(pss_mb, pids)) for name, pids in self._pids().items()}

    def _pids(self) -> dict[str, list[int]]:
        return {name: family(self.processes.pid(name)) for name in self.names}


@contextmanager
def open_chain(
    calls: int,
    customers: dict[str, Any],
    *names: str,
    ring_timeout: int = 30,
    talk_s: Any = (5, 10),
    amd: bool = False,
    channels: int | None = None,
) -> Iterator[Chain]:
    """`calls`: ports, and channels of the IVR unless `channels` says more; `names`: as for `carried`."""
    with servers(broker=True):
        from telephony.demo_pbx.process import DemoPbxProcess

        folder = Path(tempfile.mkdtemp(prefix="dialer-bench-"))
        settings = {
            "users": {str(6001 + n): f"pw{6001 + n}" for n in range(calls)},
            "customers": customers,
            "queues": {},
            "ivrs": {
                "ivr": {
                    "pilot": "8000",
                    "channels": channels or calls,
                    "answer_s": 0.05,
                    "talk_s": list(talk_s),
                }
            },
        }
        with DemoPbxProcess(folder / "pbx") as pbx:
            ready = pbx.start(settings)
            make_ports(calls, ready.sip_port)
            campaign = make_ivr_campaign(
                {"settings": {"host": ready.host, "port": ready.events_port}},
                name="ivr",
                ring_timeout=ring_timeout,
                amd_enabled=amd,
            )
            with carried(campaign, folder, calls, *names) as chain:
                chain.log = ready.log
                yield chain


@contextmanager
def carried(campaign: Any, folder: Path, calls: int, *names: str) -> Iterator[Chain]:
    """Our processes, with their logs in `folder`, once all `calls` ports are registered; `names`: others than PARTS."""
    from tests.chain.processes import running

    names = names or PARTS
    web_port = _free_port()
    environment = {**os.environ, "PORTS_PER_WORKER": str(calls), "WEB_PORT": str(web_port)}
    with running(folder, environment, *names) as processes:
        try:
            _wait_for_ports(calls)
            yield Chain(campaign, processes, names, web_port)
        except BaseException:
            print(processes.report(), file=sys.stderr)
            raise


def make_ports(count: int, registrar_port: int) -> None:
    from tests.factories import make_port

    for number in range(6001, 6001 + count):
        make_port(extension=str(number), password=f"pw{number}", registrar_port=registrar_port)


def make_ivr_campaign(center: dict[str, Any], *, name: str, pilot: str = "8000", **fields: Any) -> Any:
    """A campaign that is not started, for the IVR `name` of a contact centre with the fields `center`; open for a day."""
    from django.utils import timezone

    from campaigns.models import Campaign, Schedule
    from telephony.models import Queue
    from tests.factories import make_campaign, make_contact_center, make_schedule

    queue = Queue.objects.create(
        contact_center=make_contact_center(**center), name=name, kind=Queue.Kind.IVR, pilot_number=pilot
    )
    fields = {"max_attempts": 1, **fields}
    campaign = make_campaign(queue=queue, type=Campaign.Type.IVR, started=False, schedule=False, **fields)
    make_schedule(campaign, closes_at=timezone.now() + timedelta(days=1), state=Schedule.State.NOT_RUNNING)
    return campaign


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_ports(count: int) -> None:
    from dialing.leases import database_time
    from dialing.ports import registered

    deadline = time.monotonic() + 180
    while (there := registered(database_time()).count()) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{there} of {count} ports were registered")
        time.sleep(0.2)


def add_leads(campaign: Any, first: int, count: int, last_digits: str, prefix: str = "5541") -> None:
    """`last_digits` in turn: the kinds of customers (`telephony/demo_pbx/customers.py`)."""
    from campaigns.announce import announce
    from leads.models import Lead

    Lead.objects.bulk_create(
        [
            Lead(
                campaign=campaign,
                name=f"Lead {number}",
                phone_number=f"{prefix}{number:07}{last_digits[number % len(last_digits)]}",
            )
            for number in range(first, first + count)
        ],
        batch_size=5000,
    )
    announce("leads", campaign=campaign.pk)


def fill(
    chain: Chain, calls: int, seconds: float, last_digits: str, *, prefix: str = "5541", first: int = 0
) -> None:
    """Starts the campaign, until so many of its calls are in flight; then there are more leads than can be called.

    The calls become more evenly over `seconds`: calls that began in one moment would also be answered, or given up, in
    one moment, again and again, and all others would wait behind them. So only as many leads are there as are due;
    those that an earlier round left go.
    """
    from leads.models import Lead

    Lead.objects.filter(campaign=chain.campaign, pool=Lead.Pool.WAITING).delete()
    chain.start()
    began, made = time.monotonic(), first
    while (there := in_flight(chain.campaign)) < 0.95 * calls:
        passed = time.monotonic() - began
        if passed > 3 * seconds + 30:
            raise TimeoutError(f"{there} of {calls} calls were in flight")
        missing = round(calls * min(1.0, passed / seconds)) - there - _waiting(chain.campaign)
        if missing > 0:
            add_leads(chain.campaign, made, missing, last_digits, prefix)
            made += missing
        time.sleep(0.1)
    add_leads(chain.campaign, made, MANY, last_digits, prefix)


def _waiting(campaign: Any) -> int:
    """Leads that may be called, or are about to be."""
    from leads.models import CallAttempt, Lead

    claimed = CallAttempt.objects.filter(campaign=campaign, ended_at=None, started_at=None).count()
    return Lead.objects.filter(campaign=campaign, pool=Lead.Pool.WAITING).count() + claimed


def in_flight(campaign: Any) -> int:
    """Calls of the campaign that were dialed and have not ended."""
    from leads.models import CallAttempt

    return CallAttempt.objects.filter(campaign=campaign, ended_at=None).exclude(started_at=None).count()


def results() -> Counter[str]:
    from leads.models import CallAttempt

    return Counter(CallAttempt.objects.exclude(started_at=None).values_list("result", flat=True))


def leaks() -> dict[str, int]:
    """The counters of the page of leaks that are not 0."""
    from dialer_project.metrics import leak_counters
    from dialing.leases import database_time

    return {name: count for name, count in leak_counters(database_time()).items() if count}


def until_rest(within: float = 30.0) -> None:
    """Waits for the end of all attempts."""
    from leads.models import CallAttempt

    deadline = time.monotonic() + within
    while open_now := CallAttempt.objects.filter(ended_at=None).count():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{open_now} attempts were still open {within:.0f} s after the stop")
        time.sleep(0.2)
