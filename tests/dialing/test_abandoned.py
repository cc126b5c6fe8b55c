"""Agents that vanish while a call rings, and calls that a person answered and nobody took."""

import pytest
from django.utils import timezone

from campaigns import selectors
from dialing import attempt as attempts
from dialing.attempt import Outcome, State
from dialing.call_report import CallReport, TransferReport
from dialing.pacing import RECALL_AGAIN, VANISHED, Demand, Pacer, Supply
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.sip.call import EndedBy
from tests.factories import make_attempt, make_campaign, make_lead

Q, A = 1, 10


def agents(free: str, busy: str = "", waiting: int = 0) -> Supply:
    return Supply(frozenset(free), frozenset(busy), waiting)


def ringing(free: str) -> Pacer:
    """One call for each agent, numbered from 1; the first is the oldest."""
    pacer = Pacer()
    pacer.campaigns({A: Demand(Q)})
    pacer.ports(100)
    pacer.queue_reported(Q, agents(""), 0.0)
    for number in range(1, len(free) + 1):
        pacer.queue_reported(Q, agents(free[:number]), number / 100)
        assert pacer.plan(number / 100) == {A: 1}
        pacer.claimed(A, Q, 1, [number], number / 100)
    return pacer


def later(pacer: Pacer, now: float) -> list[int]:
    """What is recalled when the lack has lasted."""
    assert pacer.unattended(now) == []
    pacer.still_there([Q], now + VANISHED)
    return pacer.unattended(now + VANISHED)


def test_the_youngest_unanswered_calls_are_recalled_when_agents_leave() -> None:
    pacer = ringing("abcd")
    pacer.answered(4)
    pacer.queue_reported(Q, agents("ab"), 1.0)
    assert later(pacer, 1.0) == [3, 2]
    pacer.ended(3, transferred=False, now=2.0)
    assert pacer.unattended(1.0 + VANISHED + RECALL_AGAIN) == [2], "still there: named again"
    pacer.ended(2, transferred=False, now=3.0)
    assert pacer.unattended(3.0) == []


def test_an_agent_who_comes_back_at_once_recalls_nothing() -> None:
    pacer = ringing("ab")
    pacer.queue_reported(Q, agents("a"), 1.0)
    assert pacer.unattended(1.0) == []
    pacer.queue_reported(Q, agents("ab"), 1.2)
    assert pacer.unattended(1.2 + VANISHED) == []


def test_our_own_caller_in_the_queue_is_no_lack_of_agents() -> None:
    pacer = ringing("ab")
    pacer.answered(1)
    pacer.transferring(1, 1.0, 1.0)
    pacer.queue_reported(Q, agents("ab", waiting=1), 1.1)
    assert later(pacer, 1.1) == []
    pacer.queue_reported(Q, agents("b", busy="a"), 2.0)
    assert later(pacer, 2.0) == []


def test_an_answer_whose_news_is_late_recalls_nothing() -> None:
    """The agent is busy with our call before the database says that it was transferred."""
    pacer = ringing("ab")
    pacer.queue_reported(Q, agents("b", busy="a"), 1.0)
    assert pacer.unattended(1.0) == []
    pacer.transferring(1, 0.99, 1.1)
    assert later(pacer, 1.1) == []


def test_silence_of_the_contact_centre_recalls_nothing() -> None:
    pacer = ringing("ab")
    pacer.queue_lost(Q)
    assert pacer.unattended(60.0) == []
    assert pacer.unattended(61.0) == []


@pytest.mark.django_db
def test_a_recalled_call_that_was_not_dialed_is_withdrawn_and_not_counted() -> None:
    claimed, dialing = make_attempt(), make_attempt(state=State.DIALING)
    attempts.recall([claimed.pk, dialing.pk])
    claimed.refresh_from_db()
    dialing.refresh_from_db()
    assert (claimed.state, claimed.reason) == (State.WITHDRAWN, attempts.NOBODY_LEFT)
    assert claimed.lead is not None
    assert Lead.objects.get(pk=claimed.lead.pk).pool == Lead.Pool.WAITING
    assert dialing.state == State.DIALING, "its worker cancels it"


@pytest.mark.parametrize(
    ("accepted", "final", "ended_by", "abandoned"),
    [
        (202, 200, EndedBy.LOCAL, False),
        (202, None, EndedBy.REMOTE, False),  # the PBX has taken the call over
        (202, 487, EndedBy.LOCAL, True),  # hung up in the queue
        (202, 480, EndedBy.LOCAL, True),
        (202, None, EndedBy.LOCAL, False),  # the PBX never told: an agent may have taken it
        (603, None, EndedBy.LOCAL, True),
        (None, None, EndedBy.REMOTE, True),  # hung up before the REFER was answered
    ],
)
def test_what_an_abandoned_call_is(
    accepted: int | None, final: int | None, ended_by: EndedBy, abandoned: bool
) -> None:
    report = CallReport("1", transfer=TransferReport(accepted, final), ended_by=ended_by)
    assert report.is_abandoned is abandoned


@pytest.mark.django_db
def test_the_abandoned_rate_is_of_the_calls_that_persons_answered() -> None:
    campaign, now = make_campaign(), timezone.now()
    for result, answered_at, abandoned in (
        (LeadStatus.SUCCESS, now, False),
        (LeadStatus.SUCCESS, now, False),
        (LeadStatus.FAILED, now, True),
        (LeadStatus.AMD, now, False),
        (LeadStatus.BUSY, None, False),
    ):
        made = make_attempt(make_lead(campaign), state=State.DIALING)
        outcome = Outcome(result, now, answered_at=answered_at, abandoned=abandoned)
        assert attempts.finish(made.pk, outcome)
        assert not attempts.finish(made.pk, outcome), "counted once"
    answered = selectors.summary(campaign).answered
    assert (answered.persons, answered.abandoned, answered.abandoned_rate) == (3, 1, 1 / 3)
    assert CallAttempt.objects.filter(abandoned=True).count() == 1
