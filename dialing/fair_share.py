"""Whose turn it is among those who share something by weight. No clock, no I/O, no Django.

Start-time fair queueing (Goyal, Vin and Cheng, 1996): each call moves its owner's tag on by 1/weight, and the lowest
tag is next, ties by id. Whoever was idle comes back at the tag that was served last, so nobody saves up turns while
having nothing to call, and nobody waits for those who had. Between any two that always want more, calls / weight
differ by at most 1/weight of the one plus 1/weight of the other, over any stretch of time.

Tags are whole numbers in units that each weight divides: the shares are exact, and the same history gives the same
answer on every machine.
"""

import math
from collections.abc import Collection, Iterable

LEAST_WEIGHT, LARGEST_WEIGHT = 1, 100
UNIT = math.lcm(*range(LEAST_WEIGHT, LARGEST_WEIGHT + 1))
"""What one call of weight 1 costs; a multiple of every weight."""


class Turns:
    """The tags of those who share one thing."""

    def __init__(self) -> None:
        self._tags: dict[int, int] = {}
        self._served = 0
        self._wanting: set[int] = set()

    def wanting(self, names: Collection[int]) -> None:
        """Those who want turns from now on; the others are idle."""
        for name in names:
            if name not in self._wanting:
                self._tags[name] = max(self._tags.get(name, 0), self._served)
        self._wanting = set(names)
        self._tags = {
            name: tag for name, tag in self._tags.items() if name in self._wanting or tag > self._served
        }

    def first(self, names: Iterable[int]) -> int:
        """Whose turn it is among some of those who want."""
        return min(names, key=lambda name: (self._tags[name], name))

    def take(self, name: int, weight: int) -> None:
        """One turn, by one whose share is `weight`."""
        self._served = max(self._served, self._tags[name])
        self._tags[name] += UNIT // weight

    def give_back(self, name: int, weight: int, turns: int) -> None:
        """Turns that were taken and could not be used."""
        if name in self._tags:
            self._tags[name] -= turns * (UNIT // weight)
