"""Campaigns on one queue share its agents by weight, exactly; and nothing lies idle that one of them could use."""

from collections import Counter
from fractions import Fraction
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from dialing.pacing import Demand, Pacer, Supply

NEVER_DRY = {1: 0, 2: 0, 3: 1, 4: 1}  # campaign -> queue
FITFUL = {5: 0, 6: 1}
"""They have leads now and then."""
ALL = NEVER_DRY | FITFUL

WEIGHTS = st.fixed_dictionaries(dict.fromkeys(ALL, st.integers(1, 100)))
ROUNDS = st.lists(
    st.tuples(
        st.tuples(st.integers(0, 6), st.integers(0, 6)),  # free agents of the queues
        st.integers(0, 8),  # ports
        st.sets(st.sampled_from(sorted(FITFUL))),  # those that have leads
        st.floats(0.3, 2),  # seconds until the next round
    ),
    max_size=25,
)


Round = tuple[tuple[int, int], int, set[int], float]


class Floor:
    """Every call is over before the next round; a fitful campaign without leads gets none of those it planned."""

    def __init__(self, weights: dict[int, int]) -> None:
        self.pacer = Pacer()
        self.pacer.campaigns({c: Demand(queue, weights[c]) for c, queue in ALL.items()})
        self.now = 0.0
        self.serial = 0

    def play(self, agents: tuple[int, int], ports: int, with_leads: set[int], seconds: float) -> Counter[int]:
        """Calls placed in one round, by campaign."""
        self.now += seconds
        for queue, free in enumerate(agents):
            names = frozenset(f"agent {number}" for number in range(free))
            self.pacer.queue_reported(queue, Supply(names, frozenset()), self.now)
        self.pacer.ports(ports)
        placed: Counter[int] = Counter()
        while plan := self.pacer.plan(self.now):
            for campaign, calls in plan.items():
                got = calls if campaign in NEVER_DRY or campaign in with_leads else 0
                claimed = range(self.serial, self.serial + got)
                self.serial += got
                self.pacer.claimed(campaign, ALL[campaign], calls, claimed, self.now)
                placed[campaign] += got
        for attempt in self.pacer.open_attempts(self.now + 1):
            self.pacer.ended(attempt, transferred=False, now=self.now)
        return placed


@settings(max_examples=50, deadline=None)
@given(WEIGHTS, ROUNDS)
def test_over_any_stretch_of_time_calls_are_as_the_weights(
    weights: dict[int, int], rounds: list[Round]
) -> None:
    floor = Floor(weights)
    history = [floor.play(*each) for each in rounds]
    for one, other in combinations(NEVER_DRY, 2):
        if NEVER_DRY[one] != NEVER_DRY[other]:
            continue
        most = Fraction(1, weights[one]) + Fraction(1, weights[other])
        ahead = [Fraction(0)]
        for placed in history:
            step = Fraction(placed[one], weights[one]) - Fraction(placed[other], weights[other])
            ahead.append(ahead[-1] + step)
        # the largest difference of any two moments is that of the highest and the lowest
        assert max(ahead) - min(ahead) <= most


@settings(max_examples=50, deadline=None)
@given(WEIGHTS, ROUNDS)
def test_what_one_can_not_use_goes_to_the_others(weights: dict[int, int], rounds: list[Round]) -> None:
    floor = Floor(weights)
    for agents, ports, with_leads, seconds in rounds:
        placed = floor.play(agents, ports, with_leads, seconds)
        assert placed.total() == min(sum(agents), ports)
        for queue, free in enumerate(agents):
            assert sum(calls for c, calls in placed.items() if ALL[c] == queue) <= free


@settings(max_examples=10, deadline=None)
@given(WEIGHTS, ROUNDS)
def test_the_same_history_gives_the_same_calls(weights: dict[int, int], rounds: list[Round]) -> None:
    first, second = Floor(weights), Floor(weights)
    assert [first.play(*each) for each in rounds] == [second.play(*each) for each in rounds]


def test_who_had_no_leads_for_an_hour_does_not_take_all_agents_afterwards() -> None:
    floor = Floor(dict.fromkeys(ALL, 10))
    for _ in range(100):
        floor.play((3, 0), 10, set(), 2)
    later = [floor.play((3, 0), 10, {5}, 2) for _ in range(10)]
    assert sum(later, Counter()) == {1: 10, 2: 10, 5: 10}


def test_a_queue_without_agents_for_an_hour_does_not_take_all_ports_afterwards() -> None:
    floor = Floor(dict.fromkeys(ALL, 10))
    for _ in range(100):
        floor.play((6, 0), 4, set(), 2)
    later = sum((floor.play((6, 6), 4, set(), 2) for _ in range(10)), Counter())
    assert all(9 <= later[campaign] <= 11 for campaign in NEVER_DRY)
