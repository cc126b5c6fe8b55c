"""Gradient-boosted shallow trees as plain arrays, for many rows at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amd.spectrum import Floats

_AT_ONCE = 40
"""Trees of one pass: their comparisons for some hundred rows fit the cache."""


@dataclass(frozen=True, slots=True)
class Trees:
    """T complete binary trees of depth D. At node i, `feature[t, i]` above `threshold[t, i]` goes to 2i + 2, else to
    2i + 1; both (T, 2^D - 1). `leaf` (T, 2^D) adds to the log-odds, which start at `base`."""

    feature: NDArray[np.int32]
    threshold: Floats
    leaf: Floats
    base: float

    def probability(self, table: Floats) -> Floats:
        """The probability of each row of `table` (n, features): (n,)."""
        columns = np.ascontiguousarray(table.T)
        odds = np.full(len(table), self.base, np.float32)
        for start in range(0, len(self.feature), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            odds += self._leaves(columns, self.feature[some], self.threshold[some], self.leaf[some])
        probability: Floats = (1 / (1 + np.exp(-odds))).astype(np.float32)
        return probability

    @staticmethod
    def _leaves(columns: Floats, feature: NDArray[np.int32], threshold: Floats, leaf: Floats) -> Floats:
        """Sum of the leaves reached. All nodes are compared at once, then each level picks half of what is left:
        that reads memory in order, and a walk from node to node does not."""
        higher = columns[feature.T] > threshold.T[:, :, None]  # (2^D - 1, T, n)
        levels = (feature.shape[1] + 1).bit_length() - 1
        place = np.zeros(higher.shape[1:], np.intp)
        chosen: list[NDArray[np.bool_]] = []
        for level in range(levels):
            nodes = [higher[i] for i in range(2**level - 1, 2 ** (level + 1) - 1)]
            for went in chosen:
                half = len(nodes) // 2
                nodes = [
                    np.where(went, right, left)
                    for left, right in zip(nodes[:half], nodes[half:], strict=True)
                ]
            chosen.append(nodes[0])
            place = 2 * place + nodes[0]
        place += (np.arange(len(leaf)) * leaf.shape[1])[:, None]
        total: Floats = leaf.take(place).sum(0)
        return total
