"""What this process and others use, and how late its event loop is."""

import asyncio
import os
import resource
import signal
import sys
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def rss_mb() -> float:
    """Memory in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def descriptors() -> int:
    """Files and sockets that are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def load() -> float:
    """The machine's load average of the last minute: figures under a foreign load are worse."""
    return round(os.getloadavg()[0], 1)


def stolen() -> float:
    """Seconds of processor that the machine's host has kept to itself since the start (proc(5)): whoever was due to run
    then ran late, and nobody here can do anything about it."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(first[8]) / _TICKS


def clean_up_when_ended() -> None:
    """SIGTERM (`timeout`, the run of all benchmarks) ends this process as Ctrl-C does: its own processes go with it."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def pss_mb(pid: int) -> float:
    """Memory of a process, with its proportional share of what several map."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Lateness:
    """Wakes every 5 ms; how much later than that is how long something held the loop.

    `ours` counts of it what this process computed meanwhile, in whatever thread: the rest is other processes'.
    """

    def __init__(self) -> None:
        self._late_ms: list[float] = []
        self._ours_ms: list[float] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> dict[str, dict[str, float]]:
        assert self._task is not None
        self._task.cancel()
        return {"all": _cuts(self._late_ms), "ours": _cuts(self._ours_ms)}

    async def _run(self) -> None:
        while True:
            before, cpu = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.005)
            late = max(0.0, (time.perf_counter() - before) * 1000 - 5)
            self._late_ms.append(late)
            self._ours_ms.append(min(late, (time.process_time() - cpu) * 1000))


def _cuts(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(ordered[len(ordered) // 2], 1),
        "p99": round(ordered[len(ordered) * 99 // 100], 1),
        "longest": round(ordered[-1], 1),
    }
