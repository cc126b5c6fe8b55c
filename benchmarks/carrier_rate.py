"""Calls a second that a carrier with a limit is given, beside the limit, by the PBX's own log.

    python -m benchmarks.carrier_rate [--limit 15] [--ports 200] [--seconds 40] [--busy 0]

More leads are due and more channels free than the limit lets through, so that calls wait for their turns all the time.
`--busy`: so many processes that only count, beside; the machine is short of processors then. Prints one JSON line: INVITEs
a second at the PBX, the most in any second of them, what `dialing.carriers` promises, and how many attempts waited in
vain; exit status 1 when a goal was missed.
"""

import argparse
import json
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from benchmarks._chain import Chain, add_leads, open_chain, until_rest
from benchmarks._goals import goal, tell
from benchmarks._process import load

CUSTOMERS = {"refuse_after_s": [0.5, 2.0], "ring_s": 0.1}
KINDS = "2"
YIELD = 0.93
"""Of the limit, at least."""
SETTLED_S = 3.0
"""At the beginning, not counted."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=Decimal, default=Decimal(15))
    parser.add_argument("--ports", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--busy", type=int, default=0)
    options = parser.parse_args()
    with open_chain(options.ports, CUSTOMERS) as chain, busy(options.busy):
        figures = measure(chain, options.limit, options.seconds)
    goals = {
        "calls_per_s": goal(figures["calls_per_s"], ">=", YIELD * float(options.limit)),
        "most_in_a_second": goal(figures["most_in_a_second"], "<=", figures["promised_in_a_second"]),
    }
    return tell(goals, **figures)


def measure(chain: Chain, limit: Decimal, seconds: int) -> dict[str, Any]:
    from campaigns import lifecycle
    from dialing.carriers import most_in
    from leads.models import CallAttempt
    from telephony.models import Carrier, DialerPort

    trunk = Carrier.objects.create(name="trunk with a limit", calls_per_second=limit)
    DialerPort.objects.update(carrier=trunk)
    time.sleep(5)  # workers look at their ports every few seconds
    add_leads(chain.campaign, 0, int(limit) * (seconds + 30), KINDS)
    chain.start()
    time.sleep(seconds)
    lifecycle.stop(chain.campaign.pk)
    until_rest()
    moments = invites(chain)
    settled = [at - moments[0] for at in moments if at - moments[0] > SETTLED_S]
    by_second = [sum(second < at <= second + 1 for at in settled) for second in range(3, int(settled[-1]))]
    waited = CallAttempt.objects.filter(started_at=None)
    return {
        "limit": float(limit),
        "calls_per_s": round((len(settled) - 1) / (settled[-1] - settled[0]), 2),
        "most_in_a_second": most_in_any(settled, 1.0),
        "promised_in_a_second": most_in(1.0, float(limit)),
        "slowest_second": min(by_second),
        "waited_in_vain": waited.filter(reason__contains="calls per second").count(),
        "came_too_late": waited.filter(reason__contains="too late").count(),
        "stood_still": waited.filter(reason__contains="stood still").count(),
        "load": load(),
    }


def invites(chain: Chain) -> list[float]:
    """When they reached the PBX, in seconds."""
    lines = map(json.loads, chain.log.read_text().splitlines())
    return sorted(line["invite_at"] / 1000 for line in lines if line["event"] == "call")


def most_in_any(moments: list[float], window: float) -> int:
    return max(bisect_right(moments, at + window) - number for number, at in enumerate(moments))


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that want a processor each."""
    counting = "while True: pass"
    processes = [subprocess.Popen([sys.executable, "-c", counting]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
