"""I5 as a property: whatever happens in whatever order, a plan never asks for more than there are agents for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dialing.pacing import Demand, Pacer, Supply

QUEUES = (1, 2)
CAMPAIGNS = {10: 1, 11: 1, 20: 2}
AGENTS = tuple("abcdefgh")

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("report"),
            st.sampled_from(QUEUES),
            st.lists(st.sampled_from(["free", "busy", "away"]), min_size=8, max_size=8),
            st.integers(0, 3),
        ),
        st.tuples(st.just("claim"), st.floats(0, 1)),
        st.tuples(st.just("transfer"), st.integers(0, 30)),
        st.tuples(st.just("end"), st.integers(0, 30), st.booleans()),
        st.tuples(st.just("wait"), st.floats(0, 3)),
        st.tuples(st.just("ports"), st.integers(0, 12)),
    ),
    max_size=60,
)


class Walk:
    """A pacer, and the truth about its calls, kept the plainest way."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pacer = Pacer()
        self.pacer.campaigns({campaign: Demand(queue) for campaign, queue in CAMPAIGNS.items()})
        self.ports = 8
        self.pacer.ports(8)
        self.room: dict[int, int] = {}
        self.reported: dict[int, float] = {}
        self.open: dict[int, int] = {}
        self.planned: dict[int, int] = {}
        self.transferred: set[int] = set()
        self.serial = 0

    def plan(self) -> None:
        before = {queue: self.surely_in_flight(queue) for queue in QUEUES}
        plan = self.pacer.plan(self.now)
        for queue in QUEUES:
            asked = sum(calls for campaign, calls in plan.items() if CAMPAIGNS[campaign] == queue)
            if asked:
                assert before[queue] + asked <= self.room[queue]
                assert self.now - self.reported[queue] <= self.pacer.stale_after
        for campaign, calls in plan.items():
            assert calls > 0
            self.planned[campaign] = self.planned.get(campaign, 0) + calls
        if plan:
            assert len(self.open) + sum(self.planned.values()) <= self.ports

    def surely_in_flight(self, queue: int) -> int:
        """Planned, or open and not yet transferred: calls that will want an agent."""
        calling = sum(
            owner == queue and attempt not in self.transferred for attempt, owner in self.open.items()
        )
        return calling + sum(n for campaign, n in self.planned.items() if CAMPAIGNS[campaign] == queue)

    def report(self, queue: int, states: list[str], waiting: int) -> None:
        free = frozenset(a for a, state in zip(AGENTS, states, strict=True) if state == "free")
        busy = frozenset(a for a, state in zip(AGENTS, states, strict=True) if state == "busy")
        self.pacer.queue_reported(queue, Supply(free, busy, waiting), self.now)
        self.room[queue] = len(free) - waiting
        self.reported[queue] = self.now

    def claim(self, share: float) -> None:
        for campaign, calls in self.planned.items():
            got = [self.serial + index for index in range(round(calls * share))]
            self.serial += len(got)
            self.pacer.claimed(campaign, CAMPAIGNS[campaign], calls, got, self.now)
            self.open.update(dict.fromkeys(got, CAMPAIGNS[campaign]))
        self.planned.clear()

    def step(self, step: tuple[object, ...]) -> None:
        match step:
            case ("report", int(queue), list(states), int(waiting)):
                self.report(queue, states, waiting)
            case ("claim", float(share)):
                self.claim(share)
            case ("transfer", int(attempt)):
                self.transferred.add(attempt)
                self.pacer.transferring(attempt, self.now, self.now)
            case ("end", int(attempt), bool(transferred)) if attempt in self.open:
                del self.open[attempt]
                self.pacer.ended(attempt, transferred=transferred, now=self.now)
            case ("wait", float(seconds)):
                self.now += seconds
            case ("ports", int(total)):
                self.ports = total
                self.pacer.ports(total)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_i5_calls_in_flight_never_exceed_free_agents_minus_waiting_callers(
    steps: list[tuple[object, ...]],
) -> None:
    walk = Walk()
    for step in steps:
        walk.step(step)
        walk.plan()


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_i4_no_reservation_is_left_at_rest(steps: list[tuple[object, ...]]) -> None:
    walk = Walk()
    for step in steps:
        walk.step(step)
        walk.plan()
    walk.claim(1)
    for attempt in list(walk.open):
        walk.step(("end", attempt, True))
    walk.pacer.campaigns({})
    walk.now += walk.pacer.settle + 0.1
    walk.plan()
    assert [walk.pacer.in_flight(queue) for queue in QUEUES] == [0, 0]
    assert walk.pacer.free_ports() == walk.ports
