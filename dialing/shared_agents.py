"""Agents of several queues: a free one can take one call, whichever of their queues it comes by. No I/O.

Per queue alone, free agents - calls would give each queue a call for the same agent. So the calls of all queues are
matched with agents: agents free for the same queues are alike, and count together.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

Queues = frozenset[int]
"""That an agent is free for."""


class SharedAgents:
    """Free agents by their queues, and the calls that are placed on them."""

    def __init__(self, agents: Iterable[Queues]) -> None:
        self._free: Counter[Queues] = Counter(agents)
        self._kinds: dict[int, list[Queues]] = {}  # queue -> kinds of agents it can use
        for kind in self._free:
            for queue in kind:
                self._kinds.setdefault(queue, []).append(kind)
        self._placed: dict[Queues, Counter[int]] = {kind: Counter() for kind in self._free}

    @classmethod
    def of_calls(cls, agents: Iterable[Queues], calls: Mapping[int, int]) -> "SharedAgents":
        """With so many calls of each queue placed, as far as there are agents for them."""
        shared = cls(agents)
        for queue, count in calls.items():
            for _ in range(count):
                if not shared.place(queue):
                    break
        return shared

    def place(self, queue: int) -> bool:
        """Places one more call of the queue, moving calls of others to other agents of theirs. False: there is none."""
        came_by: dict[Queues, tuple[Queues | None, int]] = dict.fromkeys(
            self._kinds.get(queue, ()), (None, queue)
        )
        look = deque(came_by)
        while look:
            kind = look.popleft()
            if self._free[kind] > 0:
                self._free[kind] -= 1
                self._move(kind, came_by)
                return True
            for other, count in self._placed[kind].items():
                for next_kind in self._kinds[other] if count else ():
                    if next_kind not in came_by:
                        came_by[next_kind] = (kind, other)
                        look.append(next_kind)
        return False

    def _move(self, kind: Queues, came_by: Mapping[Queues, tuple[Queues | None, int]]) -> None:
        """Each call on the way goes on to the next kind of agents, the new one to the first."""
        step: Queues | None = kind
        while step is not None:
            before, queue = came_by[step]
            self._placed[step][queue] += 1
            if before is not None:
                self._placed[before][queue] -= 1
            step = before
