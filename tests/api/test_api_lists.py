"""Every collection of the API pages, sorts and searches: a program that reads all pages gets each row once."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Model
from rest_framework.mixins import ListModelMixin

from campaigns.models import Schedule
from dialer_project.api_urls import router
from leads.models import Lead, LeadUpload
from tests.api.api_world import client_of
from tests.many_rows import FOUND_BY, ROLE_OF, ManyRows, once_each

pytestmark = pytest.mark.django_db
PER_PAGE, ROWS = 5, 23
REGISTERED: Any = router.registry
VIEWS: dict[type[Model], tuple[str, Any]] = {
    view.scope_model(): (prefix, view)
    for prefix, view, _name in REGISTERED
    if issubclass(view, ListModelMixin) and view.pagination_class is not None
}
searched = pytest.mark.parametrize(
    "model",
    [model for model in ROLE_OF if model is not Schedule],  # one campaign's days
    ids=lambda model: model._meta.model_name,
)
models = pytest.mark.parametrize("model", ROLE_OF, ids=lambda model: model._meta.model_name)


class Collection:
    """A collection as a program reads it, with few rows a page."""

    def __init__(self, model: type[Model]) -> None:
        self.world = ManyRows(ROWS * 2 if model in {Lead, LeadUpload, Schedule} else ROWS, ROLE_OF[model])
        self.world.fill(model)
        prefix, self.view = VIEWS[model]
        campaign = self.world.campaigns[0].pk
        self.address = f"/api/v1/{prefix}/".replace("(?P<campaign_pk>[0-9]{1,18})", str(campaign))
        self.client = client_of(self.world.user)
        first = self.client.get(self.address, {"page_size": 1000}).json()
        assert first["next"] is None
        self.every = {row["id"]: row for row in first["results"]}
        assert first["count"] == len(self.every) >= ROWS

    def rows(self, **query: Any) -> list[Any]:
        """Ids of all rows, page after page as each names the next one."""

        def walk() -> Iterator[Any]:
            answer = self.client.get(self.address, {"page_size": PER_PAGE, **query})
            for _page in range(100):
                assert answer.status_code == 200, answer.json()
                told = answer.json()
                yield from (row["id"] for row in told["results"])
                if told["next"] is None:
                    return
                assert len(told["results"]) == PER_PAGE
                answer = self.client.get(told["next"])
            pytest.fail("the list has no end")

        return once_each(walk())


def test_every_collection_is_walked_through_here() -> None:
    assert set(VIEWS) == set(ROLE_OF)


@models
def test_the_pages_hold_every_row_once_in_every_order(model: type[Model]) -> None:
    collection = Collection(model)
    every = set(collection.every)
    assert set(collection.rows()) == every
    rows = model._default_manager.filter(pk__in=every)
    for name in collection.view.ordering_fields:
        values = dict(rows.values_list("pk", name))
        for order in (name, f"-{name}"):
            keys = collection.rows(ordering=order)
            assert set(keys) == every, (order, "a row is on no page")
            assert [values[key] for key in keys] == list(rows.order_by(order).values_list(name, flat=True)), (
                order
            )


@models
def test_a_page_that_is_not_there_is_404_and_one_that_is_no_number_400(model: type[Model]) -> None:
    collection = Collection(model)
    last = -(-len(collection.every) // PER_PAGE)
    for page, code in (
        (1, 200),
        (2, 200),
        (last, 200),
        (last + 1, 404),
        (10**12, 404),
        (0, 400),
        ("abc", 400),
    ):
        answer = collection.client.get(collection.address, {"page_size": PER_PAGE, "page": page})
        assert answer.status_code == code, page
        assert code == 200 or answer.json()["detail"]
    rest = collection.client.get(collection.address, {"page_size": PER_PAGE, "page": last}).json()
    assert (len(rest["results"]), rest["next"]) == (len(collection.every) - (last - 1) * PER_PAGE, None)


@searched
def test_a_search_finds_what_the_list_of_the_pages_finds(model: type[Model]) -> None:
    collection = Collection(model)
    rows = {row.pk: row for row in model._default_manager.all()}
    for term, says in FOUND_BY[model].items():
        wanted = {key for key in collection.every if says(rows[key])}
        assert 0 < len(wanted) < len(collection.every), (term, "proves nothing")
        assert set(collection.rows(search=term)) == wanted, term
    assert collection.rows(search="nosuchthing") == []
