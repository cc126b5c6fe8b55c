"""How late the RTP loop is while calls are analysed in the process beside it, as JSON.

    python -m benchmarks.amd_loop [--calls 300] [--seconds 10]

The loop ticks each 20 ms as the calls worker's does, and hands over a frame of each call; calls that are decided begin
again, so the given number is always analysed. `handing_over_ms_*` is the loop's own work for it in CPU time.
`late_ms_*` is how late the ticks came; `idle_late_ms_*` the same for a loop that does nothing, before and after: what
this machine does to anyone. `engine_*` is the process beside the loop: its memory at the end (its proportional share of
what several map), and its CPU time for each second of each call. The goals: the longest stall under 10 ms, 120 MB, 2 ms.
"""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import uvloop

from amd.profile import BALANCED
from benchmarks._process import cpu_seconds, pss_mb
from benchmarks.amd_engine import sounds
from dialing.detection import DetectedCall, Detection
from dialing.promptness import be_prompt
from telephony.rtp.engine import RtpEngine

TICK_S = 0.02


@dataclass
class Load:
    """Calls that begin again once they are decided."""

    detection: Detection
    heard: list[list[bytes]] = field(default_factory=lambda: sounds(50, 10))
    calls: dict[int, DetectedCall] = field(default_factory=dict)
    verdicts: int = 0

    def begin(self, number: int) -> None:
        call = self.calls[number] = self.detection.call(BALANCED)
        call.begin(partial(self._decided, number))

    def _decided(self, number: int, _verdict: object) -> None:
        self.verdicts += 1
        self.begin(number)

    def hand_over(self, tick: int) -> None:
        for number, call in self.calls.items():
            sound = self.heard[number % len(self.heard)]
            call.hear(sound[(number * 7 + tick) % len(sound)])


async def lateness(seconds: float, work: object = None) -> list[float]:
    """Milliseconds by which each tick came late; `work(tick)` is done in each."""
    loop = asyncio.get_running_loop()
    late, due = [], loop.time()
    for tick in range(round(seconds / TICK_S)):
        due += TICK_S
        await asyncio.sleep(max(0.0, due - loop.time()))
        late.append(max(0.0, loop.time() - due) * 1000)
        if callable(work):
            work(tick)
        due = max(due, loop.time() - TICK_S)  # a long pause is one late tick, not many
    return late


async def measure(calls: int, seconds: float) -> dict[str, float | int]:
    media = RtpEngine()
    detection = Detection(calls)
    be_prompt()
    idle = await lateness(seconds / 3)
    detection.start(media)
    load = Load(detection)
    worked: list[float] = []
    waiting: list[int] = []

    def tick(number: int) -> None:
        begun = time.thread_time()
        if len(load.calls) < calls and number % 2 == 0:  # as calls are answered: not all in one tick
            for new in range(len(load.calls), min(calls, len(load.calls) + 12)):
                load.begin(new)
        load.hand_over(number)
        assert media.after_tick is not None
        media.after_tick()
        worked.append((time.thread_time() - begun) * 1000)
        waiting.append(detection.waiting)

    cpu = cpu_seconds(detection.pid)
    late = await lateness(seconds, tick)
    cpu = cpu_seconds(detection.pid) - cpu
    memory = pss_mb(detection.pid)
    detection.close()
    idle += await lateness(seconds / 3)
    return {
        "calls": calls,
        "seconds": seconds,
        "verdicts": load.verdicts,
        **spread("handing_over_ms", worked),
        **spread("late_ms", late),
        **spread("idle_late_ms", idle),
        "batches_waiting_longest": max(waiting),
        "engine_cpu_ms_per_call_second": round(1000 * cpu / (calls * seconds), 2),
        "engine_memory_mb": round(memory, 1),
    }


def spread(name: str, values: list[float]) -> dict[str, float]:
    some = np.array(values)
    return {
        f"{name}_median": round(float(np.median(some)), 2),
        f"{name}_p99": round(float(np.percentile(some, 99)), 2),
        f"{name}_longest": round(float(some.max()), 2),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps({"amd_loop": runner.run(measure(options.calls, options.seconds))}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
