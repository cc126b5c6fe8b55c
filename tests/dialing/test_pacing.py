"""Progressive pacing (I5), event by event. The random walks are in test_pacing_walk, the agents at work in
test_pacing_simulation."""

from dialing.pacing import DRY, REORDERING, SETTLE, STALE_AFTER, Demand, Pacer, Supply

Q, R = 1, 2  # queues
A, B = 10, 20  # campaigns


def agents(free: str = "", busy: str = "", waiting: int = 0) -> Supply:
    return Supply(frozenset(free), frozenset(busy), waiting)


def pacer(free: str = "abc", ports: int = 100) -> Pacer:
    pacer = Pacer()
    pacer.campaigns({A: Demand(Q)})
    pacer.ports(ports)
    pacer.queue_reported(Q, agents(free), 0.0)
    return pacer


def test_one_call_for_each_free_agent() -> None:
    assert pacer("abc").plan(0.0) == {A: 3}


def test_callers_who_wait_already_come_first() -> None:
    p = pacer("")
    p.queue_reported(Q, agents("abc", waiting=2), 0.0)
    assert p.plan(0.0) == {A: 1}


def test_i5_a_planned_call_counts_before_its_claim() -> None:
    p = pacer("abc")
    assert p.plan(0.0) == {A: 3}
    assert p.plan(0.0) == {}
    p.claimed(A, Q, 3, [1, 2, 3], 0.01)
    assert p.plan(0.01) == {}


def test_an_attempt_that_failed_frees_its_agent() -> None:
    p = pacer("a")
    p.plan(0.0)
    p.claimed(A, Q, 1, [1], 0.0)
    p.ended(1, transferred=False, now=5.0)
    p.still_there([Q], 5.0)
    assert p.plan(5.0) == {A: 1}


def test_nobody_is_called_for_an_agent_who_is_already_talking() -> None:
    """The attempt's end is known before the contact centre says that the agent is busy."""
    p = pacer("a")
    p.plan(0.0)
    p.claimed(A, Q, 1, [1], 0.0)
    p.transferring(1, 2.0, 2.0)
    p.ended(1, transferred=True, now=2.1)
    assert p.plan(2.1) == {}
    p.queue_reported(Q, agents(busy="a"), 2.2)
    assert p.in_flight(Q) == 0
    p.queue_reported(Q, agents("a"), 4.0)
    assert p.plan(4.0) == {A: 1}


def test_the_pick_up_may_be_seen_before_the_transfer_is_heard_of() -> None:
    p = pacer("ab")
    p.plan(0.0)
    p.claimed(A, Q, 2, [1, 2], 0.0)
    p.queue_reported(Q, agents("b", "a"), 2.02)
    p.transferring(1, 2.0, 2.05)
    assert p.in_flight(Q) == 1
    assert p.plan(2.05) == {}


def test_a_pick_up_from_before_the_transfer_is_somebody_elses() -> None:
    p = pacer("ab")
    p.plan(0.0)
    p.claimed(A, Q, 2, [1, 2], 0.0)
    p.queue_reported(Q, agents("b", "a"), 2.0)
    p.transferring(1, 2.0 + REORDERING + 0.01, 2.2)
    assert p.in_flight(Q) == 2


def test_a_transfer_without_pick_up_settles_after_some_seconds() -> None:
    p = pacer("a")
    p.plan(0.0)
    p.claimed(A, Q, 1, [1], 0.0)
    p.transferring(1, 1.0, 1.0)
    p.ended(1, transferred=True, now=1.0)
    p.queue_reported(Q, agents("a"), 0.9 + SETTLE)
    assert p.plan(0.9 + SETTLE) == {}
    assert p.plan(1.1 + SETTLE) == {A: 1}


def test_a_served_call_holds_its_port_until_it_ends() -> None:
    p = pacer("a", ports=1)
    p.plan(0.0)
    p.claimed(A, Q, 1, [1], 0.0)
    p.transferring(1, 1.0, 1.0)
    p.queue_reported(Q, agents("b", "a"), 1.1)
    assert p.room(Q, 1.1) == 1
    assert p.plan(1.1) == {}
    p.ended(1, transferred=True, now=1.2)
    assert p.plan(1.2) == {A: 1}


def test_a_silent_contact_centre_has_no_free_agents() -> None:
    p = pacer("abc")
    assert p.plan(STALE_AFTER + 0.1) == {}
    p.still_there([Q], STALE_AFTER + 0.2)
    assert p.plan(STALE_AFTER + 0.2) == {A: 3}
    p.queue_lost(Q)
    assert p.room(Q, STALE_AFTER + 0.2) == 0


def test_campaigns_on_one_queue_take_turns() -> None:
    p = pacer("abcdef")
    p.campaigns({A: Demand(Q), B: Demand(Q)})
    assert p.plan(0.0) == {A: 3, B: 3}


def test_a_weight_is_a_share() -> None:
    p = pacer("abcdef")
    p.campaigns({A: Demand(Q, weight=2), B: Demand(Q)})
    assert p.plan(0.0) == {A: 4, B: 2}


def test_turns_are_kept_from_plan_to_plan() -> None:
    p = pacer("a")
    p.campaigns({A: Demand(Q), B: Demand(Q)})
    called = []
    for attempt in range(4):
        [(campaign, calls)] = p.plan(0.0).items()
        p.claimed(campaign, Q, calls, [attempt], 0.0)
        p.ended(attempt, transferred=False, now=0.0)
        called.append(campaign)
    assert called == [A, B, A, B]


def test_a_campaign_that_joins_has_no_calls_to_catch_up() -> None:
    p = pacer("a")
    for attempt in range(5):
        p.plan(0.0)
        p.claimed(A, Q, 1, [attempt], 0.0)
        p.ended(attempt, transferred=False, now=0.0)
    p.campaigns({A: Demand(Q), B: Demand(Q)})
    p.queue_reported(Q, agents("abcd"), 0.0)
    assert p.plan(0.0) == {A: 2, B: 2}


def test_a_campaign_without_due_leads_leaves_its_share_to_the_others() -> None:
    p = pacer("ab")
    p.campaigns({A: Demand(Q), B: Demand(Q)})
    assert p.plan(0.0) == {A: 1, B: 1}
    p.claimed(A, Q, 1, [], 0.0)
    assert p.plan(0.0) == {B: 1}
    p.leads_came(A)
    p.claimed(B, Q, 2, [], 0.0)
    assert p.plan(0.0) == {A: 2}
    p.claimed(A, Q, 2, [], 0.0)
    assert p.plan(DRY - 0.1) == {}
    assert p.plan(DRY + 0.1) == {A: 1, B: 1}


def test_ports_bound_all_queues_together() -> None:
    p = pacer("abcd", ports=3)
    p.campaigns({A: Demand(Q), B: Demand(R)})
    p.queue_reported(R, agents("xyz"), 0.0)
    assert sum(p.plan(0.0).values()) == 3


def test_channels_of_an_ivr_count_like_agents() -> None:
    p = pacer("")
    p.queue_reported(Q, Supply.of_channels(total=5, busy=2), 0.0)
    assert p.plan(0.0) == {A: 3}
    p.claimed(A, Q, 3, [1, 2, 3], 0.0)
    p.transferring(1, 1.0, 1.0)
    p.queue_reported(Q, Supply.of_channels(total=5, busy=3), 1.1)
    assert p.in_flight(Q) == 2


def test_an_end_that_is_heard_before_the_claim_is_kept() -> None:
    p = pacer("a")
    p.plan(0.0)
    p.ended(1, transferred=False, now=0.01)
    p.claimed(A, Q, 1, [1], 0.02)
    assert p.in_flight(Q) == 0


def test_leaving_campaigns_get_no_calls() -> None:
    p = pacer("abc")
    p.campaigns({})
    assert p.plan(0.0) == {}


def test_a_late_look_at_the_database_does_not_bring_an_ended_attempt_back() -> None:
    p = pacer("a")
    p.plan(0.0)
    p.claimed(A, Q, 1, [1], 0.0)
    p.ended(1, transferred=False, now=1.0)
    p.reserve(1, Q, 1.01)
    assert p.in_flight(Q) == 0
