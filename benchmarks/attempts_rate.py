"""Attempts a second through the whole chain: busy customers, and some who never answer.

    python -m benchmarks.attempts_rate [--seconds 60] [--calls 60]

Prints one JSON line: attempts begun and recorded a second, second by second at least and at most, results, processor
and memory of our processes, and what the PBX's own log disagrees with; exit status 1 when a goal was missed. Each customer is busy after 20 to 100 ms;
one in ten rings out after 2 s. Nothing paces the calls but the number of ports.
"""

import argparse
import json
import sys
import time
from collections import Counter
from typing import Any

from benchmarks._chain import Chain, add_leads, leaks, open_chain, results, until_rest
from benchmarks._goals import goal, tell
from benchmarks._process import load

CUSTOMERS = {"refuse_after_s": [0.02, 0.1], "ring_s": 0.1}
KINDS = "2222222224"
LEAST_A_SECOND = 50

SHOWN = 5
TELLING = ("call_id", "result", "sip_code", "reason", "started_at", "ended_at", "ended_by")
"""Fields of an attempt that the log does not have."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=60)
    options = parser.parse_args()
    with open_chain(options.calls, CUSTOMERS, ring_timeout=2) as chain:
        figures = measure(chain, options.seconds)
    goals = {
        "attempts_per_s": goal(figures["attempts_per_s"], ">=", LEAST_A_SECOND),
        "disagreements_with_the_log": goal(len(figures["wrong"]), "==", 0),
    }
    return tell(goals, **figures)


def measure(chain: Chain, seconds: int) -> dict[str, Any]:
    from campaigns import lifecycle
    from leads.models import CallAttempt

    add_leads(chain.campaign, 0, 400 * seconds, KINDS)
    before, began = chain.cpu(), time.monotonic()
    chain.start()
    time.sleep(seconds)
    took, after = time.monotonic() - began, chain.cpu()
    memory = chain.memory()
    lifecycle.stop(chain.campaign.pk)
    until_rest()
    made = CallAttempt.objects.exclude(started_at=None)
    moments = [at.timestamp() for at in made.values_list("started_at", flat=True) if at]
    first = min(moments)
    by_second = Counter(int(at - first) for at in moments)
    whole = [by_second[second] for second in range(1, seconds - 1)]
    return {
        "attempts_per_s": round(sum(whole) / len(whole), 1),
        "slowest_and_fastest_second": [min(whole), max(whole)],
        "seconds": round(took, 1),
        "results": dict(results()),
        "cores": {name: round((after[name] - before[name]) / took, 2) for name in after},
        "pss_mb": {name: round(used) for name, used in memory.items()},
        "wrong": disagreements(chain),
        "load": load(),
    }


def disagreements(chain: Chain) -> list[str]:
    """Each dialed attempt is one call of the PBX's log, and has a result; nothing is left."""
    from leads.models import CallAttempt

    lines = map(json.loads, chain.log.read_text().splitlines())
    log = Counter(line["call_id"] for line in lines if line["event"] == "call")
    rows = Counter(CallAttempt.objects.exclude(started_at=None).values_list("call_id", flat=True))
    wrong = [f"{name}: {count} leaks" for name, count in leaks().items()]
    if log != rows:
        wrong.append(f"{sum(rows.values())} attempts, {sum(log.values())} calls in the log, not the same")
        wrong += [f"in the log alone: {call_id}" for call_id in list(log - rows)[:SHOWN]]
        only_rows = CallAttempt.objects.exclude(started_at=None).filter(call_id__in=list(rows - log)[:SHOWN])
        wrong += [f"not in the log: {row}" for row in only_rows.values(*TELLING)]
    if nothing := CallAttempt.objects.exclude(started_at=None).filter(result="").count():
        wrong.append(f"{nothing} attempts without a result")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
