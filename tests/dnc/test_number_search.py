"""Numbers that begin with some digits, found by ranges of the primary key."""

import random

import pytest

from accounts.models import Role
from dnc import selectors
from dnc.models import DncNumber
from tests.api.api_world import client_of
from tests.factories import make_user

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
