"""Agents of the queue and calls in flight on the campaign's page and summary, moving; the summary as a file."""

import io
import time
from typing import Any

import pytest
from openpyxl import load_workbook

from accounts.models import Role
from campaigns.models import Campaign
from dialing import now
from dialing.engine.board import Board
from tests import factories as make
from tests.web.test_web_wallboard import board_of, publish
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_busy_machine_makes_no_old_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(now, "STALE_AFTER", 60.0)


def viewer_of(campaign: Campaign) -> Any:
    return signed_in(make.make_user(Role.CAMPAIGN_SUPERVISOR, [campaign.group]))


def figures(campaign: Campaign) -> dict[str, Any]:
    answer = viewer_of(campaign).get("/live/", {"campaigns": campaign.pk}).json()
    key = f"c{campaign.pk}.now."
    return {name.removeprefix(key): value for name, value in answer.items() if name.startswith(key)}


def test_agents_and_calls_of_this_moment_are_on_the_pages_and_in_the_api(empty_valkey: str) -> None:
    campaign, other = make.make_campaign(), make.make_campaign()
    publish(empty_valkey, board_of(campaign, other))
    expected = {"free": "1", "busy": "2", "paused": "1", "signed_out": "1", "callers": "3", "dialing": "2"}
    assert figures(campaign) == {**expected, "answered": "0", "transferring": "0", "news": ""}
    browser = viewer_of(campaign)
    for page in (f"{campaign.pk}/change/", f"{campaign.pk}/summary/", f"{campaign.pk}/summary/?dialog"):
        words = browser.get(f"/campaigns/campaign/{page}").content.decode()
        assert f'<dt>Paused</dt><dd data-live="c{campaign.pk}.now.paused">1</dd>' in words, page
    told = browser.get(f"/api/v1/campaigns/{campaign.pk}/now").json()
    assert told["queue"] == {"free": 1, "busy": 2, "paused": 1, "signed_out": 1, "waiting_callers": 3}
    assert told["calls"] == {"dialing": 2, "answered": 0, "transferring": 0}


def test_an_ivr_has_channels(empty_valkey: str) -> None:
    campaign = make.make_campaign(queue=make.make_queue(kind="IVR"), type="IVR")
    publish(empty_valkey, board_of(campaign))
    words = viewer_of(campaign).get(f"/campaigns/campaign/{campaign.pk}/summary/").content.decode()
    assert "Channels in use" in words
    assert "Signed out" not in words


def test_missing_news_are_said_and_never_shown_as_zero(empty_valkey: str) -> None:
    campaign = make.make_campaign()
    publish(empty_valkey, Board().as_json(time.time(), {campaign.pk: {"ANSWERED": 1}}))
    no_queue = figures(campaign)
    assert (no_queue["free"], no_queue["answered"]) == ("–", "1")
    assert "does not tell of this queue" in no_queue["news"]
    publish(empty_valkey, board_of(campaign, at=time.time() - now.STALE_AFTER - 1))
    old = figures(campaign)
    assert (old["free"], old["answered"], old["news"]) == ("–", "–", "No news from the engine.")
    told = viewer_of(campaign).get(f"/api/v1/campaigns/{campaign.pk}/now").json()
    assert told == {"queue": None, "calls": None}


def test_the_summary_is_a_file_and_the_list_of_campaigns_too(empty_valkey: str) -> None:
    campaign = make.make_campaign(name="=Spring", started=False)
    other = make.make_campaign(name="Autumn", group=campaign.group, started=False)
    make.make_lead(campaign, status="BUSY", attempts=2)
    browser = viewer_of(campaign)
    page = browser.get(f"/campaigns/campaign/{campaign.pk}/summary/").content.decode()
    address = f"/campaigns/campaign/export.csv?id={campaign.pk}"
    assert address in page
    leads = signed_in(make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group])).get("/leads/lead/")
    assert leads.content.decode().count("/leads/lead/export.csv") == 1, "once, not above and below the bar"
    rows = browser.get(address).getvalue().decode("utf-8-sig").splitlines()
    assert len(rows) == 2
    row = dict(zip(rows[0].split(","), rows[1].split(","), strict=True))
    assert (row["name"], row["total"], row["busy"], row["attempts"]) == ("'=Spring", "1", "1", "2")
    one = browser.get(f"/api/v1/campaigns/{campaign.pk}/summary/export").getvalue().decode("utf-8-sig")
    assert one.splitlines() == rows
    both = browser.get("/api/v1/campaigns/export?kind=xlsx&ordering=name").getvalue()
    sheet: Any = load_workbook(io.BytesIO(both)).active
    assert [cells[0] for cells in sheet.iter_rows(min_row=2, values_only=True)] == ["=Spring", other.name]
    assert browser.get("/api/v1/campaigns/export?kind=pdf").status_code == 400
    stranger = signed_in(make.make_user())
    assert stranger.get(f"/api/v1/campaigns/{campaign.pk}/summary/export").status_code == 404
    assert b"Spring" not in stranger.get(address).getvalue()
