"""Answered calls with audio both ways, against sipp: held, frames a second, CPU, memory, first audio.

    python -m benchmarks.sip_calls [--calls 300] [--seconds 10] [--loop uvloop|asyncio] [--codec PCMA|PCMU] [--amd]

`cpu_cores` is this process's CPU time over the window in which all calls are up; `late_ms` is how late the event
loop was in the 3 s after it, in all and by our own work (asking costs processor time, too); `load` is the machine's load average at the end, sipp included. `--amd` analyses every call.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from benchmarks._process import Lateness, load, rss_mb
from benchmarks._sipp import HOST, NoSippError, sipp, write_audio
from dialing.call import CallPlan, SilentObserver, place_call
from dialing.call_report import CallReport
from telephony.sip.account import SipAccount
from telephony.sip.user_agent import UserAgent

CODECS = {"PCMA": 8, "PCMU": 0}
"""RTP payload types of what sipp may speak."""
RATE = 100
"""New calls a second."""
LATENESS_S = 3


class Answers(SilentObserver):
    """Counts answers until all are there."""

    def __init__(self, wanted: int) -> None:
        self.count = 0
        self.complete = asyncio.Event()
        self._wanted = wanted

    def on_answered(self) -> None:
        self.count += 1
        if self.count == self._wanted:
            self.complete.set()


async def run(port: int, calls: int, seconds: float, amd: bool) -> dict[str, Any]:
    """Places the calls, measures while all are up, hangs up."""
    agent = UserAgent()
    await agent.start(HOST)
    detection = None
    if amd:
        from dialing.detection import Detection

        detection = Detection(calls)
        detection.start(agent.media)
    answers = Answers(calls)
    tasks = []
    for number in range(calls):
        account = SipAccount(f"{6000 + number}", "x", HOST, port)
        plan = CallPlan(
            account, f"06{number:08}", hold_s=calls / RATE + seconds + LATENESS_S + 2, ring_timeout_s=60
        )
        detector = detection.call() if detection else None
        tasks.append(asyncio.create_task(place_call(agent, plan, observer=answers, detector=detector)))
        await asyncio.sleep(1 / RATE)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(20):
            await answers.complete.wait()
    await asyncio.sleep(0.5)
    window = await measure(agent, seconds)
    late = Lateness()
    late.start()
    await asyncio.sleep(LATENESS_S)
    lateness = late.stop()
    reports = await asyncio.gather(*tasks)
    await agent.stop()
    if detection:
        detection.close()
    return {**window, "answered": answers.count, "late_ms": lateness, **about(reports)}


async def measure(agent: UserAgent, seconds: float) -> dict[str, Any]:
    """Frames, CPU and memory over `seconds`."""
    streams = [session.stream for session in agent.media.sessions]
    before = [(s.audio_frames, s.sent) for s in streams]
    cpu, begin = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - begin
    cpu = time.process_time() - cpu
    heard = [(s.audio_frames - b[0]) / took for s, b in zip(streams, before, strict=True)]
    sent = [(s.sent - b[1]) / took for s, b in zip(streams, before, strict=True)]
    return {
        "held": sum(h > 40 for h in heard),
        "frames_in_per_s": {"mean": round(statistics.fmean(heard), 1), "least": round(min(heard), 1)},
        "frames_out_per_s": {"mean": round(statistics.fmean(sent), 1), "least": round(min(sent), 1)},
        "cpu_cores": round(cpu / took, 3),
        "rss_mb": rss_mb(),
        "load": load(),
    }


def about(reports: list[CallReport]) -> dict[str, Any]:
    """First audio, and how the calls ended."""
    first = sorted(r.first_audio_ms for r in reports if r.first_audio_ms is not None)
    results: dict[str, int] = {}
    for report in reports:
        results[str(report.result)] = results.get(str(report.result), 0) + 1
    return {"first_audio_p95_ms": first[len(first) * 95 // 100] if first else None, "results": results}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--codec", choices=CODECS, default="PCMA")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--amd", action="store_true")
    options = parser.parse_args()
    factory = uvloop.new_event_loop if options.loop == "uvloop" else asyncio.new_event_loop
    with tempfile.TemporaryDirectory() as folder:
        audio = write_audio(Path(folder))
        try:
            with (
                sipp("answers.xml", AUDIO=audio, PAYLOAD=CODECS[options.codec], CODEC=options.codec) as port,
                asyncio.Runner(loop_factory=factory) as runner,
            ):
                figures = runner.run(run(port, options.calls, options.seconds, options.amd))
        except NoSippError as missing:
            print(json.dumps({"sip_calls": None, "why": str(missing)}))
            return 0
    print(json.dumps({"calls": options.calls, "loop": options.loop, "amd": options.amd, **figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
