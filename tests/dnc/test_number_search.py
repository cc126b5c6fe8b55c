"""Numbers that begin with some digits, found by ranges of the primary key."""

import random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from dnc import selectors
from dnc.models import DncNumber
from tests.api.api_world import client_of
from tests.factories import make_user
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def numbers() -> list[int]:
    chance = random.Random(3)
    listed = {chance.randrange(10**2, 10 ** chance.randrange(3, 16)) for _ in range(400)} | {
        551,
        5511,
        551199,
        56,
    }
    DncNumber.objects.bulk_create(DncNumber(number=number, reason="r") for number in listed)
    return sorted(listed)


@pytest.mark.parametrize(
    "text", ["5", "55", "5511", "+55 1", "0", "005511", "9" * 15, "1" * 16, "x", "", " "]
)
def test_what_ranges_find_is_what_the_digits_say(numbers: list[int], text: str) -> None:
    digits = "".join(filter(str.isdigit, text)).lstrip("0")
    wanted = [number for number in numbers if digits and str(number).startswith(digits)]
    for most in (1, 3, 1000):
        assert selectors.first_beginning_with(text, most) == wanted[:most]
    every = selectors.numbers_beginning_with(DncNumber.objects.all(), text)
    assert list(every.values_list("pk", flat=True)) == (wanted if text.strip() else numbers)


def test_the_api_pages_through_a_search_in_either_order(numbers: list[int]) -> None:
    client = client_of(make_user(Role.MASTER, []))
    wanted = [number for number in numbers if str(number).startswith("5")]
    for ordering, expected in (("number", wanted), ("-number", wanted[::-1])):
        asked: dict[str, str | int] = {"search": "5", "page_size": 7, "ordering": ordering}
        told = [client.get("/api/v1/dnc/numbers/", asked | {"page": page}).json() for page in (1, 2)]
        assert [one["count"] for one in told] == [len(wanted)] * 2
        assert [row["id"] for one in told for row in one["results"]] == expected[:14]


def listed(page: Any) -> list[int]:
    return [row.pk for row in page.context["cl"].result_list]


def test_the_page_finds_by_the_first_digits_as_the_api_does(numbers: list[int]) -> None:
    browser = signed_in(make_user(Role.MANAGER))
    for text in ("5", "+55 11", "0055 (11)", "551199"):
        page = browser.get("/dnc/dncnumber/", {"q": text})
        digits = "".join(filter(str.isdigit, text)).lstrip("0")
        wanted = [number for number in numbers if str(number).startswith(digits)]
        assert listed(page) == wanted[:50], text
        assert page.context["cl"].result_count == len(wanted), "what a search finds is counted"
    assert "Nothing found" in browser.get("/dnc/dncnumber/", {"q": "x"}).content.decode()


def test_a_search_on_the_page_ends_after_so_many(numbers: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer_project.pages.dnc_list.FOUND_UP_TO", 7)
    page = signed_in(make_user(Role.MASTER, [])).get("/dnc/dncnumber/", {"q": "5"})
    assert listed(page) == [number for number in numbers if str(number).startswith("5")][:7]
    assert "the first 7 results" in page.content.decode()


def test_the_list_is_not_counted_and_says_where_it_goes_on(numbers: list[int]) -> None:
    browser = signed_in(make_user(Role.MASTER, []))
    last = -(-len(numbers) // 50)
    with CaptureQueriesContext(connection) as asked:
        first = browser.get("/dnc/dncnumber/")
    assert not [
        query["sql"] for query in asked if "COUNT" in query["sql"] and "dnc_dncnumber" in query["sql"]
    ]
    assert ('rel="next"' in first.content.decode(), 'rel="prev"' in first.content.decode()) == (True, False)
    end = browser.get("/dnc/dncnumber/", {"p": last})
    assert listed(end) == numbers[(last - 1) * 50 :]
    assert ('rel="next"' in end.content.decode(), 'rel="prev"' in end.content.decode()) == (False, True)
    DncNumber.objects.exclude(pk__in=numbers[:100]).delete()
    assert 'rel="next"' not in browser.get("/dnc/dncnumber/", {"p": 2}).content.decode(), (
        "a last page that is full"
    )
