"""CPU, stalls and memory of the detection engine, as JSON.

    python -m benchmarks.amd_engine [--calls 100 300] [--seconds 6] [--rules]

All calls run side by side and are opened again as soon as they are decided, so the given number is always analysed.
`cpu_ms_per_call_second` is the CPU time for each second of each call; `tick_ms_*` is how long one tick of 20 ms
takes (in a process beside the loop, see amd_loop), `tick_cpu_ms_longest` the same without what other programs took;
`warm_up_ms` is the first engine with its model; memory is what this process grew by.
"""

import argparse
import json
import resource
import sys
import time

import numpy as np

from amd.engine import Engine
from amd.profile import BALANCED
from audio.g711 import FRAME_BYTES, encode_ulaw


def sounds(count: int, seconds: float) -> list[list[bytes]]:
    """Bursts with the rhythm of speech over comfort noise, each call another."""
    out = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        n = round(seconds * 8000)
        t = np.arange(n) / 8000
        voice = sum(np.sin(2 * np.pi * h * (110 + 3 * seed % 120) * t) / h for h in range(1, 15)) * 2000
        gate = np.repeat(rng.random(n // 1600 + 1) < 0.6, 1600)[:n] * (t > rng.uniform(0.1, 1.5))
        x = voice * gate * (1 + np.sin(2 * np.pi * 4 * t)) / 2 + rng.standard_normal(n) * 20
        data = encode_ulaw(x.clip(-32000, 32000).astype(np.int16))
        out.append([data[i : i + FRAME_BYTES] for i in range(0, len(data), FRAME_BYTES)])
    return out


def run(calls: int, seconds: float, rules_only: bool) -> dict[str, float | int]:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.perf_counter()
    engine = Engine(calls, rules_only=rules_only)
    warm_up = time.perf_counter() - begin
    heard = sounds(min(calls, 50), 10)
    rng = np.random.default_rng(0)
    slots: dict[int, int] = {}
    for i in range(calls):  # calls begin at different moments, as live ones do
        if i % 5 == 0:
            engine.tick()
        slots[engine.open(BALANCED)] = int(rng.integers(0, 250))
    ticks = round(seconds * 50)
    took, worked = np.empty(ticks), np.empty(ticks)
    verdicts = 0
    cpu = time.process_time()
    for tick in range(ticks):
        start, begun = time.perf_counter(), time.thread_time()
        for slot, at in slots.items():
            call = heard[slot % len(heard)]
            engine.push(slot, call[(at + tick) % len(call)])
        for slot, _ in engine.tick():
            engine.close(slot)
            slots[engine.open(BALANCED)] = slots.pop(slot)
            verdicts += 1
        took[tick] = (time.perf_counter() - start) * 1000
        worked[tick] = (time.thread_time() - begun) * 1000
    cpu = time.process_time() - cpu
    return {
        "calls": calls,
        "call_seconds": calls * seconds,
        "cpu_ms_per_call_second": round(1000 * cpu / (calls * seconds), 3),
        "tick_ms_median": round(float(np.median(took)), 2),
        "tick_ms_p99": round(float(np.percentile(took, 99)), 2),
        "tick_ms_longest": round(float(took.max()), 2),
        "tick_cpu_ms_longest": round(float(worked.max()), 2),
        "warm_up_ms": round(warm_up * 1000, 1),
        "memory_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024, 1),
        "state_bytes_per_call": engine.state_bytes() // calls,
        "verdicts": verdicts,
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rules", action="store_true", help="without the model")
    options = parser.parse_args()
    print(json.dumps({"amd_engine": [run(n, options.seconds, options.rules) for n in options.calls]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
