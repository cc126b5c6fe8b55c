"""Searching call records: what the texts find is what the records themselves say, the newest first."""

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Role
from leads import attempt_search, tasks
from leads.models import AttemptText, CallAttempt, LeadStatus
from tests.api.api_world import client_of
from tests.factories import make_attempt, make_campaign, make_group, make_lead, make_user
from tests.leads.search_terms import TERMS
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=5)


def records(count: int, age: timedelta, seed: int = 1) -> list[CallAttempt]:
    chance = random.Random(seed)
    lead = make_lead(make_campaign())
    names = ["Ana", "Mariana", "Silva", "Großmann", "O'Neil", "100%", "a_b", "Two\nlines"]
    return CallAttempt.objects.bulk_create(
        CallAttempt(
            campaign=lead.campaign, group=lead.campaign.group, campaign_name="C", state="ENDED",
            result=chance.choice([LeadStatus.BUSY, LeadStatus.FAILED]),
            lead_name=" ".join(chance.sample(names, 2)), phone_number=f"55418{chance.randrange(10**6):06}",
            claimed_at=timezone.now() - age, lease_until=timezone.now(), ended_at=timezone.now(),
        )
        for _ in range(count)
    )  # fmt: skip


def scanned(term: str) -> list[int]:
    found = attempt_search.matching(CallAttempt.objects.all(), term).order_by("-id")
    return list(found.values_list("pk", flat=True))


@pytest.mark.parametrize("seed", range(3))
def test_texts_find_what_the_records_say_and_the_newest_first(seed: int) -> None:
    records(200, LONG_AGO, seed)
    before = {term: attempt_search.first_found(CallAttempt.objects.all(), term) for term in TERMS}
    while attempt_search.fill(2):
        pass
    assert AttemptText.objects.count() >= 6
    records(40, timedelta(), seed + 9)
    for term in TERMS:
        assert attempt_search.first_found(CallAttempt.objects.all(), term) == scanned(term), term
        assert set(before[term]) <= set(scanned(term))
    some = CallAttempt.objects.filter(result="BUSY")
    assert attempt_search.first_found(some, "ana", 7) == list(
        attempt_search.matching(some, "ana").order_by("-id").values_list("pk", flat=True)[:7]
    )


def test_a_part_is_not_written_while_a_claim_may_still_bring_a_record_into_it() -> None:
    """A claim takes its ids first and commits later: what was claimed within a minute holds its part back."""
    old = records(70, LONG_AGO)
    young = records(1, timedelta(seconds=10))[0]
    records(70, LONG_AGO)
    tasks.fill_search()
    written = set(AttemptText.objects.values_list("part", flat=True))
    assert written == set(range(min(row.pk for row in old) >> 5, young.pk >> 5))
    CallAttempt.objects.filter(pk=young.pk).update(claimed_at=timezone.now() - LONG_AGO)
    tasks.fill_search()
    assert (young.pk >> 5) in set(AttemptText.objects.values_list("part", flat=True))
    last = CallAttempt.objects.latest("pk").pk
    assert (last >> 5) not in set(AttemptText.objects.values_list("part", flat=True)), "more may come into it"


def test_page_and_api_search_alike_and_within_the_groups_alone() -> None:
    group = make_group()
    user = make_user(Role.CAMPAIGN_ADMINISTRATOR, [group])
    mine = make_attempt(
        make_lead(make_campaign(group=group), name="Mary Silvester", phone_number="554183015031")
    )
    make_attempt(make_lead(make_campaign(group=make_group()), name="Mary Silvester"))
    browser, client = signed_in(user), client_of(user)
    for term in ("silvester mary", "8301-5031"):
        page = browser.get("/leads/callattempt/", {"q": term})
        assert [row.pk for row in page.context["cl"].result_list] == [mine.pk], term
        told = client.get("/api/v1/attempts/", {"search": term}).json()
        assert (told["count"], [row["id"] for row in told["results"]]) == (1, [mine.pk]), term
    assert client.get("/api/v1/attempts/", {"search": "nobody"}).json()["count"] == 0
    export = b"".join(client.get("/api/v1/attempts/export/", {"search": "silvester"}))
    assert export.count(b"Mary Silvester") == 1


@pytest.mark.parametrize(("bound", "words"), [(60, ">60 results<"), (50, ">the first 50 results<")])
def test_the_list_of_records_ends_at_a_bound_and_says_so(
    monkeypatch: pytest.MonkeyPatch, bound: int, words: str
) -> None:
    monkeypatch.setattr("dialer_project.pages.kept_paginator.RECORDS_UP_TO", bound)
    made = records(60, LONG_AGO)
    group = made[0].group
    assert group is not None
    page = signed_in(make_user(groups=[group])).get("/leads/callattempt/?p=3")
    assert words in page.content.decode()
    assert len(page.context["cl"].result_list) == (10 if bound == 60 else 25), "page 3, or the nearest"


def test_a_search_that_finds_more_than_it_lists_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads.attempt_search.FOUND_UP_TO", 12)
    made = records(12, LONG_AGO)
    group = made[0].group
    assert group is not None
    browser = signed_in(make_user(groups=[group]))
    for term, words in (
        (made[0].phone_number[:3], "the first 12 results ("),
        (made[0].phone_number, ">1 result ("),
    ):
        assert words in browser.get("/leads/callattempt/", {"q": term}).content.decode()
