"""Searching names and numbers: what the texts find is what the leads themselves say, whatever changes them."""

import random
from io import BytesIO

import pytest
from django.db import connection

from campaigns import services as campaigns
from campaigns.models import Campaign
from leads import search, services, uploads
from leads.models import Lead, LeadText
from tests.factories import make_campaign, make_lead
from tests.leads.search_terms import TERMS

pytestmark = pytest.mark.django_db


def scanned(term: str, campaign: int | None = None) -> list[int]:
    """By looking at every lead."""
    leads = Lead.objects.filter(campaign=campaign) if campaign else Lead.objects.all()
    return sorted(search.matching(leads, term).values_list("pk", flat=True))


def found(term: str, campaign: int | None = None) -> list[int]:
    leads = Lead.objects.filter(campaign=campaign) if campaign else Lead.objects.all()
    return search.first_found(leads, term, campaign)


def fill_all() -> None:
    while search.fill(7):
        pass
    assert not LeadText.objects.filter(text=None).exists()


def assert_all_is_found(*of: int | None) -> None:
    for term in TERMS:
        for campaign in of or (None,):
            assert found(term, campaign) == scanned(term, campaign), term


def make_people(campaign: Campaign, count: int, seed: int) -> None:
    rng = random.Random(seed)
    names = ["Ana", "ana", "Silva", "João", "Großmann", "É", "100%", "a_b", "o'Neil", "back\\slash", "Zé"]
    names += ["Mariana", "Two\nlines", "Anasilva"]
    Lead.objects.bulk_create(
        Lead(
            campaign=campaign,
            name=" ".join(rng.sample(names, 3)),
            phone_number=f"5541{seed}{rng.randrange(10**6):06}{n:03}",
        )
        for n in range(count)
    )


def test_a_search_finds_what_looking_at_every_lead_finds() -> None:
    first, second = make_campaign(started=False), make_campaign(started=False)
    make_people(first, 90, 1)
    make_people(second, 90, 2)
    both = (None, first.pk, second.pk)
    assert_all_is_found(*both)
    fill_all()
    assert_all_is_found(*both)


def test_a_text_that_is_written_is_what_is_looked_through() -> None:
    """Else the search would be right, and as slow as without the texts."""
    make_lead(name="Mary")
    fill_all()
    LeadText.objects.update(text="NOBODY")
    assert scanned("mary") != found("mary") == []


def test_leads_that_come_change_and_go_are_found_as_they_are_now() -> None:
    campaign = make_campaign(started=False)
    make_people(campaign, 70, 3)
    fill_all()
    lead = services.add_lead(None, campaign, name="Zulu", phone_number="554199990001")
    assert found("zulu") == [lead.pk]
    fill_all()
    services.update_lead(None, lead, name="Yankee", description="", phone_number="554199990002")
    assert (found("zulu"), found("yankee"), found("99990002")) == ([], [lead.pk], [lead.pk])
    fill_all()
    uploads.import_leads(None, campaign, BytesIO(b"Xerxes,554199990003\n"))
    assert len(found("xerxes")) == 1
    fill_all()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE leads_lead SET name = 'Whisky' WHERE name = 'Yankee'")
    assert found("whisky") == [lead.pk]
    fill_all()
    services.remove_lead(None, lead)
    fill_all()
    assert not LeadText.objects.filter(text__contains="WHISKY").exists(), (
        "a removed lead's name stays nowhere"
    )
    campaigns.delete_campaign(None, campaign)
    assert not LeadText.objects.exists()


def test_dialing_blanks_no_text() -> None:
    lead = make_lead()
    fill_all()
    Lead.objects.filter(pk=lead.pk).update(status="BUSY", pool="WAITING", attempts=1)
    lead.refresh_from_db()
    lead.save()
    assert not LeadText.objects.filter(text=None).exists()


def test_a_search_ends_after_so_many() -> None:
    campaign = make_campaign(started=False)
    make_people(campaign, 90, 4)
    fill_all()
    assert search.first_found(Lead.objects.all(), "5541", campaign.pk, 40) == scanned("5541")[:40]
    assert search.first_found(Lead.objects.none(), "5541") == []
