"""The lead's story: why each attempt was dialed or not, when the next one comes; the same at page and API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from dialing.story import next_call
from leads.models import Lead, LeadStatus
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def lead_of(campaign: Campaign | None = None, **fields: Any) -> Lead:
    return make.make_lead(campaign or make.make_campaign(), **fields)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (LeadStatus.SUCCESS, "a person answered"),
        (LeadStatus.DO_NOT_CALL, "do-not-call list"),
        (LeadStatus.BUSY, "5 of 5 attempts are used up"),
    ],
)
def test_a_lead_that_is_done_says_why(status: str, words: str) -> None:
    told = next_call(lead_of(status=status, pool=Lead.Pool.DONE, attempts=5), timezone.now())
    assert told.at is None
    assert words in told.why


def test_a_lead_that_is_due_now_waits_for_an_agent_and_one_in_a_call_says_so() -> None:
    now = timezone.now()
    told = next_call(lead_of(), now)
    assert (told.at, told.why) == (now, "As soon as an agent is free.")
    assert "in a call" in next_call(lead_of(pool=Lead.Pool.CLAIMED), now).why


def test_a_retry_waits_for_its_time_and_for_the_next_schedule() -> None:
    campaign, now = make.make_campaign(schedule=False), timezone.now()
    make.make_schedule(campaign, opens_at=now - HOUR, closes_at=now + HOUR)
    later = make.make_schedule(campaign, opens_at=now + 24 * HOUR, date=(now + 24 * HOUR).date())
    soon, late = now + HOUR / 2, now + 2 * HOUR
    assert next_call(lead_of(campaign, next_attempt_at=soon), now).at == soon
    assert next_call(lead_of(campaign, next_attempt_at=late), now).at == later.opens_at
    assert "as soon as an agent" in next_call(lead_of(campaign, next_attempt_at=late), now).why
    type(campaign).objects.update(state="STOPPED")
    stopped = next_call(Lead.objects.latest("pk"), now)
    assert (stopped.at, "if the campaign is started" in stopped.why) == (later.opens_at, True)
    campaign.schedules.all().delete()
    assert next_call(Lead.objects.latest("pk"), now).at is None


def test_page_and_api_tell_the_same_story() -> None:
    ana, now = make.make_user(), timezone.now()
    campaign = make.make_campaign(group=ana.dialer_groups.get())
    lead = lead_of(campaign, attempts=1, status="BUSY", next_attempt_at=now + HOUR / 2)
    make.make_attempt(
        lead,
        number=None,
        state="WITHDRAWN",
        reason="The campaign is stopped.",
        claimed_at=now - 2 * HOUR,
        ended_at=now,
    )
    make.make_attempt(
        lead, state="ENDED", result="BUSY", sip_code=486, q850_cause=17, reason="Busy Here", started_at=now - HOUR,
        ended_at=now, amd_verdict="", claimed_at=now - HOUR,
    )  # fmt: skip
    browser = signed_in(ana)
    told = browser.get(f"/api/v1/campaigns/{campaign.pk}/leads/{lead.pk}/story").json()
    assert told["lead"]["id"] == lead.pk
    assert [call["was_dialed"] for call in told["calls"]] == [False, True]
    assert told["calls"][0]["why"] == "Not dialed: The campaign is stopped."
    busy = told["calls"][1]["attempt"]
    assert (busy["result"], busy["sip_code"], busy["q850_cause"]) == ("BUSY", 486, 17)
    page = browser.get(f"/leads/lead/{lead.pk}/change/").content.decode()
    for words in (told["next_call"]["why"], told["calls"][0]["why"], "Busy Here", "SIP 486, Q.850 17"):
        assert words in page
    other = make.make_campaign(group=campaign.group)
    assert browser.get(f"/api/v1/campaigns/{other.pk}/leads/{lead.pk}/story").status_code == 404
    assert (
        signed_in(make.make_user()).get(f"/api/v1/campaigns/{campaign.pk}/leads/{lead.pk}/story").status_code
        == 404
    )
