"""Campaigns and schedules through their services (SPEC 3 to 5)."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from accounts.models import Role
from campaigns import lifecycle, services
from campaigns.models import Campaign, Schedule
from campaigns.selectors import summary
from dnc.models import DncService
from leads.models import CallAttempt, Lead, LeadStatus
from tests.factories import (
    make_attempt,
    make_campaign,
    make_group,
    make_lead,
    make_port,
    make_queue,
    make_schedule,
    make_user,
    put_into_groups,
)

pytestmark = pytest.mark.django_db


def form(**changes: Any) -> dict[str, Any]:
    """What the campaign form holds."""
    fields: dict[str, Any] = {
        "name": "Spring offer",
        "start_date": date(2026, 3, 2),
        "end_date": date(2026, 3, 15),
        "start_time": time(8),
        "end_time": time(18),
        "weekdays": [1, 2, 3, 4, 5],
        "time_zone": "America/Sao_Paulo",
        "pilot_number": "7000",
    }
    return fields | changes


def refused(error: pytest.ExceptionInfo[ValidationError]) -> set[str]:
    return set(error.value.message_dict)


def test_creating_a_campaign_writes_one_schedule_for_each_of_its_days() -> None:
    admin = make_user()
    campaign = services.create_campaign(admin, **form(group=admin.dialer_groups.get(), queue=make_queue()))
    schedules = list(campaign.schedules.all())
    assert [s.date.isoweekday() for s in schedules] == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]
    assert {s.state for s in schedules} == {Schedule.State.NOT_RUNNING}
    assert schedules[0].opens_at.hour == 11
    assert campaign.state == Campaign.State.STOPPED
    assert campaign.created_by == admin


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end_date": date(2026, 3, 1)}, "end_date"),
        ({"end_time": time(8)}, "end_time"),
        ({"end_time": time(7)}, "end_time"),
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": [8]}, "weekdays"),
        ({"start_date": date(2026, 3, 7), "end_date": date(2026, 3, 8)}, "weekdays"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"pilot_number": "7000; DROP"}, "pilot_number"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": 101}, "max_attempts"),
        ({"retry_delay": 0}, "retry_delay"),
        ({"retry_delay": 1441}, "retry_delay"),
        ({"name": ""}, "name"),
        ({"type": "IVR"}, "queue"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_field_and_nothing_is_written(
    changes: dict[str, Any], field: str
) -> None:
    admin = make_user()
    fields = form(group=admin.dialer_groups.get(), queue=make_queue()) | changes
    with pytest.raises(ValidationError) as error:
        services.create_campaign(admin, **fields)
    assert field in refused(error)
    assert not Campaign.objects.exists()


def test_a_campaign_name_is_unique() -> None:
    admin = make_user()
    fields = form(group=admin.dialer_groups.get(), queue=make_queue())
    services.create_campaign(admin, **fields)
    with pytest.raises(ValidationError) as error:
        services.create_campaign(admin, **fields)
    assert refused(error) == {"name"}


def test_a_campaign_is_made_in_an_enabled_group_of_its_creator() -> None:
    admin = make_user()
    queue = make_queue()
    with pytest.raises(ValidationError) as error:
        services.create_campaign(admin, **form(group=make_group(), queue=queue))
    assert refused(error) == {"group"}
    disabled = make_group(enabled=False)
    put_into_groups(admin, disabled)
    with pytest.raises(ValidationError) as error:
        services.create_campaign(admin, **form(group=disabled, queue=queue))
    assert refused(error) == {"group"}


@pytest.mark.parametrize("role", [Role.MASTER, Role.MANAGER, Role.CAMPAIGN_SUPERVISOR])
def test_only_campaign_administrators_create_start_stop_and_delete(role: Role) -> None:
    campaign = make_campaign(started=False)
    user = make_user(role, groups=[campaign.group])
    with pytest.raises(PermissionDenied):
        services.create_campaign(user, **form(group=campaign.group, queue=campaign.queue))
    for verb in (services.start_campaign, services.stop_campaign, services.delete_campaign):
        with pytest.raises(PermissionDenied):
            verb(user, campaign)


def test_a_campaign_of_another_group_is_out_of_reach() -> None:
    campaign = make_campaign(started=False)
    stranger = make_user()
    with pytest.raises(PermissionDenied):
        services.start_campaign(stranger, campaign)
    with pytest.raises(PermissionDenied):
        services.update_campaign(stranger, campaign, name="Mine now")


def test_settings_change_only_while_stopped_and_the_calendar_not_at_all() -> None:
    campaign = make_campaign(started=False)
    services.update_campaign(None, campaign, name="New name", retry_delay=5)
    campaign.refresh_from_db()
    assert (campaign.name, campaign.retry_delay) == ("New name", 5)
    with pytest.raises(ValidationError) as error:
        services.update_campaign(None, campaign, start_date=date(2026, 1, 1))
    assert refused(error) == {"start_date"}
    Campaign.objects.update(state=Campaign.State.STARTED)
    with pytest.raises(ValidationError):
        services.update_campaign(None, campaign, name="While running")


def test_a_new_maximum_of_attempts_brings_leads_back_and_retires_others() -> None:
    campaign = make_campaign(started=False, max_attempts=3)
    spent = make_lead(campaign, attempts=3, status=LeadStatus.BUSY, pool=Lead.Pool.DONE)
    sold = make_lead(campaign, attempts=1, status=LeadStatus.SUCCESS, pool=Lead.Pool.DONE)
    fresh = make_lead(campaign, attempts=1, status=LeadStatus.BUSY)

    def pools() -> list[str]:
        return [Lead.objects.get(pk=lead.pk).pool for lead in (spent, sold, fresh)]

    services.update_campaign(None, campaign, max_attempts=5)
    assert pools() == ["WAITING", "DONE", "WAITING"]
    services.update_campaign(None, campaign, max_attempts=1)
    assert pools() == ["DONE", "DONE", "DONE"]


def test_attempts_move_with_their_campaign_to_its_new_group() -> None:
    campaign = make_campaign(started=False)
    attempt = make_attempt(make_lead(campaign))
    group = make_group()
    services.update_campaign(None, campaign, group=group)
    assert CallAttempt.objects.get(pk=attempt.pk).group == group


def test_start_opens_the_schedule_that_is_due_at_once() -> None:
    campaign = make_campaign(started=False)
    make_lead(campaign)
    make_port()
    admin = make_user(groups=[campaign.group])
    services.start_campaign(admin, campaign)
    assert campaign.is_started
    assert campaign.schedules.get().state == Schedule.State.RUNNING


def test_start_is_refused_with_every_reason_in_words() -> None:
    campaign = make_campaign(started=False, schedule=False, group=make_group(enabled=False))
    with pytest.raises(ValidationError) as error:
        services.start_campaign(None, campaign)
    text = " ".join(error.value.messages)
    for word in ("disabled", "port", "schedule", "lead"):
        assert word in text
    campaign.refresh_from_db()
    assert not campaign.is_started


def test_stop_takes_the_schedule_with_it() -> None:
    campaign = make_campaign()
    services.stop_campaign(None, campaign)
    assert not campaign.is_started
    assert campaign.schedules.get().state == Schedule.State.NOT_RUNNING


def test_a_started_campaign_is_not_deleted_and_call_records_outlive_a_stopped_one() -> None:
    campaign = make_campaign()
    attempt = make_attempt(make_lead(campaign))
    with pytest.raises(ValidationError):
        services.delete_campaign(None, campaign)
    services.stop_campaign(None, campaign)
    services.delete_campaign(None, campaign)
    record = CallAttempt.objects.get(pk=attempt.pk)
    assert (record.campaign, record.lead) == (None, None)
    assert record.campaign_name
    assert record.phone_number


def test_beat_opens_and_closes_schedules_and_stops_the_campaign_after_the_last() -> None:
    campaign = make_campaign(schedule=False)
    now = timezone.now()
    first = make_schedule(
        campaign, opens_at=now, closes_at=now + timedelta(hours=1), state=Schedule.State.NOT_RUNNING
    )
    last = make_schedule(
        campaign,
        date=first.date + timedelta(days=1),
        opens_at=now + timedelta(days=1),
        closes_at=now + timedelta(days=1, hours=1),
        state=Schedule.State.NOT_RUNNING,
    )

    def states(after: timedelta) -> tuple[str, str, str]:
        lifecycle.advance_schedules(now + after)
        for row in (first, last, campaign):
            row.refresh_from_db()
        return first.state, last.state, campaign.state

    assert states(timedelta(minutes=-1)) == ("NOT_RUNNING", "NOT_RUNNING", "STARTED")
    assert states(timedelta(minutes=1)) == ("RUNNING", "NOT_RUNNING", "STARTED")
    assert states(timedelta(hours=1)) == ("FINISHED", "NOT_RUNNING", "STARTED")
    assert states(timedelta(days=1)) == ("FINISHED", "RUNNING", "STARTED")
    assert states(timedelta(days=1, hours=1)) == ("FINISHED", "FINISHED", "STOPPED")


def test_the_schedule_of_a_stopped_campaign_stays_closed() -> None:
    campaign = make_campaign(started=False)
    lifecycle.advance_schedules(timezone.now())
    assert campaign.schedules.get().state == Schedule.State.NOT_RUNNING


def test_do_not_call_out_of_service_and_back() -> None:
    service = DncService.objects.create(name="Registry", url="https://dnc.invalid")
    campaign = make_campaign(dnc_service=service)
    DncService.objects.filter(pk=service.pk).update(state=DncService.State.OUT_OF_SERVICE)
    lifecycle.mark_dnc_out_of_service(campaign.pk)
    lifecycle.advance_schedules(timezone.now())
    assert campaign.schedules.get().state == Schedule.State.DNC_OOS
    DncService.objects.filter(pk=service.pk).update(state=DncService.State.UP)
    lifecycle.advance_schedules(timezone.now())
    assert campaign.schedules.get().state == Schedule.State.RUNNING


def test_one_schedule_a_day() -> None:
    campaign = make_campaign(started=False)
    day = campaign.schedules.get().date
    with pytest.raises(ValidationError) as error:
        services.add_schedule(None, campaign, day, time(8), time(9))
    assert refused(error) == {"date"}
    added = services.add_schedule(None, campaign, day + timedelta(days=1), time(8), time(9))
    services.remove_schedule(None, added)
    assert campaign.schedules.count() == 1


def test_edit_all_remaining_leaves_past_schedules_alone() -> None:
    campaign = make_campaign(started=False, schedule=False)
    now = timezone.now()
    make_schedule(campaign, opens_at=now - timedelta(days=2), state=Schedule.State.FINISHED)
    later = services.add_schedule(None, campaign, (now + timedelta(days=2)).date(), time(8), time(9))
    assert services.change_remaining_schedules(None, campaign, time(10), time(12)) == 1
    later.refresh_from_db()
    assert (later.start_time, later.opens_at.hour) == (time(10), 10)
    assert campaign.schedules.filter(start_time=time(0)).count() == 1


def test_schedules_change_only_while_the_campaign_is_stopped() -> None:
    campaign = make_campaign()
    schedule = campaign.schedules.get()
    with pytest.raises(ValidationError):
        services.change_schedule(None, schedule, time(8), time(9))
    with pytest.raises(ValidationError):
        services.remove_schedule(None, schedule)
    with pytest.raises(ValidationError):
        services.add_schedule(None, campaign, schedule.date + timedelta(days=1), time(8), time(9))


def test_the_summary_counts_every_status() -> None:
    campaign = make_campaign()
    make_lead(campaign)
    make_lead(campaign, status=LeadStatus.BUSY, attempts=2)
    make_lead(campaign, status=LeadStatus.SUCCESS, attempts=1, pool=Lead.Pool.DONE)
    make_attempt(make_lead(campaign))
    counts = summary(campaign)
    assert (counts.total, counts.attempts, counts.in_flight, counts.waiting) == (4, 3, 1, 2)
    assert counts.by_status["NOT_CALLED"] == 2
    assert counts.by_status["SUCCESS"] == counts.by_status["BUSY"] == 1
    assert counts.by_status["REFUSED"] == 0
    assert counts.next_due is not None
