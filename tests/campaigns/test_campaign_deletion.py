"""Deleting campaigns: small ones at once, large ones in the background, whatever is killed meanwhile (SPEC 4)."""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import time as clock
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from campaigns import deletion, lifecycle, services, tasks
from campaigns.models import Campaign, Schedule
from dialer_project.beat import BEAT_SCHEDULE
from leads import services as leads
from leads import uploads
from leads.models import CallAttempt, Lead, LeadUpload
from tests import factories as make
from tests.api.api_world import client_of
from tests.web.web_world import signed_in

PROJECT = Path(__file__).resolve().parents[2]
WORDS = "The campaign is being deleted."


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three leads are many, and go two at a time."""
    monkeypatch.setattr(deletion, "AT_ONCE", 2)
    monkeypatch.setattr(deletion, "PART", 2)


def called(count: int, user: User | None = None, **fields: Any) -> Campaign:
    """A stopped campaign that could be started, whose leads were called once each."""
    if user is not None:
        fields["group"] = user.dialer_groups.get()
    campaign = make.make_campaign(started=False, **fields)
    for _ in range(count):
        make.make_attempt(make.make_lead(campaign), state="ENDED", ended_at=timezone.now())
    make.make_port()
    return campaign


def left(campaign: Campaign) -> tuple[int, int]:
    """Leads and call records that are still the campaign's."""
    return (
        Lead.objects.filter(campaign=campaign.pk).count(),
        CallAttempt.objects.filter(campaign=campaign.pk).count(),
    )


def state_of(campaign: Campaign) -> str | None:
    return Campaign.objects.filter(pk=campaign.pk).values_list("state", flat=True).first()


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_a_small_one_is_gone_at_once_and_a_large_one_in_the_background() -> None:
    little, large, other = called(2), called(5), called(3)
    assert services.delete_campaign(None, little) is True
    assert services.delete_campaign(None, large) is False
    assert (state_of(little), state_of(large), left(large)) == (None, Campaign.State.DELETING, (5, 5))
    assert deletion.run_waiting() == 1
    assert state_of(large) is None
    assert left(other) == (3, 3)
    assert not Schedule.objects.exclude(campaign=other).exists()
    records = CallAttempt.objects.filter(campaign=None)
    assert records.count() == 7, "call records are kept"
    assert {record.lead_id for record in records} == {None}
    assert {record.campaign_name for record in records} == {little.name, large.name}
    assert deletion.run_waiting() == 0


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_many_calls_of_few_leads_are_large_too() -> None:
    campaign = called(1)
    for number in (2, 3):
        make.make_attempt(campaign.leads.get(), number=number, state="ENDED", ended_at=timezone.now())
    assert services.delete_campaign(None, campaign) is False


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_what_is_being_deleted_can_be_neither_started_nor_changed_by_any_service() -> None:
    campaign = called(3)
    schedule, lead, day = campaign.schedules.get(), campaign.leads.first(), timezone.now().date()
    assert lead is not None
    services.delete_campaign(None, campaign)
    verbs: list[Callable[[], object]] = [
        lambda: services.start_campaign(None, campaign),
        lambda: services.update_campaign(None, campaign, name="Another"),
        lambda: services.delete_campaign(None, campaign),
        lambda: services.add_schedule(None, campaign, day + timedelta(days=9), clock(8), clock(9)),
        lambda: services.change_schedule(None, schedule, clock(8), clock(9)),
        lambda: services.change_remaining_schedules(None, campaign, clock(8), clock(9)),
        lambda: services.remove_schedule(None, schedule),
        lambda: leads.add_lead(None, campaign, name="Ann", phone_number="554199999999"),
        lambda: leads.remove_lead(None, lead),
        lambda: leads.update_lead(None, lead, name="Ann", description="", phone_number=lead.phone_number),
        lambda: uploads.receive(None, campaign, BytesIO(b"Ann,554199999998\n"), "a.csv"),
    ]
    for verb in verbs:
        with pytest.raises(ValidationError) as refusal:
            verb()
        assert refusal.value.messages == [WORDS]
    assert services.stop_campaign(None, campaign) is False
    lifecycle.advance_schedules(timezone.now())
    assert state_of(campaign) == Campaign.State.DELETING
    assert left(campaign) == (3, 3)
    assert not LeadUpload.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_the_jobs_worker_is_asked_on_commit_and_beat_asks_again(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.delete_waiting, "apply_async", lambda **options: asked.append(options))
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_campaign(None, called(3))
        assert asked == []
    assert len(asked) == 1

    def away(**options: Any) -> None:
        raise tasks.delete_waiting.OperationalError("no broker")

    monkeypatch.setattr(tasks.delete_waiting, "apply_async", away)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_campaign(None, called(3))
    assert tasks.delete_waiting.name in {entry["task"] for entry in BEAT_SCHEDULE.values()}
    tasks.delete_waiting()
    assert not Campaign.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_half_way_leaves_what_the_next_one_takes_away(
    process_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "AT_ONCE", 2)
    monkeypatch.setattr(tasks.delete_waiting, "apply_async", lambda **options: None)
    campaign = called(60)
    services.delete_campaign(None, campaign)
    program = (
        "import django, time; django.setup(); from campaigns import deletion; from leads import services;"
        "step = services.remove_part; deletion.PART = 1;"
        "deletion.leads.remove_part = lambda *a: (time.sleep(0.01), step(*a))[1]; deletion.run_waiting()"
    )
    environment = {**process_environment, "DJANGO_SETTINGS_MODULE": "dialer_project.settings"}
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, env=environment)
    deadline = time.monotonic() + 30
    while left(campaign)[0] == 60 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert deletion.run_waiting() == 0, "one process at a time"
    worker.kill()
    worker.wait(10)
    assert 0 < left(campaign)[0] < 60
    assert state_of(campaign) == Campaign.State.DELETING
    with pytest.raises(ValidationError):
        services.start_campaign(None, campaign)
    while not deletion.run_waiting():  # the lock goes with the connection of the killed one
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert state_of(campaign) is None
    assert CallAttempt.objects.filter(campaign=None, lead=None, campaign_name=campaign.name).count() == 60


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_the_api_answers_202_and_shows_the_state() -> None:
    user = make.make_user(Role.CAMPAIGN_ADMINISTRATOR)
    little, large = called(1, user), called(3, user)
    client = client_of(user)
    assert client.delete(f"/api/v1/campaigns/{little.pk}/").status_code == 204
    answer = client.delete(f"/api/v1/campaigns/{large.pk}/")
    assert (answer.status_code, answer.json()["state"]) == (202, "DELETING")
    again = client.delete(f"/api/v1/campaigns/{large.pk}/")
    assert (again.status_code, again.json()["detail"]) == (400, WORDS)
    started = client.post(f"/api/v1/campaigns/{large.pk}/start/")
    assert (started.status_code, started.json()["detail"]) == (400, WORDS)
    assert client.get(f"/api/v1/campaigns/{large.pk}/why/").json() == {"dialing": False, "reason": WORDS}
    deletion.run_waiting()
    assert client.get(f"/api/v1/campaigns/{large.pk}/").status_code == 404


@pytest.mark.django_db
@pytest.mark.usefixtures("small")
def test_the_pages_mark_it_and_offer_nothing_to_change() -> None:
    user = make.make_user(Role.CAMPAIGN_ADMINISTRATOR)
    campaign = called(3, user)
    schedule, lead = campaign.schedules.get(), campaign.leads.first()
    assert lead is not None
    browser: Client = signed_in(user)
    told = browser.post(f"/campaigns/campaign/{campaign.pk}/delete/", {"post": "yes"}, follow=True)
    page = told.content.decode()
    assert "is being deleted. It is large; its leads go in the background." in page
    assert "was deleted successfully" not in page
    assert "Being deleted" in page
    assert "data-run=" not in page
    start = browser.post(f"/campaigns/campaign/{campaign.pk}/start/", follow=True)
    assert WORDS in start.content.decode()
    for address in (
        f"/campaigns/campaign/{campaign.pk}/", f"/campaigns/schedule/{schedule.pk}/", f"/leads/lead/{lead.pk}/"
    ):  # fmt: skip
        shown = browser.get(f"{address}change/").content.decode()
        assert "The campaign is being deleted. The records of its calls are kept." in shown
        assert 'name="_save"' not in shown
        assert browser.post(f"{address}change/", {"name": "Another"}).status_code == 403
        refused = browser.post(f"{address}delete/", {"post": "yes"}, follow=True)
        assert "The campaign is being deleted. The records of its calls are kept." in refused.content.decode()
    for address in (f"{campaign.pk}/summary/", f"{campaign.pk}/summary/?dialog", f"{campaign.pk}/change/"):
        shown = browser.get(f"/campaigns/campaign/{address}").content.decode()
        assert "now-title" not in shown, "it has nothing to do with the queue any more"
        assert "/leads/leadupload/add/" not in shown
    figures = browser.get("/live/", {"campaigns": campaign.pk}).json()
    assert (figures[f"c{campaign.pk}.state"], figures[f"c{campaign.pk}.next_due"]) == ("Being deleted", "–")
    for base in ("/campaigns/schedule/", "/leads/lead/"):
        shown = browser.get(base, {"campaign__id__exact": campaign.pk}).content.decode()
        for offer in ("Add a day", "Edit all remaining", "Remove the chosen leads", "_selected_action"):
            assert offer not in shown, (base, offer)
    assert left(campaign) == (3, 3)
    deletion.run_waiting()
    assert campaign.name not in browser.get("/campaigns/campaign/").content.decode()
