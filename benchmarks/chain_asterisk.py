"""So many calls at once through the whole chain, against a real Asterisk (the PBX lab; root).

    python -m benchmarks chain_asterisk [--calls 300] [--seconds 40] [--ring 16] [--filling 20]

Claim, gate, Celery, SIP, detection, transfer to the IVR, result: the ports are all in use for so many seconds, with
people, machines, busy ones and people who don't answer. The leads of the first calls come over `--filling` seconds, so
that not all customers answer in one moment; then there are always more. Then the campaign is stopped, and each attempt
is held against Asterisk's own log of its SIP messages. In the same run Asterisk originates as many calls by itself, at
our rate. Prints one JSON line; exit status 1 when a goal was missed. `skipped` where there can be no lab.
"""

import argparse
import json
import re
import statistics
import sys
import time
from collections import Counter
from typing import Any

from benchmarks._asterisk import NAMES, lab_cpu, open_asterisk_chain, server_cpu
from benchmarks._chain import Chain, fill, in_flight, leaks, results, until_rest
from benchmarks._goals import goal, tell
from benchmarks._process import load

KINDS = "0019012904"
"""Six people of ten, two machines, one busy, one who does not answer."""
RESULTS = {
    "0": {"SUCCESS"},
    "1": {"AMD"},
    "2": {"BUSY"},
    "4": {"FAILED"},
    "9": {"SUCCESS"},
}
MOST_CORES, MOST_MB = 1.2, 800


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--ring", type=float, default=16, help="seconds until somebody answers")
    parser.add_argument("--filling", type=int, default=20, help="seconds until all ports are in use")
    options = parser.parse_args()
    from tests.pbx_lab.lab import NoLabError

    try:
        with open_asterisk_chain(options.calls, ring_s=options.ring) as (chain, lab):
            fill(chain, options.calls, options.filling, KINDS, prefix="06")
            figures = measure(chain, lab, options.seconds)
            figures["asterisk_alone"] = originate(lab, figures)
    except NoLabError as why:
        print(json.dumps({"skipped": str(why)}))
        return 0
    goals = {
        "cores": goal(round(sum(figures["cores"].values()), 2), "<=", MOST_CORES),
        "pss_mb": goal(round(sum(figures["pss_mb"].values())), "<=", MOST_MB),
        "in_flight_median": goal(figures["in_flight_median"], ">=", 0.95 * options.calls),
        "unexpected_sip_messages": goal(len(figures["unexpected"]), "==", 0),
        "disagreements_with_the_log": goal(len(figures["wrong"]), "==", 0),
    }
    return tell(goals, **figures)


def measure(chain: Chain, lab: Any, seconds: int) -> dict[str, Any]:
    from campaigns import lifecycle
    from leads.models import CallAttempt

    before, lab_before, servers_before = chain.cpu(), lab_cpu(lab), server_cpu()
    made_before, began = CallAttempt.objects.exclude(started_at=None).count(), time.monotonic()
    there = []
    while time.monotonic() - began < seconds:
        time.sleep(1)
        there.append(in_flight(chain.campaign))
    took, after, memory = time.monotonic() - began, chain.cpu(), chain.memory()
    lab_after, servers_after = lab_cpu(lab), server_cpu()
    made = CallAttempt.objects.exclude(started_at=None).count() - made_before
    lifecycle.stop(chain.campaign.pk)
    until_rest(60)
    time.sleep(2)  # Asterisk's log has the last messages
    wrong, unexpected, repeated = held_against_the_log(lab)
    return {
        "seconds": round(took, 1),
        "in_flight_median": statistics.median(there),
        "in_flight_least": min(there),
        "attempts_per_s": round(made / took, 1),
        "attempts": sum(results().values()),
        "results": dict(results()),
        "cores": {name: round((after[name] - before[name]) / took, 3) for name in NAMES},
        "cores_of_servers": _rates(servers_before, servers_after, took),
        "cores_of_the_lab": _rates(lab_before, lab_after, took),
        "pss_mb": {name: round(used) for name, used in memory.items()},
        "unexpected": unexpected[:20],
        "repeated_messages": len(repeated),
        "wrong": wrong[:20],
        "load": load(),
    }


def _rates(before: dict[str, float], after: dict[str, float], took: float) -> dict[str, float]:
    return {name: round((after[name] - before[name]) / took, 3) for name in after}


def held_against_the_log(lab: Any) -> tuple[list[str], list[str], list[str]]:
    """What our rows and Asterisk's log disagree about, SIP messages that should not be, and those that were repeated."""
    from leads.models import CallAttempt
    from tests.pbx_lab import sip_log

    said = sip_log.dialer_calls(sip_log.read(lab.log))
    found = [sip_log.call_of(messages) for messages in said.values()]
    log = Counter((call["call_id"], call["number"]) for call in found)
    dialed = CallAttempt.objects.exclude(started_at=None)
    rows = Counter(dialed.values_list("call_id", "phone_number"))
    wrong = [f"{name}: {count} leaks" for name, count in leaks().items()]
    wrong += [f"in the log and not with us, or twice: {call}" for call in log - rows]
    wrong += [f"with us and not in the log, or twice: {call}" for call in rows - log]
    wrong += [f"still up in the log: {call['call_id']}" for call in found if call["ended_at"] is None]
    wrong += [
        f"{number} ended as {result or 'nothing'}: {code} {reason} {heard}"
        for number, result, code, reason, heard in dialed.values_list(
            "phone_number", "result", "sip_code", "reason", "amd_cause"
        )
        if result not in RESULTS[number[-1]] and reason != "stopped"
    ]
    messages = [message for call in said.values() for message in call]
    return wrong, sip_log.unexpected(messages), sip_log.repeated(messages)


def originate(lab: Any, ours: dict[str, Any]) -> dict[str, Any]:
    """Asterisk's own calls to the same customers, at our rate and of our length."""
    from django.db.models import Avg, F

    from leads.models import CallAttempt

    answered = CallAttempt.objects.exclude(answered_at=None).aggregate(
        length=Avg(F("ended_at") - F("answered_at"))
    )
    hold = answered["length"].total_seconds() if answered["length"] else 5.0
    rate = max(ours["attempts_per_s"], 1)
    line = lab.load_peer(rate, round(10 * rate), round(hold, 1))
    number = r"([\d.]+)"
    cores = re.search(rf"cores asterisk {number} sipp {number}", line)
    sent = re.search(rf"sent {number}/s answered (\d+)", line)
    return {
        "calls_per_s": float(sent[1]) if sent else None,
        "answered": int(sent[2]) if sent else None,
        "cores_asterisk": float(cores[1]) if cores else None,
        "line": line,
    }


if __name__ == "__main__":
    sys.exit(main())
