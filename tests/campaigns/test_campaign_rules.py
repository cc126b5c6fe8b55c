"""SPEC 3 to 5 by the sentence: disabled groups, what changes while a campaign is stopped, the states of a schedule."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import Role
from campaigns import lifecycle, services
from campaigns.models import Campaign, Schedule
from dialing.claim import claim_leads
from dialing.gate import Answer, examine
from dnc.models import DncService
from groups.services import update_group
from leads.models import CallAttempt
from tests.factories import (
    embedded_dnc,
    make_campaign,
    make_group,
    make_leads,
    make_queue,
    make_schedule,
    make_user,
    put_into_groups,
)

pytestmark = pytest.mark.django_db
State = Schedule.State


def test_a_started_campaign_of_a_disabled_group_goes_on_until_its_schedules_have_ended() -> None:
    now = timezone.now()
    campaign = make_campaign(schedule=False)
    make_schedule(campaign, opens_at=now - timedelta(hours=1), closes_at=now + timedelta(hours=1))
    tomorrow = make_schedule(campaign, opens_at=now + timedelta(days=1), state=State.NOT_RUNNING)
    make_leads(campaign, 2)
    group = campaign.group
    update_group(make_user(Role.MASTER, []), group, name=group.name, description="", enabled=False)

    def calls_at(moment: datetime) -> bool:
        """Whether the dialer would call: beat has looked, a lead is claimed, and the gate lets it through."""
        lifecycle.advance_schedules(moment)
        claimed = claim_leads(campaign.pk, 1, moment)
        return bool(claimed) and examine(CallAttempt.objects.get(pk=claimed[0]), moment).answer is Answer.DIAL

    assert calls_at(now)
    assert calls_at(tomorrow.opens_at + timedelta(minutes=1)), "the next day, too"
    lifecycle.advance_schedules(tomorrow.closes_at)
    campaign.refresh_from_db()
    assert campaign.state == Campaign.State.STOPPED
    make_schedule(campaign, opens_at=now + timedelta(days=2), state=State.NOT_RUNNING)
    with pytest.raises(ValidationError) as refusal:
        services.start_campaign(None, campaign)
    assert f"The dialer group {group.name} is disabled." in refusal.value.messages


def values_of(actor_group: Any) -> dict[str, Any]:
    """Another value of each setting that the guide lets an administrator edit (G 6.4)."""
    return {
        "name": "Autumn survey",
        "description": "Asks three questions",
        "group": actor_group,
        "pilot_number": "8555",
        "max_attempts": 100,
        "retry_delay": 1,
        "queue": make_queue(),
        "amd_enabled": True,
        "dnc_service": embedded_dnc(),
    }


def test_every_setting_of_the_guide_changes_while_the_campaign_is_stopped_and_none_while_it_is_started() -> (
    None
):
    actor = make_user()
    campaign = make_campaign(started=False, group=actor.dialer_groups.get())
    second = make_group()
    put_into_groups(actor, second)
    for name, value in values_of(second).items():
        services.update_campaign(actor, campaign, **{name: value})
        assert getattr(Campaign.objects.get(), name) == value, name
    voice = {"type": Campaign.Type.IVR, "queue": make_queue(kind="IVR")}
    services.update_campaign(actor, campaign, **voice)
    assert (Campaign.objects.get().type, Campaign.objects.get().queue) == ("IVR", voice["queue"])

    Campaign.objects.update(state=Campaign.State.STARTED)
    before = Campaign.objects.values().get()
    for name, value in values_of(actor.dialer_groups.first()).items():
        with pytest.raises(ValidationError):
            services.update_campaign(actor, campaign, **{name: value})
    assert Campaign.objects.values().get() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start_date", date(2026, 1, 1)),
        ("end_date", date(2035, 1, 1)),
        ("start_time", time(1)),
        ("end_time", time(2)),
        ("weekdays", [1]),
        ("time_zone", "Europe/Lisbon"),
    ],
)
def test_no_date_and_no_hour_changes_but_through_the_schedules(name: str, value: Any) -> None:
    campaign = make_campaign(started=False)
    with pytest.raises(ValidationError) as refusal:
        services.update_campaign(None, campaign, **{name: value})
    assert set(refusal.value.message_dict) == {name}


def test_a_campaign_has_no_do_not_call_service_the_embedded_or_an_external_one() -> None:
    actor = make_user()
    campaign = make_campaign(started=False, group=actor.dialer_groups.get())
    external = DncService.objects.create(name="Registry", url="https://dnc.example.org")
    for chosen in (embedded_dnc(), external, None):
        services.update_campaign(actor, campaign, dnc_service=chosen)
        assert Campaign.objects.get().dnc_service == chosen


# --- the states of a schedule -------------------------------------------------------------------------------


def at(campaign: Campaign, moment: datetime) -> str:
    lifecycle.advance_schedules(moment)
    return campaign.schedules.get().state


def waiting_campaign(*, started: bool = True) -> tuple[Campaign, datetime, datetime]:
    """With one schedule, from in an hour for two hours."""
    opens = timezone.now() + timedelta(hours=1)
    campaign = make_campaign(started=started, schedule=False)
    schedule = make_schedule(campaign, opens_at=opens, state=State.NOT_RUNNING)
    return campaign, schedule.opens_at, schedule.closes_at


def test_not_running_before_it_is_due_running_in_its_time_and_finished_when_its_time_was_used() -> None:
    campaign, opens, closes = waiting_campaign()
    assert at(campaign, opens - timedelta(seconds=1)) == State.NOT_RUNNING
    assert at(campaign, opens) == State.RUNNING
    assert at(campaign, closes - timedelta(seconds=1)) == State.RUNNING
    assert at(campaign, closes) == State.FINISHED


def test_not_running_when_no_time_is_left_and_it_never_ran() -> None:
    campaign, opens, closes = waiting_campaign(started=False)
    assert at(campaign, opens) == State.NOT_RUNNING
    assert at(campaign, closes + timedelta(hours=1)) == State.NOT_RUNNING


def test_not_running_when_it_was_stopped_by_hand_and_running_again_after_a_start() -> None:
    campaign = make_campaign()
    services.stop_campaign(None, campaign)
    assert at(campaign, timezone.now()) == State.NOT_RUNNING
    Campaign.objects.update(state=Campaign.State.STARTED)
    assert at(campaign, timezone.now()) == State.RUNNING


def test_out_of_service_that_lasts_to_the_end_of_the_day_is_finished() -> None:
    service = DncService.objects.create(
        name="Registry", url="https://dnc.example.org", state=DncService.State.OUT_OF_SERVICE
    )
    campaign = make_campaign(dnc_service=service)
    lifecycle.mark_dnc_out_of_service(campaign.pk)
    closes = campaign.schedules.get().closes_at
    assert at(campaign, closes - timedelta(seconds=1)) == State.DNC_OOS
    assert at(campaign, closes) == State.FINISHED


# --- "edit all" -----------------------------------------------------------------------------------------------


def test_edit_all_changes_today_while_it_is_not_over_and_all_later_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the clock of the campaign's zone: at noon today's hours until 11:00 are over, those until 13:00 are not."""
    days = [date(2026, 3, day) for day in (8, 9, 10, 11)]
    campaign = make_campaign(
        started=False, schedule=False, time_zone="America/Sao_Paulo", start_date=days[0], end_date=days[-1]
    )
    schedules = [services.add_schedule(None, campaign, day, time(9), time(13)) for day in days]
    noon = datetime(2026, 3, 9, 12, tzinfo=campaign.zone)
    monkeypatch.setattr("campaigns.services.timezone.now", lambda: noon)
    assert services.change_remaining_schedules(None, campaign, time(10), time(11)) == 3

    def hours() -> list[tuple[int, int]]:
        rows = campaign.schedules.order_by("date").values_list("start_time", "end_time")
        return [(start.hour, end.hour) for start, end in rows]

    assert hours() == [(9, 13), (10, 11), (10, 11), (10, 11)]
    assert services.change_remaining_schedules(None, campaign, time(8), time(18)) == 2, "today is over by now"
    assert hours() == [(9, 13), (10, 11), (8, 18), (8, 18)]
    with pytest.raises(ValidationError):
        services.change_schedule(None, schedules[0], time(8), time(18))
