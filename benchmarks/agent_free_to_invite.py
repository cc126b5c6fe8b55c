"""How long an agent waits for their next call: from the contact centre's "free" to the INVITE on the wire.

    python -m benchmarks agent_free_to_invite [--agents 12] [--calls 300] [--crowd 200]

So many calls of another campaign are in flight meanwhile (`--crowd`): most ring, one in four is a machine under
analysis. Prints one JSON line: p50, p95, p99 and longest in milliseconds and n, and the same from the answer to the
REFER, which follows at once without detection. The demo PBX tells when an agent became free; INVITE, answer and REFER
are taken where they pass the loopback interface, by the kernel's clock, which is the PBX's too. Between them lie its
event over TCP, the engine, PostgreSQL, Valkey, the calls worker and SIP over UDP. `by_the_pbx` has the same from the
PBX's log, with its own loop's lateness in it. Every customer of the measured campaign answers and is transferred, so
each agent that gets free asks for exactly one call, and the n-th of one is the n-th of the other.
"""

import argparse
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks._chain import Chain, add_leads, carried, fill, make_ivr_campaign, make_ports
from benchmarks._goals import goal, tell
from benchmarks._process import load, stolen
from benchmarks._servers import servers
from benchmarks._wire import Moments, Wire

AGENT_TIMES = {"answer_s": [0.05, 0.2], "talk_s": [0.4, 1.5], "wrap_up_s": [0.2, 0.8]}
CROWD_RINGS_S = 20.0
CROWD_KINDS = "4441"
"""Last digits: nobody answers, and a machine."""
MEASURED, CROWD = "55411", "55417"
"""How the numbers of each campaign begin."""
LONGEST_RUN = 180.0
"""Seconds."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=12)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--crowd", type=int, default=200)
    options = parser.parse_args()

    with servers(broker=True):
        figures = measure(options.agents, options.calls, options.crowd)
    goals = {
        "p95": goal(figures["p95"], "<=", 50),
        "p99": goal(figures["p99"], "<=", 150),
        "answer_to_refer_p99": goal(figures["answer_to_refer"]["p99"], "<=", 20),
    }
    return tell(goals, **figures)


def measure(agents: int, calls: int, crowd: int) -> dict[str, Any]:
    from telephony.demo_pbx.process import DemoPbxProcess

    folder = Path(tempfile.mkdtemp(prefix="dialer-bench-"))
    with DemoPbxProcess(folder / "pbx") as pbx:
        ready = pbx.start(pbx_settings(agents, crowd))
        make_ports(2 * agents + crowd, ready.sip_port)
        center = {"settings": {"host": ready.host, "port": ready.events_port}}
        others = make_ivr_campaign(
            center, name="crowd", ring_timeout=round(2 * CROWD_RINGS_S), amd_enabled=True
        )
        campaign = make_campaign_of_agents(others.queue.contact_center, agents + calls)
        with carried(campaign, folder, 2 * agents + crowd) as chain:
            if crowd:
                fill(Chain(others, chain.processes), crowd, CROWD_RINGS_S, CROWD_KINDS, prefix=CROWD)
            events = FreeEvents(ready.host, ready.events_port)
            wire = Wire(ready.sip_port)
            began, before, kept = time.monotonic(), chain.cpu(), stolen()
            chain.start()
            in_flight = wait_for_last_call(campaign)
            took, after, kept = time.monotonic() - began, chain.cpu(), stolen() - kept
        lines = [json.loads(line) for line in ready.log.read_text().splitlines()]
    made = [call for call in lines if call["event"] == "call" and call["number"].startswith(MEASURED)]
    seen = wire.moments()
    on_the_wire = [seen[call["call_id"]] for call in made]
    free = sorted(events.times)
    return {
        **figures(waits(free, [call.invite for call in on_the_wire], agents)),
        "answer_to_refer": figures([call.refer - call.answer for call in on_the_wire]),
        "by_the_pbx": {
            "free_to_invite": figures(waits(free, [call["invite_at"] for call in made], agents)),
            "answer_to_refer": figures([call["transfer_at"] - call["answered_at"] for call in made]),
        },
        "unit": "ms",
        "others_in_flight": statistics.median(in_flight),
        "parts_p50_p95": parts(made, seen),
        "cores": {name: round((after[name] - before[name]) / took, 2) for name in after},
        "stolen_cores": round(kept / took, 3),
        "load": load(),
    }


def waits(free: list[float], invites: list[float], agents: int) -> list[float]:
    """From each agent's "free" to the INVITE for them; the first agents were free at the start, before all "free"."""
    return [invite - at for at, invite in zip(free, sorted(invites)[agents:], strict=False)]


def pbx_settings(agents: int, crowd: int) -> dict[str, Any]:
    return {
        "users": {str(6001 + n): f"pw{6001 + n}" for n in range(2 * agents + crowd)},
        "customers": {"ring_s": [0.2, 1.0], "ring_timeout_s": CROWD_RINGS_S},
        "queues": {
            "sales": {
                "pilot": "7000",
                "agents": [{"id": str(7101 + n), "name": f"Agent {n}"} for n in range(agents)],
                **AGENT_TIMES,
            }
        },
        "ivrs": {"crowd": {"pilot": "8000", "channels": crowd}} if crowd else {},
    }


def make_campaign_of_agents(center: Any, leads: int) -> Any:
    """A campaign without detection, whose leads are due."""
    from telephony.models import Queue
    from tests.factories import make_campaign

    queue = Queue.objects.create(contact_center=center, name="sales", pilot_number="7000")
    campaign = make_campaign(queue=queue, started=False, max_attempts=1)
    add_leads(campaign, 0, leads, "0", prefix=MEASURED)
    return campaign


def wait_for_last_call(campaign: Any) -> list[int]:
    """Returns how many calls of others there were in flight, second by second."""
    from leads.models import CallAttempt, Lead, LeadStatus

    deadline, others = time.monotonic() + LONGEST_RUN, []
    mine = Lead.objects.filter(campaign=campaign)
    while mine.exclude(pool=Lead.Pool.DONE).exists():
        _sleep(deadline, "the campaign did not end")
        others.append(CallAttempt.objects.filter(ended_at=None).exclude(campaign=campaign).count())
    failed = mine.exclude(status=LeadStatus.SUCCESS).count()
    assert not failed, f"{failed} calls came to nothing: the n-th INVITE is not the n-th agent's"
    return others


def _sleep(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(otherwise)
    time.sleep(0.5)


class FreeEvents:
    """Listens to the PBX's feed: when agents became free, in ms since 1970."""

    def __init__(self, host: str, port: int) -> None:
        self.times: list[float] = []
        self._socket = socket.create_connection((host, port))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with self._socket.makefile("rb") as lines:
            for line in lines:
                event = json.loads(line)
                if event["type"] == "agent" and event["state"] == "FREE":
                    self.times.append(event["at"])


def parts(calls: list[dict[str, Any]], seen: dict[str, Moments]) -> dict[str, list[float]]:
    """The way from the claim to the INVITE, by the times in the database."""
    from leads.models import CallAttempt

    made = {attempt.call_id: attempt for attempt in CallAttempt.objects.all()}
    queued, dialed = [], []
    for call in calls:
        attempt = made[call["call_id"]]
        assert attempt.started_at is not None
        queued.append((attempt.started_at - attempt.claimed_at).total_seconds() * 1000)
        dialed.append(seen[call["call_id"]].invite - attempt.started_at.timestamp() * 1000)
    return {"claim_to_start": _cuts(queued), "start_to_invite": _cuts(dialed)}


def _cuts(values: list[float]) -> list[float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return [round(cuts[49], 1), round(cuts[94], 1)]


def figures(times: list[float]) -> dict[str, Any]:
    """In ms."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 1),
        "p95": round(cuts[94], 1),
        "p99": round(cuts[98], 1),
        "longest": round(max(times), 1),
        "n": len(times),
    }


if __name__ == "__main__":
    sys.exit(main())
