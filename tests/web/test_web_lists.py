"""Every list page pages, sorts and searches (SPEC 11): no row twice, none lost, whatever page and column is asked for."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import F, Model
from django.test import Client

from accounts.models import Role
from leads.models import EvidencePolicy
from tests import factories as make
from tests.many_rows import FOUND_BY, ROLE_OF, ManyRows, once_each
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db
PER_PAGE, ROWS = 5, 13
NO_LISTS = {EvidencePolicy}
"""One row, whose page stands in the place of the list."""
models = pytest.mark.parametrize("model", ROLE_OF, ids=lambda model: model._meta.model_name)


class ListPage:
    """A list as its user reads it, with few rows a page."""

    def __init__(self, model: type[Model], monkeypatch: pytest.MonkeyPatch) -> None:
        world = ManyRows(ROWS, ROLE_OF[model])
        world.fill(model)
        self.model = model
        self.admin: Any = admin.site._registry[model]
        monkeypatch.setattr(type(self.admin), "list_per_page", PER_PAGE)
        self.client: Client = signed_in(world.user)
        request = self.client.get("/").wsgi_request
        self.every = list(self.admin.get_queryset(request))
        assert len(self.every) >= ROWS

    def get(self, **query: Any) -> Any:
        """Django's change list of the page that the address leads to."""
        asked = {"progress": "all", **query} if self.model._meta.model_name == "lead" else query
        address = f"/{self.model._meta.app_label}/{self.model._meta.model_name}/"
        answer = self.client.get(address, asked)
        assert answer.status_code == 200, (address, query)
        return answer.context["cl"]

    def rows(self, **query: Any) -> list[Any]:
        """Those of all pages, one after another as one clicks on."""

        def walk() -> Iterator[Any]:
            for page in range(1, ROWS):
                shown = self.get(**query, p=page)
                if shown.page_num == page:
                    yield from shown.result_list
                if shown.page_num != page or len(shown.result_list) < PER_PAGE:
                    return
            pytest.fail("the list has no end")

        return once_each(walk())

    def columns(self) -> dict[int, Any]:
        """The field by which each column of the page is sorted, where it can be."""
        shown = self.get()
        found = {number: shown.get_ordering_field(name) for number, name in enumerate(shown.list_display)}
        return {number: field for number, field in found.items() if field is not None and field != "pk"}


def test_every_list_is_walked_through_here() -> None:
    assert set(admin.site._registry) - NO_LISTS == set(ROLE_OF)


@models
def test_the_pages_hold_every_row_once_by_every_column(
    model: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ListPage(model, monkeypatch)
    every = {row.pk for row in page.every}
    assert {row.pk for row in page.rows()} == every
    columns = page.columns()
    assert columns, "nothing to sort by"
    for number, field in columns.items():
        values = dict(_annotated(page, field).values_list("pk", "sorted_by"))
        for down in (False, True):
            keys = [row.pk for row in page.rows(o=f"-{number}" if down else number)]
            assert set(keys) == every, (field, "a row is on no page")
            rows = _annotated(page, field).order_by(f"-{field}" if down else field)
            wanted = rows.values_list("sorted_by", flat=True)
            assert [values[key] for key in keys] == list(wanted), (field, down)


def _annotated(page: ListPage, field: Any) -> Any:
    rows = page.admin.get_queryset(page.client.get("/").wsgi_request)
    return rows.annotate(sorted_by=F(field))


@models
def test_a_page_that_is_not_there_is_the_nearest_that_is(
    model: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old addresses, rows that went meanwhile, and what people type."""
    page = ListPage(model, monkeypatch)
    last = -(-len(page.every) // PER_PAGE)
    for asked, shown in (("1", 1), ("2", 2), ("abc", 1), ("", 1), ("0", 1), ("-3", 1), ("2.5", 1)):
        answer = page.get(p=asked)
        assert (answer.page_num, len(answer.result_list)) == (shown, PER_PAGE), asked
    for asked in (str(last), str(last + 7), "9" * 30):
        answer = page.get(p=asked)
        assert (answer.page_num, len(answer.result_list)) == (
            last,
            len(page.every) - (last - 1) * PER_PAGE,
        ), asked
    assert page.get(q="nosuchthing", p=5).page_num == 1


@models
def test_a_search_finds_by_what_the_list_shows(model: type[Model], monkeypatch: pytest.MonkeyPatch) -> None:
    """By each of the fields that are searched: all rows that have it, on however many pages, and no other."""
    page = ListPage(model, monkeypatch)
    assert page.admin.search_fields
    for term, says in FOUND_BY[model].items():
        wanted = {row.pk for row in page.every if says(row)}
        assert 0 < len(wanted) < len(page.every), (term, "proves nothing")
        assert {row.pk for row in page.rows(q=term)} == wanted, term
    assert page.rows(q="nosuchthing") == []


def test_all_is_all_of_the_campaign_whose_list_it_is() -> None:
    """The link beside the count takes search and filters away, and leaves the campaign and the order."""
    user = make.make_user(Role.CAMPAIGN_ADMINISTRATOR)
    campaign, other = (make.make_campaign(group=user.dialer_groups.get()) for _ in range(2))
    make.make_leads(campaign, 3)
    make.make_leads(other, 2)
    client = signed_in(user)
    of_campaign = f"campaign__id__exact={campaign.pk}"
    for asked in ("", "&q=nobody", "&q=0&progress=all", "&progress=done&o=1"):
        page = client.get(f"/leads/lead/?{of_campaign}{asked}").content.decode()
        order = "&amp;o=1" if "o=1" in asked else ""
        assert f'href="?{of_campaign}{order}&amp;progress=all">Show all</a>' in page, asked
    for all_of_it in ("progress=all", "progress=all&o=1"):
        page = client.get(f"/leads/lead/?{of_campaign}&{all_of_it}").content.decode()
        assert "3 results" in page
        assert "Show all" not in page


def test_an_empty_list_says_whether_something_is_hidden_or_nothing_is_there() -> None:
    user = make.make_user(Role.CAMPAIGN_ADMINISTRATOR)
    campaign, other = (make.make_campaign(group=user.dialer_groups.get()) for _ in range(2))
    make.make_leads(other, 1)
    client = signed_in(user)

    def heading(query: str) -> list[str]:
        page = client.get(f"/leads/lead/?campaign__id__exact={campaign.pk}{query}").content.decode()
        return [words for words in ("Nothing found", "Nothing here yet") if words in page]

    assert heading("") == heading("&q=nobody") == ["Nothing here yet"]
    make.make_lead(campaign, pool="DONE")
    assert heading("") == heading("&q=nobody") == ["Nothing found"]
    assert heading("&progress=all") == []
