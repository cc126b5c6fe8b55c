"""Leads, uploads and attempts in the web application (SPEC 6)."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from campaigns.models import Campaign
from dialer_project.pages.campaign_bar import STARTED_WORDS
from leads.models import Lead, LeadUpload
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db

ROWS = "Mary Silvester,554183015031\nNobody\nZoé, +55 41 8301-5032\nMary again,554183015031\nLetters,abc\n"


@pytest.fixture
def ana() -> User:
    return make.make_user()


@pytest.fixture
def browser(ana: User) -> Client:
    return signed_in(ana)


@pytest.fixture
def campaign(ana: User) -> Campaign:
    return make.make_campaign(group=ana.dialer_groups.get(), started=False, time_zone="America/Sao_Paulo")


@pytest.fixture(autouse=True)
def kept_in_a_folder_of_its_own(settings: Any, tmp_path: Any) -> None:
    settings.VAR_DIR = tmp_path


def upload(browser: Client, campaign: Campaign, content: bytes) -> Any:
    """Sends the file and imports it as it was recognised."""
    file = SimpleUploadedFile("leads.csv", content, content_type="text/csv")
    answer = browser.post("/leads/leadupload/add/", {"campaign": campaign.pk, "file": file})
    return browser.post(answer["Location"], {"import": ""}) if answer.status_code == 302 else answer


def test_an_upload_keeps_the_good_rows_and_tells_of_the_others(browser: Client, campaign: Campaign) -> None:
    answer = upload(browser, campaign, ROWS.encode())
    done = LeadUpload.objects.get()
    assert answer["Location"] == f"/leads/leadupload/{done.pk}/change/"
    page = browser.get(answer["Location"]).content.decode()
    assert "2 added, 1 duplicate, 2 invalid" in page
    assert sorted(campaign.leads.values_list("phone_number", flat=True)) == ["554183015031", "554183015032"]
    refused = browser.get(f"/leads/leadupload/{done.pk}/refused/")
    assert refused["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in refused["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(refused.content.decode("utf-8-sig"))))
    assert {row[0] for row in rows[1:]} == {"2", "4", "5"}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"\x00\x01\x02" * 90, "not a text file"), (b"   \n \n", "empty")],
)
def test_a_file_that_is_no_list_is_refused_in_words(
    browser: Client, campaign: Campaign, content: bytes, words: str
) -> None:
    answer = upload(browser, campaign, content)
    assert answer.status_code == 200
    assert words in str(answer.context["adminform"].form.errors)
    assert not LeadUpload.objects.exists()


def test_a_started_or_foreign_campaign_gets_no_leads(browser: Client, ana: User) -> None:
    started = make.make_campaign(group=ana.dialer_groups.get())
    foreign = make.make_campaign(started=False)
    for each in (started, foreign):
        answer = upload(browser, each, ROWS.encode())
        assert answer.status_code == 200
        assert "valid choice" in str(answer.context["adminform"].form.errors)
    assert not Lead.objects.exists()


def test_the_list_shows_leads_not_yet_done_first_and_finds_by_name_and_number(
    browser: Client, campaign: Campaign
) -> None:
    make.make_lead(campaign, name="Waiting Wanda", phone_number="554180000111")
    make.make_lead(campaign, name="Done Dora", phone_number="554180000222", status="SUCCESS", pool="DONE")

    def names(**query: str) -> set[str]:
        page = browser.get("/leads/lead/", query).content.decode()
        return {name for name in ("Waiting Wanda", "Done Dora") if name in page}

    assert names() == {"Waiting Wanda"}
    assert names(progress="done") == {"Done Dora"}
    assert names(progress="all") == {"Waiting Wanda", "Done Dora"}
    assert names(progress="all", status__exact="SUCCESS") == {"Done Dora"}
    assert names(progress="all", q="wanda") == {"Waiting Wanda"}
    assert names(progress="all", q="0222") == {"Done Dora"}


def test_a_search_that_finds_one_page_looks_through_the_leads_once(
    browser: Client, campaign: Campaign, django_assert_max_num_queries: Any
) -> None:
    make.make_lead(campaign, name="Waiting Wanda")
    for more in ("", "&all="):
        with django_assert_max_num_queries(12) as asked:
            page = browser.get(f"/leads/lead/?q=wanda{more}").content.decode()
        assert "Waiting Wanda" in page
        looked = [each["sql"] for each in asked if "UPPER" in each["sql"].upper()]
        assert len([sql for sql in looked if '"leads_lead"."id" IN' not in sql]) == 1


def test_the_page_of_a_lead_tells_its_calls_in_the_campaigns_zone(
    browser: Client, campaign: Campaign
) -> None:
    lead = make.make_lead(campaign, attempts=1, next_attempt_at=timezone.now() + timedelta(hours=1))
    make.make_attempt(
        lead,
        state="ENDED",
        result="BUSY",
        sip_code=486,
        q850_cause=17,
        reason="Busy Here",
        started_at=timezone.now(),
        ended_at=timezone.now(),
        amd_verdict="HUMAN",
        amd_decision_ms=900,
    )
    page = browser.get(f"/leads/lead/{lead.pk}/change/").content.decode()
    for words in ("SIP 486, Q.850 17", "Busy Here", "HUMAN (900 ms)", "GMT-3"):
        assert words in page


def test_a_lead_changes_while_stopped_and_its_number_is_normalised(
    browser: Client, campaign: Campaign
) -> None:
    lead = make.make_lead(campaign)
    address = f"/leads/lead/{lead.pk}/change/"
    wrong = browser.post(address, {"name": "Ana", "phone_number": "letters"})
    assert "is not a phone number" in str(wrong.context["adminform"].form.errors)
    answer = browser.post(address, {"name": "Ana", "description": "x", "phone_number": "+55 41 8301-5040"})
    assert answer.status_code == 302
    lead.refresh_from_db()
    assert (lead.name, lead.phone_number) == ("Ana", "554183015040")


def test_leads_of_a_started_campaign_neither_change_nor_go(browser: Client, ana: User) -> None:
    lead = make.make_lead(make.make_campaign(group=ana.dialer_groups.get()))
    address = f"/leads/lead/{lead.pk}"
    assert (
        browser.post(f"{address}/change/", {"name": "x", "phone_number": "554183015040"}).status_code == 403
    )
    refused = browser.post(f"{address}/delete/", {"post": "yes"}, follow=True)
    assert str(STARTED_WORDS) in [str(message) for message in refused.context["messages"]]
    chosen = {"action": "remove_chosen", "_selected_action": [lead.pk]}
    answer = browser.post("/leads/lead/", chosen, follow=True)
    assert "The campaign is started. Stop it first." in answer.content.decode()
    assert Lead.objects.filter(pk=lead.pk, name=lead.name).exists()


def test_chosen_leads_are_removed_and_those_of_others_stay(browser: Client, campaign: Campaign) -> None:
    mine, foreign = make.make_lead(campaign), make.make_lead(make.make_campaign(started=False))
    chosen = {"action": "remove_chosen", "_selected_action": [mine.pk, foreign.pk]}
    answer = browser.post("/leads/lead/", chosen, follow=True)
    assert "1 lead was removed." in answer.content.decode()
    assert list(Lead.objects.all()) == [foreign]


def test_attempts_are_read_only(browser: Client, campaign: Campaign) -> None:
    attempt = make.make_attempt(make.make_lead(campaign))
    address = f"/leads/callattempt/{attempt.pk}"
    assert browser.get(f"{address}/change/").status_code == 200
    assert browser.post(f"{address}/change/", {"result": "SUCCESS"}).status_code == 403
    assert browser.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    assert browser.get("/leads/callattempt/add/").status_code == 403
