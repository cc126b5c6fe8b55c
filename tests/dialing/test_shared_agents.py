"""Agents who are members of several queues are called for once (I5)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dialing.pacing import Demand, Pacer, Supply
from dialing.shared_agents import SharedAgents

SALES, SUPPORT, SURVEY = 1, 2, 3
QUEUES = (SALES, SUPPORT, SURVEY)
CAMPAIGNS = {10 * queue: Demand(queue) for queue in QUEUES}


def pacer(*free: str, center: int | None = 1) -> Pacer:
    """Queues from `SALES` on, each with these free agents."""
    pacer = Pacer()
    pacer.campaigns({campaign: demand for campaign, demand in CAMPAIGNS.items() if demand.queue <= len(free)})
    pacer.ports(100)
    report(pacer, *free, center=center)
    return pacer


def report(pacer: Pacer, *free: str, busy: str = "", center: int | None = 1) -> None:
    for queue, names in zip(QUEUES, free, strict=False):
        supply = Supply(frozenset(names), frozenset(busy), center=center)
        pacer.queue_reported(queue, supply, 0.0)


def test_i5_an_agent_of_two_queues_gets_one_call() -> None:
    """Each queue placed a call for the same agent: the second customer met nobody."""
    p = pacer("a", "a")
    assert sum(p.plan(0.0).values()) == 1
    p.claimed(10, SALES, 1, [1], 0.0)
    assert p.plan(0.0) == {}


def test_agents_of_the_same_name_at_two_contact_centres_or_of_no_known_one_are_two() -> None:
    p = pacer("a")
    p.campaigns(CAMPAIGNS)
    p.queue_reported(SUPPORT, Supply(frozenset("a"), frozenset(), center=2), 0.0)
    p.queue_reported(SURVEY, Supply.of_channels(1, 0), 0.0)
    assert p.plan(0.0) == {10: 1, 20: 1, 30: 1}


def test_who_can_do_one_thing_only_is_left_to_it() -> None:
    """Ann knows both queues and Bob one: two calls, whichever queue comes first."""
    for free in (("ab", "a"), ("a", "ab")):
        assert pacer(*free).plan(0.0) == {10: 1, 20: 1}


def test_a_caller_who_waits_at_one_queue_keeps_the_agent_from_the_others_call() -> None:
    p = pacer("a", "a")
    p.queue_reported(SUPPORT, Supply(frozenset("a"), frozenset(), waiting=1, center=1), 0.0)
    assert p.plan(0.0) == {}


def test_a_queue_without_agents_of_its_own_does_not_use_up_ports_or_turns() -> None:
    p = pacer("a", "abcd")
    p.ports(4)
    assert sum(p.plan(0.0).values()) == 4


AGENTS = st.lists(st.frozensets(st.sampled_from(QUEUES), min_size=1), max_size=7)
CALLS = st.lists(st.sampled_from(QUEUES), max_size=9)


@settings(max_examples=300, deadline=None)
@given(AGENTS, CALLS)
def test_i5_a_call_is_placed_exactly_when_all_calls_have_agents_of_their_own(
    agents: list[frozenset[int]], calls: list[int]
) -> None:
    shared, placed = SharedAgents(agents), list[int]()
    for queue in calls:
        fits = each_has_one([*placed, queue], agents)
        assert shared.place(queue) == fits
        placed += [queue] * fits


def each_has_one(calls: list[int], agents: list[frozenset[int]]) -> bool:
    """The plainest way: the first call's agent is tried, one after the other."""
    if not calls:
        return True
    return any(
        each_has_one(calls[1:], agents[:at] + agents[at + 1 :])
        for at, queues in enumerate(agents)
        if calls[0] in queues and agents.index(queues) == at
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcdef")), min_size=3, max_size=3), st.integers(0, 8))
def test_i5_a_plan_for_several_queues_has_an_agent_for_each_call(free: list[set[str]], ports: int) -> None:
    p = pacer(*("".join(names) for names in free))
    p.ports(ports)
    plan = p.plan(0.0)
    calls = [CAMPAIGNS[campaign].queue for campaign, count in plan.items() for _ in range(count)]
    agents = [
        frozenset(queue for queue, names in zip(QUEUES, free, strict=True) if agent in names)
        for agent in sorted(set().union(*free))
    ]
    assert each_has_one(calls, agents)
    assert len(calls) <= ports
    if len(calls) < ports:
        assert not any(each_has_one([*calls, queue], agents) for queue in QUEUES), "none is left idle"
