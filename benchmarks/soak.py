"""Hours of calls: leak counters stay 0, and memory flat.

    python -m benchmarks soak [--minutes 5] [--calls 50] [--plot build/soak.png]

Keeps so many calls going: people who are transferred, machines, busy ones, people who hang up. Samples the memory of
each of our processes every few seconds and draws it. Prints one JSON line: calls, results, leak counters at rest,
repairs made, and memory in the first and last fifth of the run after warming up; exit status 1 when a counter is not
0, the sum grew by more than 5 %, or fewer calls were in flight. The first fifth of the time is warming up: caches and
pools fill.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks._chain import Chain, add_leads, leaks, open_chain, results
from benchmarks._goals import goal, tell
from benchmarks._plot import lines_png
from benchmarks._process import load

CUSTOMERS = {"ring_s": [0.2, 1.0], "refuse_after_s": [0.05, 0.3], "speak_after_s": [0.2, 0.5]}
KINDS = "0012370890"
SAMPLE_EVERY = 5.0
MOST_GROWTH = 0.05
CHANNELS_A_CALL = 3
"""Who was transferred keeps a channel of the IVR, and no port any more."""
LEAST_SHARE = 0.8
"""Of the calls, in flight in nine of ten samples: memory is flat too where nothing happens."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--plot", type=Path, default=Path("build/soak.png"))
    options = parser.parse_args()
    channels = CHANNELS_A_CALL * options.calls
    with open_chain(options.calls, CUSTOMERS, talk_s=(2, 6), amd=True, channels=channels) as chain:
        figures, samples = measure(chain, options.minutes * 60, options.calls)
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    options.plot.write_bytes(lines_png(samples))
    goals = {
        "leaks_at_rest": goal(len(figures["leaks_at_rest"]), "==", 0),
        "growth": goal(figures["growth"], "<=", MOST_GROWTH),
        "in_flight": goal(figures["in_flight_least"], ">=", round(LEAST_SHARE * options.calls)),
    }
    return tell(goals, **figures, plot=str(options.plot))


def measure(chain: Chain, seconds: float, calls: int) -> tuple[dict[str, Any], dict[str, list[float]]]:
    from campaigns import lifecycle
    from dialing.models import Tally
    from leads.models import CallAttempt, Lead

    made, in_flight = 0, []
    samples: dict[str, list[float]] = {name: [] for name in chain.names}
    chain.start()
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if Lead.objects.filter(pool=Lead.Pool.WAITING).count() < 20 * calls:
            add_leads(chain.campaign, made, 40 * calls, KINDS)
            made += 40 * calls
        time.sleep(SAMPLE_EVERY)
        in_flight.append(CallAttempt.objects.filter(ended_at=None).count())
        for name, used in chain.memory().items():
            samples[name].append(used)
    lifecycle.stop(chain.campaign.pk)
    _until_rest()
    total = [sum(values) for values in zip(*samples.values(), strict=True)]
    early, late = _cuts(total)
    return {
        "minutes": round(seconds / 60, 1),
        "calls": sum(results().values()),
        "in_flight_median": statistics.median(in_flight),
        "in_flight_least": sorted(in_flight)[len(in_flight) // 10],
        "results": dict(results()),
        "leaks_at_rest": leaks(),
        "repairs": dict(Tally.objects.filter(name="repairs", value__gt=0).values_list("label", "value")),
        "pss_mb_early_and_late": [round(early, 1), round(late, 1)],
        "growth": round(late / early - 1, 4),
        "pss_mb_at_the_end": {name: round(values[-1], 1) for name, values in samples.items()},
        "load": load(),
    }, samples


def _cuts(total: list[float]) -> tuple[float, float]:
    """Medians of the second fifth, when all is warm, and of the last."""
    fifth = max(1, len(total) // 5)
    return statistics.median(total[fifth : 2 * fifth] or total), statistics.median(total[-fifth:])


def _until_rest() -> None:
    """Answered calls end in their own time; then the processes report once more."""
    from dialing import reports
    from leads.models import CallAttempt

    deadline = time.monotonic() + 60
    while CallAttempt.objects.filter(ended_at=None).exists() and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(3 * reports.EVERY)


if __name__ == "__main__":
    sys.exit(main())
