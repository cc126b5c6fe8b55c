"""The whole chain for a benchmark: servers, engine, calls and jobs worker, beat, the demo PBX, an IVR's campaign.

An IVR's channels stand for agents, so that many calls at once need no crowd of agents.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._process import cpu_seconds, family, pss_mb
from benchmarks._servers import servers


@dataclass
class Chain:
    """What a benchmark drives: a campaign that is not started, and the processes that will carry it."""

    campaign: Any
    ready: Any
    processes: Any
    names: tuple[str, ...] = ("engine", "calls", "jobs", "beat")

    def start(self) -> None:
        from campaigns import lifecycle
        from campaigns.models import Campaign

        Campaign.objects.filter(pk=self.campaign.pk).update(state=Campaign.State.STARTED)
        lifecycle.after_start(self.campaign.pk)

    def cpu(self) -> dict[str, float]:
        """Seconds of processor that each of our processes has used, its children included."""
        return {name: sum(map(cpu_seconds, family(self.processes.pid(name)))) for name in self.names}

    def memory(self) -> dict[str, float]:
        """Megabytes of each of our processes and its children: its proportional share of what several map."""
        return {name: sum(map(pss_mb, family(self.processes.pid(name)))) for name in self.names}


@contextmanager
def open_chain(
    calls: int, customers: dict[str, Any], *, ring_timeout: int = 30, talk_s: Any = (5, 10), amd: bool = False
) -> Iterator[Chain]:
    """`calls`: ports, and channels of the IVR."""
    os.environ["PORTS_PER_WORKER"] = str(calls)
    with servers(broker=True):
        from telephony.demo_pbx.process import DemoPbxProcess
        from tests.chain.processes import running

        folder = Path(tempfile.mkdtemp(prefix="dialer-bench-"))
        settings = {
            "users": {str(6001 + n): f"pw{6001 + n}" for n in range(calls)},
            "customers": customers,
            "queues": {},
            "ivrs": {"ivr": {"pilot": "8000", "channels": calls, "answer_s": 0.05, "talk_s": list(talk_s)}},
        }
        with DemoPbxProcess(folder / "pbx") as pbx:
            ready = pbx.start(settings)
            campaign = _campaign(ready, calls, ring_timeout, amd)
            with running(folder, os.environ, *Chain.names) as processes:
                try:
                    _wait_for_ports(calls)
                    yield Chain(campaign, ready, processes)
                except BaseException:
                    print(processes.report(), file=sys.stderr)
                    raise


def _campaign(ready: Any, calls: int, ring_timeout: int, amd: bool) -> Any:
    from campaigns.models import Campaign
    from telephony.models import Queue
    from tests.factories import make_campaign, make_contact_center, make_port

    for number in range(calls):
        make_port(extension=str(6001 + number), password=f"pw{6001 + number}", registrar_port=ready.sip_port)
    center = make_contact_center(settings={"host": ready.host, "port": ready.events_port})
    queue = Queue.objects.create(contact_center=center, name="ivr", kind=Queue.Kind.IVR, pilot_number="8000")
    return make_campaign(
        queue=queue,
        type=Campaign.Type.IVR,
        started=False,
        max_attempts=1,
        ring_timeout=ring_timeout,
        amd_enabled=amd,
    )


def _wait_for_ports(count: int) -> None:
    from dialing.leases import database_time
    from dialing.ports import registered

    deadline = time.monotonic() + 90
    while (there := registered(database_time()).count()) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{there} of {count} ports were registered")
        time.sleep(0.2)


def add_leads(campaign: Any, first: int, count: int, last_digits: str) -> None:
    """`last_digits` in turn: the kinds of customers (`telephony/demo_pbx/customers.py`)."""
    from campaigns.announce import announce
    from leads.models import Lead

    Lead.objects.bulk_create(
        [
            Lead(
                campaign=campaign,
                name=f"Lead {number}",
                phone_number=f"5541{number:07}{last_digits[number % len(last_digits)]}",
            )
            for number in range(first, first + count)
        ],
        batch_size=5000,
    )
    announce("leads", campaign=campaign.pk)


def results() -> Counter[str]:
    from leads.models import CallAttempt

    return Counter(CallAttempt.objects.exclude(started_at=None).values_list("result", flat=True))


def leaks() -> dict[str, int]:
    """The counters of the page of leaks that are not 0."""
    from dialer_project.metrics import leak_counters
    from dialing.leases import database_time

    return {name: count for name, count in leak_counters(database_time()).items() if count}
