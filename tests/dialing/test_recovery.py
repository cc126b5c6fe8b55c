"""What is left behind by dead processes (I4)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import lifecycle
from dialing import attempt as attempts
from dialing import ports, recovery
from dialing.attempt import State
from dialing.leases import LEASE
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.models import DialerPort
from tests.factories import make_attempt, make_campaign, make_lead, make_port

pytestmark = pytest.mark.django_db

AN_HOUR = timedelta(hours=1)


@pytest.mark.parametrize("state", [State.DIALING, State.ANSWERED, State.TRANSFERRING])
def test_i4_a_call_whose_worker_died_ends_as_unknown_and_is_counted(state: str) -> None:
    campaign = make_campaign(retry_delay=30)
    attempt = make_attempt(make_lead(campaign))
    attempts.start(attempt.pk, "host:1", make_port().pk)
    CallAttempt.objects.update(state=state)
    now = timezone.now() + LEASE + timedelta(seconds=1)
    assert recovery.recover_attempts(now) == 1
    attempt.refresh_from_db()
    lead = Lead.objects.get()
    assert (attempt.state, attempt.result, attempt.number) == (State.ENDED, LeadStatus.UNKNOWN, 1)
    assert "host:1" in attempt.reason
    assert (lead.attempts, lead.status, lead.pool) == (1, LeadStatus.UNKNOWN, Lead.Pool.WAITING)
    assert lead.next_attempt_at == now + timedelta(minutes=30)
    assert recovery.recover_attempts(now) == 0


def test_i4_a_claimed_attempt_that_nobody_started_gives_its_lead_back() -> None:
    attempt = make_attempt(make_lead(attempts=1, status=LeadStatus.BUSY))
    due = Lead.objects.get().next_attempt_at
    assert recovery.recover_attempts(timezone.now() + AN_HOUR) == 1
    attempt.refresh_from_db()
    lead = Lead.objects.get()
    assert (attempt.state, attempt.number) == (State.WITHDRAWN, None)
    assert (lead.attempts, lead.status, lead.pool, lead.next_attempt_at) == (
        1,
        LeadStatus.BUSY,
        Lead.Pool.WAITING,
        due,
    )


def test_i4_what_was_claimed_for_a_stopped_campaign_is_given_back_at_once() -> None:
    """A broker that lost the messages held the leads of a stopped campaign for a minute."""
    campaign, other = make_campaign(), make_campaign()
    claimed, goes_on = make_attempt(make_lead(campaign)), make_attempt(make_lead(other))
    rings = make_attempt(make_lead(campaign))
    attempts.start(rings.pk, "worker", make_port().pk)
    assert lifecycle.stop(campaign.pk)
    assert recovery.withdraw_stopped() == 1
    states = dict(CallAttempt.objects.values_list("pk", "state"))
    assert states == {claimed.pk: State.WITHDRAWN, goes_on.pk: State.CLAIMED, rings.pk: State.DIALING}
    assert claimed.lead is not None
    claimed.lead.refresh_from_db()
    assert (claimed.lead.pool, claimed.lead.attempts) == (Lead.Pool.WAITING, 0)
    assert recovery.withdraw_stopped() == 0


def test_a_renewed_attempt_is_left_alone() -> None:
    make_attempt(lease_until=timezone.now() + timedelta(seconds=5))
    assert recovery.recover_attempts(timezone.now()) == 0
    assert CallAttempt.objects.get().ended_at is None


def test_a_late_result_after_recovery_changes_nothing() -> None:
    attempt = make_attempt()
    attempts.start(attempt.pk, "worker", make_port().pk)
    recovery.recover_attempts(timezone.now() + AN_HOUR)
    late = attempts.Outcome(LeadStatus.SUCCESS, timezone.now())
    assert not attempts.finish(attempt.pk, late)
    assert Lead.objects.get().status == LeadStatus.UNKNOWN


def test_i4_ports_of_a_dead_worker_come_back() -> None:
    make_port()
    now = timezone.now()
    assert len(ports.keep_ports("dead", 5, now)) == 1
    assert recovery.free_ports(now + timedelta(seconds=10)) == 0
    assert recovery.free_ports(now + AN_HOUR) == 1
    assert DialerPort.objects.get().worker == ""


def test_workers_share_ports_without_overlap() -> None:
    for _ in range(5):
        make_port()
    make_port(enabled=False)
    now = timezone.now()
    first = {port.id for port in ports.keep_ports("first", 3, now)}
    second = {port.id for port in ports.keep_ports("second", 3, now)}
    assert (len(first), len(second)) == (3, 2)
    assert not first & second
    assert {port.id for port in ports.keep_ports("first", 3, now)} == first


def test_a_disabled_port_is_let_go_after_its_call() -> None:
    port, now = make_port(), timezone.now()
    ports.keep_ports("worker", 1, now)
    attempt = make_attempt(port=port)
    DialerPort.objects.update(enabled=False)
    assert ports.keep_ports("worker", 1, now) == []
    assert DialerPort.objects.get().worker == "worker"
    attempts.withdraw(attempt.pk, "test")
    ports.keep_ports("worker", 1, now)
    assert DialerPort.objects.get().worker == ""


def test_a_port_with_a_dead_workers_call_is_leased_after_recovery_only() -> None:
    port, now = make_port(), timezone.now()
    ports.keep_ports("dead", 1, now)
    attempt = make_attempt()
    attempts.start(attempt.pk, "dead", port.pk)
    later = now + AN_HOUR
    assert ports.keep_ports("new", 1, later) == []
    recovery.recover_attempts(later)
    assert len(ports.keep_ports("new", 1, later)) == 1


def test_registrations_are_recorded_by_the_holder_only() -> None:
    port, now = make_port(), timezone.now()
    ports.keep_ports("worker", 1, now)
    ports.record_registration("worker", port.pk, DialerPort.State.REGISTERED, "pbx:5060", "")
    assert ports.registered(now).count() == 1
    ports.record_registration("other", port.pk, DialerPort.State.FAILED, "", "wrong password")
    assert ports.registered(now).count() == 1
    ports.record_registration("worker", port.pk, DialerPort.State.FAILED, "", "wrong password")
    port.refresh_from_db()
    assert (port.state, port.last_error) == (DialerPort.State.FAILED, "wrong password")
    assert ports.release_ports("worker") == 1
