"""Nobody sees rows of another group by the doors beside the pages: exports, searches, filters, autocompletes (SPEC 2)."""

import zipfile
from io import BytesIO
from typing import Any

import pytest
from django.contrib import admin

from accounts.models import Role
from tests.web.test_web_walk import addresses, without_row
from tests.web.web_world import MODELS, SECRET, make_world, signed_in

pytestmark = pytest.mark.django_db
BOUND = [role for role in Role.values if role != Role.MASTER]


def words_of(answer: Any) -> str:
    """The body as text; a workbook unpacked."""
    body: bytes = answer.getvalue()
    if body.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(body)) as book:
            body = b"".join(book.read(name) for name in book.namelist())
    return body.decode()


@pytest.mark.parametrize("role", BOUND)
def test_no_export_tells_of_another_group(role: str) -> None:
    world = make_world()
    browser = signed_in(world.ours.people[role])
    exports = [pattern for pattern in addresses() if "/export." in pattern or "/export/" in pattern]
    assert len(exports) > 5
    told = 0
    for pattern in exports:
        address = without_row(pattern)
        assert address is not None, pattern
        for query in ({}, {"q": SECRET}, {"id": world.theirs.campaign.pk}, {"progress": "all"}):
            answer = browser.get(address, query)
            if answer.status_code == 405:
                answer = browser.post(address, query)
            assert answer.status_code in {200, 302, 403}, (address, query)
            if answer.status_code == 200:
                words = words_of(answer)
                told += "Ours" in words
                assert SECRET not in words, (address, query)
    assert told or role in {Role.MANAGER}, "the own rows are there"


@pytest.mark.parametrize("role", BOUND)
def test_no_search_and_no_filter_tells_of_another_group(role: str) -> None:
    """By words that rows of both groups have, and by the other group's ids."""
    world = make_world()
    browser = signed_in(world.ours.people[role])
    theirs = world.theirs
    queries: list[dict[str, Any]] = [{"q": words} for words in ("campaign", "lead", "csv", "group", "e", "5")]
    queries += [
        {"campaign__id__exact": theirs.campaign.pk},
        {"group__id__exact": theirs.group.pk},
        {"dialer_groups__id__exact": theirs.group.pk},
        {"campaign__group__name": theirs.group.name},
        {"lead__id__exact": theirs.lead.pk},
    ]
    for model in MODELS:
        base = f"/{model._meta.app_label}/{model._meta.model_name}/"
        for query in queries:
            answer = browser.get(base, {"progress": "all", **query} if "lead" in base else query, follow=True)
            said = answer.content.decode()
            assert answer.status_code in {200, 400, 403}, (base, query)
            assert SECRET not in said or SECRET in str(query), (base, query)
            listed = getattr(answer.context and answer.context.get("cl"), "result_list", [])
            assert not set(theirs.rows) & set(listed), (base, query)


@pytest.mark.parametrize("role", Role.values)
def test_there_are_no_autocompletes(role: str) -> None:
    """Django's admin site has an address for them, though no form of ours asks there."""
    browser = signed_in(make_world().ours.people[role])
    for model in admin.site._registry:
        for field in model._meta.get_fields():
            named = {"app_label": model._meta.app_label, "model_name": str(model._meta.model_name)}
            answer = browser.get("/autocomplete/", {**named, "field_name": str(field.name), "term": "e"})
            assert answer.status_code == 404, (named, field.name)


def test_an_export_of_odd_filters_is_refused_or_is_the_list_without_them() -> None:
    browser = signed_in(make_world().ours.people[Role.CAMPAIGN_ADMINISTRATOR])
    for base in ("/leads/lead", "/leads/callattempt", "/campaigns/campaign"):
        for query in ({"campaign__id__exact": "x"}, {"id": "x"}, {"nosuch": "1"}, {"p": "99"}, {"o": "99.x"}):
            answer = browser.get(f"{base}/export.csv", query)
            assert answer.status_code in {200, 302, 400}, (base, query)
