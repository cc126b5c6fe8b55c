"""The life of an attempt: the gate (I3), start and finish exactly once (I2), the retry rule of SPEC 6."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign, Schedule
from dialing import attempt as attempts
from dialing.attempt import CallOrder, Outcome, State
from dialing.claim import claim_leads
from dnc.models import DncNumber, DncService
from leads.models import CallAttempt, Lead, LeadStatus
from tests.factories import (
    embedded_dnc,
    make_attempt,
    make_campaign,
    make_lead,
    make_port,
    make_schedule,
)

pytestmark = pytest.mark.django_db


def outcome(result: str = LeadStatus.BUSY, **fields: Any) -> Outcome:
    return Outcome(result, fields.pop("ended_at", timezone.now()), **fields)


def dialing_attempt(**campaign: Any) -> CallAttempt:
    """An attempt on the wire."""
    attempt = make_attempt(make_lead(make_campaign(**campaign)))
    assert attempts.start(attempt.pk, "worker", make_port().pk)
    attempt.refresh_from_db()
    return attempt


# --- start -----------------------------------------------------------------------------------------------


def test_a_start_counts_the_attempt_and_says_what_to_dial() -> None:
    campaign = make_campaign(pilot_number="8001", ring_timeout=25, amd_enabled=True)
    attempt, port = make_attempt(make_lead(campaign)), make_port()
    order = attempts.start(attempt.pk, "host:1", port.pk)
    assert order == CallOrder(
        attempt.pk, campaign.pk, attempt.phone_number, "8001", 25, Campaign.AmdProfile.BALANCED
    )
    attempt.refresh_from_db()
    assert (attempt.state, attempt.worker, attempt.port) == (State.DIALING, "host:1", port)
    assert attempt.started_at is not None
    assert attempt.lead is not None
    assert attempt.lead.attempts == 1


def test_i2_a_redelivered_message_starts_nothing() -> None:
    attempt = dialing_attempt()
    for state in (State.DIALING, State.ANSWERED, State.TRANSFERRING):
        CallAttempt.objects.filter(pk=attempt.pk).update(state=state)
        assert attempts.start(attempt.pk, "other", make_port().pk) is None
    attempts.finish(attempt.pk, outcome())
    assert attempts.start(attempt.pk, "other", make_port().pk) is None
    assert Lead.objects.get().attempts == 1


@pytest.mark.django_db(transaction=True)
def test_i2_of_many_workers_with_the_same_message_one_dials() -> None:
    attempt = make_attempt()
    ports = [make_port() for _ in range(6)]
    begin = threading.Barrier(6)

    def start(port: int) -> bool:
        begin.wait()
        try:
            return attempts.start(attempt.pk, f"worker {port}", port) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        started = list(threads.map(start, [port.pk for port in ports]))
    assert sum(started) == 1
    assert Lead.objects.get().attempts == 1


# --- the gate --------------------------------------------------------------------------------------------


def assert_withdrawn(attempt: CallAttempt, reason: str, pool: str = Lead.Pool.WAITING) -> None:
    """Nothing was dialed, nothing counted, and the lead is as it was."""
    before = Lead.objects.get()
    assert attempts.start(attempt.pk, "worker", make_port().pk) is None
    attempt.refresh_from_db()
    lead = Lead.objects.get()
    assert attempt.state == State.WITHDRAWN
    assert reason in attempt.reason
    assert attempt.number is None
    assert attempt.started_at is None
    assert (lead.attempts, lead.status, lead.next_attempt_at) == (
        before.attempts,
        before.status,
        before.next_attempt_at,
    )
    assert lead.pool == pool


def test_i3_stopped_between_claim_and_start() -> None:
    attempt = make_attempt()
    Campaign.objects.update(state=Campaign.State.STOPPED)
    assert_withdrawn(attempt, "stopped")


def test_i3_the_window_closed_and_beat_has_not_noticed() -> None:
    attempt = make_attempt()
    Schedule.objects.update(closes_at=timezone.now())
    assert_withdrawn(attempt, "hours")


def test_i3_the_schedule_is_not_running() -> None:
    attempt = make_attempt()
    Schedule.objects.update(state=Schedule.State.NOT_RUNNING)
    assert_withdrawn(attempt, "not running")


def test_i3_the_campaign_closes_while_the_list_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    service = DncService.objects.create(name="state list", url="https://127.0.0.1:9")
    attempt = make_attempt(make_lead(make_campaign(dnc_service=service)))

    def slow(service: DncService, number: str) -> bool:
        Campaign.objects.update(state=Campaign.State.STOPPED)
        return False

    monkeypatch.setattr("dnc.services.is_listed", slow)
    assert_withdrawn(attempt, "closed")


def test_i3_attempts_used_up_after_the_maximum_was_lowered() -> None:
    attempt = make_attempt(make_lead(make_campaign(max_attempts=5), attempts=3))
    Campaign.objects.update(max_attempts=3)
    assert_withdrawn(attempt, "used up", pool=Lead.Pool.DONE)


def test_i3_a_number_that_was_changed_after_the_claim_is_not_dialed() -> None:
    attempt = make_attempt()
    Lead.objects.update(phone_number="551199999999")
    assert_withdrawn(attempt, "changed")


def test_i3_a_listed_number_is_recorded_and_not_dialed() -> None:
    attempt = make_attempt(make_lead(make_campaign(dnc_service=embedded_dnc())))
    DncNumber.objects.create(number=int(attempt.phone_number))
    assert attempts.start(attempt.pk, "worker", make_port().pk) is None
    attempt.refresh_from_db()
    lead = Lead.objects.get()
    assert (attempt.state, attempt.result, attempt.number) == (State.ENDED, LeadStatus.DO_NOT_CALL, None)
    assert attempt.started_at is None
    assert (lead.status, lead.pool, lead.attempts) == (LeadStatus.DO_NOT_CALL, Lead.Pool.DONE, 0)


def test_i3_nobody_is_dialed_when_the_list_cannot_be_asked() -> None:
    service = DncService.objects.create(
        name="state list", url="https://127.0.0.1:9", timeout_ms=200, failures_allowed=1
    )
    attempt = make_attempt(make_lead(make_campaign(dnc_service=service)))
    assert_withdrawn(attempt, "state list")
    assert Schedule.objects.get().state == Schedule.State.DNC_OOS
    service.refresh_from_db()
    assert service.state == DncService.State.OUT_OF_SERVICE
    assert claim_leads(attempt.campaign_id or 0, 1, timezone.now()) == []


def test_a_lead_or_campaign_deleted_after_the_claim() -> None:
    attempt = make_attempt()
    Lead.objects.all().delete()
    assert attempts.start(attempt.pk, "worker", make_port().pk) is None
    attempt.refresh_from_db()
    assert attempt.state == State.WITHDRAWN
    other = make_attempt()
    Campaign.objects.all().delete()
    assert attempts.start(other.pk, "worker", make_port().pk) is None


# --- progress and end --------------------------------------------------------------------------------------


def test_progress_goes_forward_only() -> None:
    attempt, at = dialing_attempt(), timezone.now()
    assert attempts.record_progress(attempt.pk, State.ANSWERED, at)
    assert attempts.record_progress(attempt.pk, State.TRANSFERRING, at)
    assert not attempts.record_progress(attempt.pk, State.ANSWERED, at)
    attempts.finish(attempt.pk, outcome(LeadStatus.SUCCESS, answered_at=at, transferred_at=at))
    assert not attempts.record_progress(attempt.pk, State.TRANSFERRING, at)
    attempt.refresh_from_db()
    assert attempt.state == State.ENDED
    assert (attempt.answered_at, attempt.transferred_at) == (at, at)


def test_i2_an_attempt_ends_exactly_once() -> None:
    attempt = dialing_attempt()
    assert attempts.finish(attempt.pk, outcome(LeadStatus.BUSY, sip_code=486))
    assert not attempts.finish(attempt.pk, outcome(LeadStatus.SUCCESS))
    attempt.refresh_from_db()
    assert (attempt.result, attempt.sip_code) == (LeadStatus.BUSY, 486)
    assert Lead.objects.get().status == LeadStatus.BUSY


def test_a_claimed_attempt_cannot_be_finished_and_a_dialed_one_not_withdrawn() -> None:
    claimed = make_attempt()
    assert not attempts.finish(claimed.pk, outcome())
    assert not attempts.withdraw(dialing_attempt().pk, "no")


@pytest.mark.parametrize(
    ("result", "pool"),
    [
        (LeadStatus.SUCCESS, Lead.Pool.DONE),
        (LeadStatus.FAILED, Lead.Pool.WAITING),
        (LeadStatus.BUSY, Lead.Pool.WAITING),
        (LeadStatus.REFUSED, Lead.Pool.WAITING),
        (LeadStatus.AMD, Lead.Pool.WAITING),
        (LeadStatus.SERVICE_TEMPORARY_UNAVAILABLE, Lead.Pool.WAITING),
        (LeadStatus.UNKNOWN, Lead.Pool.WAITING),
    ],
)
def test_which_results_are_retried(result: str, pool: str) -> None:
    attempt = dialing_attempt(max_attempts=2)
    attempts.finish(attempt.pk, outcome(result))
    lead = Lead.objects.get()
    assert (lead.status, lead.pool) == (result, pool)


def test_the_last_attempt_is_not_retried() -> None:
    attempt = dialing_attempt(max_attempts=1)
    attempts.finish(attempt.pk, outcome(LeadStatus.BUSY))
    assert Lead.objects.get().pool == Lead.Pool.DONE


def test_i7_a_retry_is_a_due_time_counted_from_the_end_of_the_call() -> None:
    attempt = dialing_attempt(retry_delay=90)
    ended = timezone.now() + timedelta(seconds=33)
    attempts.finish(attempt.pk, outcome(ended_at=ended))
    assert Lead.objects.get().next_attempt_at == ended + timedelta(minutes=90)


def test_the_retry_follows_the_settings_at_the_end_of_the_call() -> None:
    attempt = dialing_attempt(retry_delay=90, max_attempts=1)
    Campaign.objects.update(retry_delay=5, max_attempts=2)
    ended = timezone.now()
    attempts.finish(attempt.pk, outcome(ended_at=ended))
    lead = Lead.objects.get()
    assert (lead.pool, lead.next_attempt_at) == (Lead.Pool.WAITING, ended + timedelta(minutes=5))


@pytest.mark.parametrize("gone", [Lead, Campaign])
def test_a_call_whose_lead_or_campaign_is_deleted_still_has_its_record(gone: Any) -> None:
    attempt = dialing_attempt()
    gone.objects.all().delete()
    assert attempts.finish(attempt.pk, outcome(LeadStatus.SUCCESS))
    attempt.refresh_from_db()
    assert (attempt.result, attempt.lead) == (LeadStatus.SUCCESS, None)
    assert attempt.phone_number


# --- retries and schedules (SPEC 6) ---------------------------------------------------------------------------


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC)


def two_days(retry_delay: int) -> tuple[Campaign, CallAttempt]:
    """Open on two days from 9 to 18; a call of the first day that is under way."""
    campaign = make_campaign(schedule=False, retry_delay=retry_delay)
    for number in ("09", "10"):
        make_schedule(campaign, opens_at=at(f"{number} 09:00"), closes_at=at(f"{number} 18:00"))
    attempt = make_attempt(make_lead(campaign, attempts=1), number=1, state=State.DIALING)
    return campaign, attempt


def test_retry_rule_1_due_while_closed_waits_for_the_next_schedule() -> None:
    campaign, attempt = two_days(retry_delay=120)
    attempts.finish(attempt.pk, outcome(ended_at=at("09 17:00")))
    assert Lead.objects.get().next_attempt_at == at("09 19:00")
    assert claim_leads(campaign.pk, 1, at("09 19:00")) == []
    assert claim_leads(campaign.pk, 1, at("10 08:59")) == []
    assert len(claim_leads(campaign.pk, 1, at("10 09:00"))) == 1


def test_retry_rule_2_due_inside_a_later_schedule_is_called_at_that_moment() -> None:
    campaign, attempt = two_days(retry_delay=1440)
    attempts.finish(attempt.pk, outcome(ended_at=at("09 17:00")))
    assert claim_leads(campaign.pk, 1, at("10 09:00")) == []
    assert claim_leads(campaign.pk, 1, at("10 16:59")) == []
    assert len(claim_leads(campaign.pk, 1, at("10 17:00"))) == 1


def test_code_cause_and_text_of_the_network_are_kept_with_the_attempt() -> None:
    attempt = dialing_attempt()
    attempts.finish(
        attempt.pk, outcome(LeadStatus.REFUSED, sip_code=403, q850_cause=21, reason="Call rejected")
    )
    kept = CallAttempt.objects.get(pk=attempt.pk)
    assert (kept.result, kept.sip_code, kept.q850_cause, kept.reason) == ("REFUSED", 403, 21, "Call rejected")
    lead = Lead.objects.get()
    assert (lead.status, lead.attempts, lead.pool) == ("REFUSED", 1, Lead.Pool.WAITING)
