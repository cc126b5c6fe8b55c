"""The demo campaign of 200 leads from nothing to its end, compared with the demo PBX's call log, lead by lead.

    python -m benchmarks.demo_campaign [--folder FOLDER]

Runs `manage.py demo` on a data folder of its own, waits until every lead has a final status or waits for its
retry, stops the demo as Ctrl-C does, and prints one JSON line: seconds to the servers, to the first placed call
and to the end, leads and attempts by result, answering machines taken for people and the other way round, and
every disagreement with the log. Takes about eight minutes.
Exit status 1 when anything disagrees or a result of SPEC 6 never occurred.
"""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

LONGEST_RUN = 1200.0
"""Seconds."""
WANTED = {"SUCCESS", "BUSY", "REFUSED", "FAILED", "AMD", "SERVICE_TEMPORARY_UNAVAILABLE", "DO_NOT_CALL"}
REJECTIONS = {
    486: "BUSY",
    603: "REFUSED",
    404: "FAILED",
    480: "FAILED",
    487: "FAILED",
    503: "SERVICE_TEMPORARY_UNAVAILABLE",
}
"""SIP codes of the demo PBX and their results (SPEC 6)."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=None, help="data folder; a new one by default")
    folder = parser.parse_args().folder or Path(tempfile.mkdtemp(prefix="dialer-demo-"))
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "dialer_project.settings",
        "DIALER_VAR": str(folder),
        "WEB_PORT": str(_free_port()),
    }
    output = folder / "demo.txt"
    folder.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as stream:
        demo = subprocess.Popen([sys.executable, "manage.py", "demo"], stdout=stream, stderr=stream)
    try:
        seconds = _wait_for_the_end(demo, output)
        counts, attempts = _database()
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=60)
    figures = {**_steps(output), "campaign_s": round(seconds, 1), "leads": counts["leads"]}
    log = _calls(folder)
    wrong = disagreements(counts, attempts, log)
    figures |= {"results": counts["results"], "calls": len(attempts), "misjudged": _misjudged(log)}
    print(json.dumps({**figures, "wrong": wrong}))
    return int(bool(wrong))


def _wait_for_the_end(demo: "subprocess.Popen[bytes]", output: Path) -> float:
    """Seconds from the first placed call to the last lead's final status or retry."""
    began = None
    deadline = time.monotonic() + LONGEST_RUN
    while time.monotonic() < deadline:
        if demo.poll() is not None:
            raise SystemExit(f"The demo ended by itself:\n{output.read_text()}")
        if began is None and "first call was placed" in output.read_text():
            began = time.monotonic()
            _set_up_django()
        if began is not None and _at_rest():
            return time.monotonic() - began
        time.sleep(1)
    raise SystemExit(f"The campaign did not end within {LONGEST_RUN:.0f} s:\n{output.read_text()[-2000:]}")


def _set_up_django() -> None:
    import django

    django.setup()


def _at_rest() -> bool:
    """Nobody is left who was never called; the retries, due a minute after each call, are done too."""
    from leads.models import Lead

    return not Lead.objects.exclude(pool=Lead.Pool.DONE).exists()


def _database() -> tuple[dict[str, Any], list[Any]]:
    from leads.models import CallAttempt, Lead

    leads = {lead.phone_number: lead for lead in Lead.objects.all()}
    results = Counter(CallAttempt.objects.exclude(result="").values_list("result", flat=True))
    made = list(CallAttempt.objects.exclude(started_at=None))
    open_attempts = CallAttempt.objects.filter(ended_at=None).count()
    statuses = Counter(lead.status for lead in leads.values())
    return {
        "leads": dict(statuses),
        "results": dict(results),
        "attempts_of": {number: lead.attempts for number, lead in leads.items()},
        "open": open_attempts,
    }, made


def _calls(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "demo-calls.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == "call"]


def disagreements(counts: dict[str, Any], attempts: list[Any], log: list[dict[str, Any]]) -> list[str]:
    """Where database and call log tell different stories; empty when they agree on every lead and call."""
    wrong = [f"no call ended as {result}" for result in sorted(WANTED - set(counts["results"]))]
    if counts["open"]:
        wrong.append(f"{counts['open']} attempts are still open")
    by_call = {call["call_id"]: call for call in log}
    dialed = Counter(call["number"] for call in log)
    if len(by_call) != len(log) or len(log) != len(attempts):
        wrong.append(f"{len(attempts)} attempts, {len(log)} calls in the log")
    wrong += [
        f"{number}: {attempts_made} attempts, {dialed[number]} calls in the log"
        for number, attempts_made in counts["attempts_of"].items()
        if attempts_made != dialed[number]
    ]
    for attempt in attempts:
        call = by_call.get(attempt.call_id)
        if call is None:
            wrong.append(f"{attempt}: the log has no such call")
        elif attempt.result != (seen := _seen_by_the_peer(call)):
            wrong.append(f"{attempt}: {attempt.result} ({attempt.reason}), the customer's record says {seen}")
    return wrong


def _seen_by_the_peer(call: dict[str, Any]) -> str:
    """The result that the peer's record of a call stands for."""
    if call["answered_at"] is None:
        return REJECTIONS[call["sip_code"]]
    if call["transfer_at"]:
        return "SUCCESS"
    return "FAILED" if call["ended_by"] == "customer" else "AMD"


def _misjudged(log: list[dict[str, Any]]) -> Counter[str]:
    """Answering machines that were transferred, and people who were hung up on."""
    return Counter(
        call["customer"]
        for call in log
        if (call["customer"] == "machine" and call["transfer_at"])
        or (call["customer"] in {"human", "silence"} and not call["transfer_at"])
    )


def _steps(output: Path) -> dict[str, float | None]:
    """Seconds that the demo itself printed."""
    text = output.read_text()

    def seconds(pattern: str) -> float | None:
        found = re.search(pattern, text)
        return float(found[1]) if found else None

    return {
        "servers_up_s": seconds(r"([\d.]+) s  PostgreSQL is up"),
        "first_call_s": seconds(r"first call was placed ([\d.]+) s"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
