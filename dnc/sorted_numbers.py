"""Sets of numbers that may be larger than memory: sorted runs in a file, read in step.

Ten million numbers are sorted here in a second; PostgreSQL takes ten for it, as rows of a stage table.
"""

from collections.abc import Iterator
from tempfile import TemporaryFile
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

RUN = 4_000_000
"""Numbers that are sorted at once, in 32 MB."""
STEP = 250_000
"""Numbers of each run that are looked at together."""


class SortedNumbers:
    """Numbers go in in any order, and come out in ascending order, each once."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed with this object
        finalize(self, self._file.close)
        self._waiting: list[Numbers] = []
        self._runs: list[int] = []

    def add(self, numbers: Numbers) -> None:
        self._waiting.append(numbers)
        if sum(map(len, self._waiting)) >= RUN:
            self._write_run()

    def blocks(self) -> Iterator[Numbers]:
        """All numbers, in blocks that follow each other."""
        self._write_run()
        runs = self._open_runs()
        while runs:
            heads = [run[:STEP] for run in runs]
            last = min(head[-1] for head in heads)  # up to here, no run has a number beyond its head
            ends = [int(np.searchsorted(head, last, side="right")) for head in heads]
            yield _each_once(np.concatenate([head[:end] for head, end in zip(heads, ends, strict=True)]))
            runs = [run[end:] for run, end in zip(runs, ends, strict=True) if end < len(run)]

    def without(self, others: "SortedNumbers") -> "SortedNumbers":
        """The numbers that `others` does not have."""
        rest, left = others.blocks(), SortedNumbers()
        beside: Numbers = np.empty(0, np.int64)
        for block in self.blocks():
            beside = beside[np.searchsorted(beside, block[0]) :]
            while (not len(beside) or beside[-1] < block[-1]) and (more := next(rest, None)) is not None:
                beside = np.concatenate([beside, more])
            left.add(block[~_are_in(block, beside)])
        return left

    def __len__(self) -> int:
        """How many; exact for numbers that were added in ascending order, else their repetitions may count."""
        return sum(self._runs) + sum(map(len, self._waiting))

    def _write_run(self) -> None:
        if not any(map(len, self._waiting)):
            return
        run = _each_once(np.concatenate(self._waiting))
        self._waiting.clear()
        self._file.write(run.data)
        self._file.flush()
        self._runs.append(len(run))

    def _open_runs(self) -> list[Numbers]:
        runs: list[Numbers] = []
        begin = 0
        for length in self._runs:
            runs.append(np.memmap(self._file, np.int64, "r", begin, (length,)))
            begin += 8 * length
        return runs


def _each_once(numbers: Numbers) -> Numbers:
    """Sorted in place. `np.unique` hashes integers (numpy 2.4): ten times as long for numbers like these."""
    numbers.sort()
    first: Numbers = numbers[np.append(True, numbers[1:] != numbers[:-1])]
    return first


def _are_in(block: Numbers, others: Numbers) -> NDArray[np.bool_]:
    """For each number of a sorted block, whether sorted `others` has it."""
    if not len(others):
        return np.zeros(len(block), np.bool_)
    at = np.minimum(np.searchsorted(others, block), len(others) - 1)
    found: NDArray[np.bool_] = others[at] == block
    return found
