"""How long an agent waits for their next call: from the contact centre's "free" to the INVITE on the wire.

    python -m benchmarks.agent_free_to_invite [--agents 12] [--calls 300]

Prints one JSON line: p50, p95, p99 and longest in milliseconds, and n. Both moments are taken by the demo PBX, on
one clock: it tells when an agent became free, and logs when each INVITE arrived. Between them lie its event over
TCP, the engine, PostgreSQL, Valkey, the calls worker and SIP over UDP. Every customer answers and is transferred,
so each agent that gets free asks for exactly one call, and the n-th of one is the n-th of the other.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks._servers import servers

AGENT_TIMES = {"answer_s": [0.05, 0.2], "talk_s": [0.4, 1.5], "wrap_up_s": [0.2, 0.8]}
LONGEST_RUN = 120.0
"""Seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=12)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()

    with servers(broker=True):
        print(json.dumps(measure(options.agents, options.calls)))


def measure(agents: int, calls: int) -> dict[str, object]:
    from telephony.demo_pbx.process import DemoPbxProcess
    from tests.chain.processes import running

    folder = Path(tempfile.mkdtemp(prefix="dialer-bench-"))
    with DemoPbxProcess(folder / "pbx") as pbx:
        ready = pbx.start(pbx_settings(agents))
        campaign = prepare(ready, agents, calls)
        with running(folder, os.environ, "engine", "calls", "jobs", "beat") as processes:
            events = FreeEvents(ready.host, ready.events_port)
            try:
                run(campaign, agents)
            except TimeoutError:
                print(processes.report(), file=sys.stderr)
                raise
        lines = [json.loads(line) for line in ready.log.read_text().splitlines()]
        calls_made = sorted((c for c in lines if c["event"] == "call"), key=lambda c: int(c["invite_at"]))
    later = calls_made[agents:]  # the first calls are for the agents who were free at the start
    return {**figures(events.times, [call["invite_at"] for call in later]), "parts_p50_p95": parts(later)}


def pbx_settings(agents: int) -> dict[str, Any]:
    return {
        "users": {str(6001 + n): f"pw{6001 + n}" for n in range(2 * agents)},
        "customers": {"ring_s": [0.2, 1.0], "by_last_digit": {str(digit): "human" for digit in range(10)}},
        "queues": {
            "sales": {
                "pilot": "7000",
                "agents": [{"id": str(7101 + n), "name": f"Agent {n}"} for n in range(agents)],
                **AGENT_TIMES,
            }
        },
    }


def prepare(ready: Any, agents: int, calls: int) -> Any:
    """A campaign without detection, whose leads are due."""
    from telephony.models import Queue
    from tests.factories import make_campaign, make_contact_center, make_leads, make_port

    for user, password in pbx_settings(agents)["users"].items():
        make_port(extension=user, password=password, registrar_port=ready.sip_port)
    center = make_contact_center(settings={"host": ready.host, "port": ready.events_port})
    queue = Queue.objects.create(contact_center=center, name="sales", pilot_number="7000")
    campaign = make_campaign(queue=queue, started=False, max_attempts=1)
    make_leads(campaign, calls + agents)
    return campaign


def run(campaign: Any, agents: int) -> None:
    """Starts the campaign when all ports are there, and waits for its last call."""
    from django.utils import timezone

    from campaigns import lifecycle
    from campaigns.models import Campaign
    from dialing.ports import registered
    from leads.models import Lead, LeadStatus

    deadline = time.monotonic() + LONGEST_RUN
    while registered(timezone.now()).count() < 2 * agents:
        _sleep(deadline)
    Campaign.objects.update(state=Campaign.State.STARTED)
    lifecycle.after_start(campaign.pk)
    while Lead.objects.exclude(pool=Lead.Pool.DONE).exists():
        _sleep(deadline)
    failed = Lead.objects.exclude(status=LeadStatus.SUCCESS).count()
    assert not failed, f"{failed} calls came to nothing: the n-th INVITE is not the n-th agent's"


def _sleep(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("the campaign did not end")
    time.sleep(0.5)


class FreeEvents:
    """Listens to the PBX's feed: when agents became free, in ms since 1970."""

    def __init__(self, host: str, port: int) -> None:
        self.times: list[int] = []
        self._socket = socket.create_connection((host, port))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with self._socket.makefile("rb") as lines:
            for line in lines:
                event = json.loads(line)
                if event["type"] == "agent" and event["state"] == "FREE":
                    self.times.append(event["at"])


def parts(calls: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The way from the claim to the INVITE, by the times in the database."""
    from leads.models import CallAttempt

    made = {attempt.call_id: attempt for attempt in CallAttempt.objects.all()}
    queued, dialed = [], []
    for call in calls:
        attempt = made[call["call_id"]]
        assert attempt.started_at is not None
        queued.append((attempt.started_at - attempt.claimed_at).total_seconds() * 1000)
        dialed.append(call["invite_at"] - attempt.started_at.timestamp() * 1000)
    return {"claim_to_start": _cuts(queued), "start_to_invite": _cuts(dialed)}


def _cuts(values: list[float]) -> list[float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return [round(cuts[49], 1), round(cuts[94], 1)]


def figures(free: list[int], invites: list[int]) -> dict[str, object]:
    """Waits in ms; the last agents that get free find no lead any more."""
    waits = sorted(invite - at for at, invite in zip(sorted(free), invites, strict=False))
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    return {
        "p50": cuts[49],
        "p95": cuts[94],
        "p99": cuts[98],
        "longest": waits[-1],
        "n": len(waits),
        "unit": "ms",
    }


if __name__ == "__main__":
    main()
