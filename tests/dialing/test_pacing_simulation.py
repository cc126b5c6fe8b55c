"""Agents at work: a discrete simulator replays calls against the pacer, with events that are late."""

import heapq
import itertools
import random
from collections.abc import Callable

import pytest

from dialing.pacing import Demand, Pacer, Supply

QUEUE, CAMPAIGN = 1, 10


class Floor:
    """Agents of one queue, customers who answer or not, and an engine that hears of all of it a little late."""

    def __init__(self, agents: int, seed: int, latest: float) -> None:
        self.random = random.Random(seed)
        self.latest = latest
        self.now = 0.0
        self.states = {f"agent {number}": "free" for number in range(agents)}
        self.in_queue = 0
        self.longest_queue = 0
        self.transfers = 0
        self.idle = 0.0
        self.idle_since: dict[str, float] = dict.fromkeys(self.states, 0.0)
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._serial = itertools.count()
        self.pacer = Pacer()
        self.pacer.campaigns({CAMPAIGN: Demand(QUEUE)})
        self.pacer.ports(1000)

    def after(self, seconds: float, event: Callable[[], object]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._serial), event))

    def late(self) -> float:
        return self.random.uniform(0, self.latest)

    def run(self, until: float) -> None:
        self.report()
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()

    def report(self) -> None:
        """A snapshot as it is now; it arrives later, in order."""
        free = frozenset(agent for agent, state in self.states.items() if state == "free")
        busy = frozenset(agent for agent, state in self.states.items() if state == "busy")
        supply = Supply(free, busy, self.in_queue)
        self.after(
            self.latest / 2, lambda: self.hear(lambda: self.pacer.queue_reported(QUEUE, supply, self.now))
        )

    def hear(self, event: Callable[[], object]) -> None:
        event()
        self.pacer.still_there([QUEUE], self.now)
        for campaign, calls in self.pacer.plan(self.now).items():
            attempts = [next(self._serial) for _ in range(calls)]
            self.after(self.late(), lambda c=campaign, a=attempts: self.claimed(c, a))  # type: ignore[misc]

    def claimed(self, campaign: int, attempts: list[int]) -> None:
        self.pacer.claimed(campaign, QUEUE, len(attempts), attempts, self.now)
        for attempt in attempts:
            answers = self.random.random() < 0.5
            self.after(self.random.uniform(0.5, 20), lambda a=attempt, y=answers: self.ring_ends(a, y))  # type: ignore[misc]

    def ring_ends(self, attempt: int, answered: bool) -> None:
        if not answered:
            self.after(
                self.late(),
                lambda: self.hear(lambda: self.pacer.ended(attempt, transferred=False, now=self.now)),
            )
            return
        sent = self.now
        self.after(self.late(), lambda: self.pacer.transferring(attempt, sent, self.now))
        self.transfers += 1
        self.in_queue += 1
        self.report()
        self.longest_queue = max(self.longest_queue, self.in_queue - self.count("free"))
        self.after(0.02, lambda: self.pick_up(attempt))

    def pick_up(self, attempt: int) -> None:
        agent = next((name for name, state in self.states.items() if state == "free"), None)
        if agent is None:
            self.after(0.1, lambda: self.pick_up(attempt))
            return
        self.states[agent] = "busy"
        self.idle += self.now - self.idle_since[agent]
        self.in_queue -= 1
        self.report()
        end = self.late()  # may be heard of before the report above
        self.after(end, lambda: self.hear(lambda: self.pacer.ended(attempt, transferred=True, now=self.now)))
        self.after(self.random.uniform(2, 60), lambda: self.wrap_up(agent))

    def wrap_up(self, agent: str) -> None:
        self.states[agent] = "wrap-up"
        self.report()
        self.after(5, lambda: self.free(agent))

    def free(self, agent: str) -> None:
        self.states[agent] = "free"
        self.idle_since[agent] = self.now
        self.report()

    def count(self, state: str) -> int:
        return sum(value == state for value in self.states.values())


@pytest.mark.parametrize("latest", [0.0, 0.02, 0.09])
@pytest.mark.parametrize("seed", range(5))
def test_i5_every_transferred_customer_finds_a_free_agent(seed: int, latest: float) -> None:
    floor = Floor(agents=8, seed=seed, latest=latest)
    floor.run(until=1800)
    assert floor.transfers > 200
    assert floor.longest_queue == 0


def test_agents_are_kept_busy() -> None:
    """Progressive dialing leaves an agent idle while their customer's phone rings, and no longer."""
    floor = Floor(agents=8, seed=1, latest=0.02)
    floor.run(until=3600)
    rings_per_transfer = 2 * 10.25  # every second customer answers; rings last 0.5 to 20 s
    assert floor.idle / floor.transfers < 1.1 * rings_per_transfer


def test_i4_the_floor_ends_without_reservations() -> None:
    floor = Floor(agents=4, seed=2, latest=0.05)
    floor.run(until=600)
    floor.pacer.campaigns({})
    floor.run(until=800)
    assert floor.pacer.in_flight(QUEUE) == 0
    assert floor.pacer.free_ports() == 1000
