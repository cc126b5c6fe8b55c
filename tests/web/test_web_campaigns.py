"""Campaigns and schedules in the browser's eyes (G 6.4)."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from campaigns.models import Campaign, Schedule
from dialer_project.pages.campaign_bar import STARTED_WORDS
from telephony.models import Queue
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db

START = "/campaigns/campaign/{}/start/"
STOP = "/campaigns/campaign/{}/stop/"


@pytest.fixture
def ana() -> User:
    return make.make_user(Role.CAMPAIGN_ADMINISTRATOR)


@pytest.fixture
def browser(ana: User) -> Client:
    return signed_in(ana)


def stopped(user: User, **fields: Any) -> Campaign:
    """A campaign of the user's group that could be started."""
    if "group" not in fields:
        fields["group"] = user.dialer_groups.get()
    campaign = make.make_campaign(started=False, **fields)
    make.make_lead(campaign)
    make.make_port()
    return campaign


def form(user: User, queue_row: Queue, /, **fields: Any) -> dict[str, Any]:
    today = timezone.now().date()
    values = {
        "name": "Spring renewal",
        "description": "",
        "group": user.dialer_groups.get().pk,
        "start_date": today.isoformat(),
        "end_date": (today + timedelta(days=13)).isoformat(),
        "start_time": "08:00",
        "end_time": "17:00",
        "weekdays": ["1", "2", "3", "4", "5"],
        "time_zone": "America/Sao_Paulo",
        "type": "OSCC",
        "queue": queue_row.pk,
        "pilot_number": "8000",
        "max_attempts": "5",
        "retry_delay": "60",
        "weight": "1",
        "ring_timeout": "30",
        "default_country": "BR",
        "amd_enabled": "on",
        "amd_profile": "BALANCED",
        "amd_silence_is": "HUMAN",
        "amd_shortest_call": "0",
        "early_end": "NEVER",
        "dnc_service": "",
    }
    return {**values, **fields}


def test_a_campaign_is_created_with_a_schedule_for_each_chosen_day(browser: Client, ana: User) -> None:
    answer = browser.post("/campaigns/campaign/add/", form(ana, make.make_queue()))
    assert answer.status_code == 302, answer.context["errors"]
    campaign = Campaign.objects.get()
    assert (campaign.name, campaign.created_by, campaign.weekdays) == ("Spring renewal", ana, [1, 2, 3, 4, 5])
    assert campaign.schedules.count() == 10
    assert campaign.schedules.filter(start_time=time(8), end_time=time(17)).count() == 10


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "This field is required."),
        ("end_date", "2020-01-01", "The last day lies before the first day."),
        ("end_time", "07:00", "The end must be later than the start"),
        ("weekdays", [], "This field is required."),
        ("time_zone", "Mars/Olympus", "Mars/Olympus"),
        ("pilot_number", "eight", "Use digits"),
        ("max_attempts", "101", "100"),
        ("retry_delay", "1441", "1440"),
        ("type", "IVR", "The queue does not fit"),
        ("queue", "999999", "valid choice"),
        ("group", "999999", "valid choice"),
        ("name", "x" * 10000, "200"),
    ],
)
def test_a_wrong_field_says_what_is_wrong_and_saves_nothing(
    browser: Client, ana: User, field: str, value: Any, words: str
) -> None:
    answer = browser.post("/campaigns/campaign/add/", form(ana, make.make_queue(), **{field: value}))
    assert answer.status_code == 200
    assert words in str(answer.context["adminform"].form.errors)
    assert not Campaign.objects.exists()


def test_a_disabled_or_foreign_group_is_neither_offered_nor_taken(browser: Client, ana: User) -> None:
    queue = make.make_queue()
    disabled, foreign = make.make_group(enabled=False), make.make_group()
    make.put_into_groups(ana, disabled)
    page = browser.get("/campaigns/campaign/add/").content.decode()
    assert disabled.name not in page
    assert foreign.name not in page
    for group in (disabled, foreign):
        mine = ana.dialer_groups.filter(enabled=True).get()
        values = form(make.make_user(groups=[mine]), queue, group=group.pk)
        assert browser.post("/campaigns/campaign/add/", values).status_code == 200
    assert not Campaign.objects.exists()


def test_settings_change_while_stopped_and_calendar_does_not(browser: Client, ana: User) -> None:
    campaign = stopped(ana)
    values = form(ana, campaign.queue, name="Renamed", retry_delay="1440", end_date="2035-01-01")
    answer = browser.post(f"/campaigns/campaign/{campaign.pk}/change/", values)
    assert answer.status_code == 302, answer.context["errors"]
    before = campaign.end_date
    campaign.refresh_from_db()
    assert (campaign.name, campaign.retry_delay, campaign.end_date) == ("Renamed", 1440, before)


def test_a_started_campaign_is_shown_read_only_with_the_reason(browser: Client, ana: User) -> None:
    campaign = make.make_campaign(group=ana.dialer_groups.get())
    page = browser.get(f"/campaigns/campaign/{campaign.pk}/change/").content.decode()
    assert "change only while it is stopped" in page
    assert 'name="pilot_number"' not in page
    assert browser.post(f"/campaigns/campaign/{campaign.pk}/change/", {"name": "x"}).status_code == 403
    refused = browser.post(f"/campaigns/campaign/{campaign.pk}/delete/", {"post": "yes"}, follow=True)
    assert str(STARTED_WORDS) in [str(message) for message in refused.context["messages"]]
    assert Campaign.objects.filter(pk=campaign.pk, name=campaign.name).exists()


def test_start_and_stop_come_back_to_the_list_with_words(browser: Client, ana: User) -> None:
    campaign = stopped(ana)
    back = "/campaigns/campaign/?p=2"
    answer = browser.post(START.format(campaign.pk), query_params={"next": back})
    assert answer["Location"] == back
    assert f"“{campaign.name}” is started." in browser.get("/campaigns/campaign/").content.decode()
    campaign.refresh_from_db()
    assert campaign.is_started
    browser.post(STOP.format(campaign.pk))
    campaign.refresh_from_db()
    assert not campaign.is_started


def test_a_pilot_number_that_is_not_the_queues_is_taken_with_a_warning(browser: Client, ana: User) -> None:
    words = "the contact centre says that queue “sales” is reached at 7000"
    sales = make.make_queue(name="sales", pilot_number="7000")
    page = browser.post("/campaigns/campaign/add/", form(ana, sales, pilot_number="7001"), follow=True)
    assert words in page.content.decode()
    campaign = Campaign.objects.get()
    make.make_lead(campaign)
    make.make_port()
    assert words in browser.post(START.format(campaign.pk), follow=True).content.decode()
    Campaign.objects.update(state="STOPPED", pilot_number="7000")
    assert words not in browser.post(START.format(campaign.pk), follow=True).content.decode()
    Campaign.objects.update(state="STOPPED")
    again = form(ana, sales, pilot_number="7000")
    page = browser.post(f"/campaigns/campaign/{campaign.pk}/change/", again, follow=True)
    assert words not in page.content.decode()


def test_start_never_sends_the_browser_elsewhere(browser: Client, ana: User) -> None:
    campaign = stopped(ana)
    answer = browser.post(START.format(campaign.pk), query_params={"next": "https://evil.example/"})
    assert answer["Location"] == "/campaigns/campaign/"


def test_a_refused_start_names_all_the_reasons(browser: Client, ana: User) -> None:
    campaign = make.make_campaign(group=ana.dialer_groups.get(), started=False, schedule=False)
    answer = browser.post(START.format(campaign.pk), headers={"accept": "application/json"})
    body = answer.json()
    words = " ".join(body["words"])
    assert body["tone"] == "bad"
    assert "No dialer port" in words
    assert "No schedule is left" in words
    assert "No lead is left" in words
    assert body["figures"][f"c{campaign.pk}.started"] is False


def test_in_a_disabled_group_the_button_looks_disabled_and_the_server_refuses(
    browser: Client, ana: User
) -> None:
    disabled = make.make_group(enabled=False)
    make.put_into_groups(ana, disabled)
    campaign = stopped(ana, group=disabled)
    page = browser.get("/campaigns/campaign/").content.decode()
    assert 'aria-disabled="true"' in page
    answer = browser.post(START.format(campaign.pk), headers={"accept": "application/json"})
    assert f"The dialer group {disabled.name} is disabled." in answer.json()["words"]


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.CAMPAIGN_ADMINISTRATOR])
def test_only_campaign_administrators_start_and_stop(role: str, ana: User) -> None:
    campaign = stopped(ana)
    groups = [] if role == Role.MASTER else list(ana.dialer_groups.all())
    client = signed_in(make.make_user(role, groups))
    for address in (START, STOP):
        assert client.post(address.format(campaign.pk)).status_code in {403, 404}
    campaign.refresh_from_db()
    assert not campaign.is_started


def test_start_by_get_or_without_csrf_token_changes_nothing(ana: User) -> None:
    campaign = stopped(ana)
    strict = signed_in(ana, enforce_csrf_checks=True)
    assert strict.get(START.format(campaign.pk)).status_code == 405
    answer = strict.post(START.format(campaign.pk))
    assert answer.status_code == 403
    assert "Page out of date" in answer.content.decode()
    campaign.refresh_from_db()
    assert not campaign.is_started


def test_deleting_tells_what_goes_and_keeps_the_calls(browser: Client, ana: User) -> None:
    campaign = stopped(ana)
    attempt = make.make_attempt(campaign.leads.get(), state="ENDED", ended_at=timezone.now())
    address = f"/campaigns/campaign/{campaign.pk}/delete/"
    page = browser.get(address).content.decode()
    assert "<dt>Leads</dt><dd>1</dd>" in page
    assert "The records of its calls are kept." in page
    assert browser.post(address, {"post": "yes"}).status_code == 302
    attempt.refresh_from_db()
    assert (attempt.campaign, attempt.campaign_name) == (None, campaign.name)


def test_the_summary_shows_the_ten_fields_and_the_counts(browser: Client, ana: User) -> None:
    campaign = stopped(ana, description="Contracts that end", retry_delay=90)
    make.make_lead(campaign, status="SUCCESS", pool="DONE", attempts=2)
    page = browser.get(f"/campaigns/campaign/{campaign.pk}/summary/").content.decode()
    for words in (campaign.name, "Contracts that end", "8000", "90 minutes", "Stopped", campaign.group.name):
        assert words in page
    figures = browser.get("/live/", {"campaigns": campaign.pk}).json()
    key = f"c{campaign.pk}"
    assert (figures[f"{key}.total"], figures[f"{key}.SUCCESS"], figures[f"{key}.done"]) == ("2", "1", "1")
    assert figures[f"{key}.SUCCESS.share"] == "50.00"
    assert figures["running"] is False


# --- schedules ------------------------------------------------------------------------------------------


def test_schedules_show_local_hours_with_the_offset(browser: Client, ana: User) -> None:
    campaign = stopped(ana, time_zone="America/Sao_Paulo")
    page = browser.get("/campaigns/schedule/", {"campaign__id__exact": campaign.pk}).content.decode()
    assert "00:00 – 23:59 GMT-3" in page
    assert campaign.name in page


def test_a_day_is_added_once_changed_and_removed(browser: Client, ana: User) -> None:
    campaign = stopped(ana)
    day = date.today() + timedelta(days=30)  # noqa: DTZ011 - any day will do
    values = {"campaign": campaign.pk, "date": day.isoformat(), "start_time": "08:00", "end_time": "12:00"}
    answer = browser.post("/campaigns/schedule/add/", values)
    assert answer["Location"] == f"/campaigns/schedule/?campaign__id__exact={campaign.pk}"
    again = browser.post("/campaigns/schedule/add/", values)
    assert "a schedule on this day already" in str(again.context["adminform"].form.errors)
    added = campaign.schedules.get(date=day)
    browser.post(f"/campaigns/schedule/{added.pk}/change/", {"start_time": "09:00", "end_time": "11:00"})
    added.refresh_from_db()
    assert (added.start_time, added.end_time) == (time(9), time(11))
    assert browser.post(f"/campaigns/schedule/{added.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Schedule.objects.filter(pk=added.pk).exists()


def test_edit_all_changes_the_remaining_days_only(browser: Client, ana: User) -> None:
    campaign = stopped(ana)
    now = timezone.now()
    past = make.make_schedule(
        campaign, opens_at=now - timedelta(days=2), closes_at=now - timedelta(days=2, hours=-8)
    )
    later = make.make_schedule(campaign, opens_at=now + timedelta(days=2))
    address = f"/campaigns/schedule/hours/{campaign.pk}/"
    wrong = browser.post(address, {"start_time": "12:00", "end_time": "08:00"})
    assert "The end must be later" in wrong.content.decode()
    assert browser.post(address, {"start_time": "08:30", "end_time": "12:00"}).status_code == 302
    past.refresh_from_db()
    later.refresh_from_db()
    assert (past.start_time, later.start_time) == (time(0), time(8, 30))


def test_the_days_of_a_campaign_are_added_to_while_it_is_stopped(browser: Client, ana: User) -> None:
    campaign = stopped(ana)
    address, query = "/campaigns/schedule/", {"campaign__id__exact": campaign.pk}
    assert "Add a day" in browser.get(address, query).content.decode()
    assert 'name="q"' not in browser.get(address, query).content.decode(), "all are of the same name"
    assert 'name="q"' in browser.get(address).content.decode()
    Campaign.objects.update(state=Campaign.State.STARTED)
    assert "Add a day" not in browser.get(address, query).content.decode()


def test_schedules_of_a_started_campaign_stay(browser: Client, ana: User) -> None:
    campaign = make.make_campaign(group=ana.dialer_groups.get())
    schedule = campaign.schedules.get()
    hours = {"start_time": "08:00", "end_time": "09:00"}
    assert browser.post(f"/campaigns/schedule/{schedule.pk}/change/", hours).status_code == 403
    refused = browser.post(f"/campaigns/schedule/{schedule.pk}/delete/", {"post": "yes"}, follow=True)
    assert str(STARTED_WORDS) in [str(message) for message in refused.context["messages"]]
    refused = browser.post(f"/campaigns/schedule/hours/{campaign.pk}/", hours)
    assert "Stop it first" in refused.content.decode()
    schedule.refresh_from_db()
    assert schedule.start_time == time(0)
