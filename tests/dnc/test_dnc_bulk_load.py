"""Large do-not-call files: the list is written anew beside the old one and takes its place."""

import io
from typing import Any

import pytest
from django.db import connection, transaction

from dnc import bulk_load, services
from dnc.models import DncNumber
from tests.factories import make_user


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_load, "SWAP_FROM", 1)


def load(text: str, source: str = "file", **options: Any) -> tuple[int, list[int]]:
    """Numbers added, and which lines were wrong."""
    loaded = bulk_load.load_numbers(None, io.StringIO(text), source, **options)
    return loaded.added, [line for line, _why, _text in loaded.wrong.listed]


def listed() -> dict[int, str]:
    return dict(DncNumber.objects.values_list("number", "source"))


def shape() -> set[tuple[str, str]]:
    """Names and definitions of indexes and constraints."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'dnc_dncnumber'::regclass"
            " AND contype <> 'n' UNION SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'dnc_dncnumber'"
        )
        return set(cursor.fetchall())


@pytest.mark.django_db
def test_the_new_table_is_like_the_old_one_in_everything() -> None:
    before = shape()
    assert load("554181021111\n554181021112\n554181021111\n") == (2, [])
    assert shape() == before
    assert len(before) >= 3
    load("554181021113\n")
    assert shape() == before


@pytest.mark.django_db
@pytest.mark.parametrize("replace", [False, True])
def test_numbers_that_were_listed_keep_source_reason_and_who(replace: bool) -> None:
    user = make_user()
    services.add_number(user, "554181021111", reason="asked", source="phone")
    services.add_number(user, "554181021112", source="phone")
    added, wrong = load("number\n554181021111;x\n+55 41 8102-1113\ncall 1\n\n554181021113\n", replace=replace)
    assert (added, wrong) == (1, [4])
    kept = {554181021111: "phone", 554181021113: "file"}
    assert listed() == (kept if replace else {**kept, 554181021112: "phone"})
    first = DncNumber.objects.get(number=554181021111)
    assert (first.reason, first.added_by) == ("asked", user)
    user.delete()
    assert DncNumber.objects.get(number=554181021111).added_by is None


@pytest.mark.django_db
@pytest.mark.parametrize("rows_of_list", [1, 1000])
def test_few_changes_go_into_the_list_as_it_stands(
    rows_of_list: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daily file that is nearly that of yesterday writes what differs, not ten million numbers."""
    load("".join(f"{554181021000 + n}\n" for n in range(rows_of_list)), "old")
    anew: list[int] = []
    original = bulk_load._write_anew

    def write_anew(*args: Any, **more: Any) -> None:
        anew.append(1)
        original(*args, **more)

    monkeypatch.setattr(bulk_load, "_write_anew", write_anew)
    before = listed()
    text = "".join(f"{number}\n" for number in list(before)[1:]) + "554199990000\n"
    assert load(text, "new", replace=True) == (1, [])
    assert listed() == {**dict.fromkeys(list(before)[1:], "old"), 554199990000: "new"}
    assert bool(anew) == (rows_of_list == 1)


@pytest.mark.django_db
def test_plain_lines_with_a_plus_or_further_columns_are_read_as_the_others() -> None:
    assert load("+554181021111\n0554181021112;Mary;x\n554181021113,y\n999999999999999\tz") == (4, [])
    assert set(listed()) == {554181021111, 554181021112, 554181021113, 999999999999999}


@pytest.mark.django_db(transaction=True)
def test_readers_are_answered_from_the_old_list_until_the_new_one_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load("554181021111\n")
    answers: list[Any] = []
    original = bulk_load._like_the_old

    def built(cursor: Any) -> list[str]:
        beside: Any = connection.copy()
        with beside.cursor() as other:
            other.execute("SET statement_timeout = 2000")
            other.execute("SELECT array_agg(number) FROM dnc_dncnumber")
            answers.append(other.fetchone()[0])
        beside.close()
        return original(cursor)

    monkeypatch.setattr(bulk_load, "_like_the_old", built)
    load("554181021112\n", replace=True)
    assert answers == [[554181021111]]
    assert set(listed()) == {554181021112}


@pytest.mark.django_db
def test_a_load_that_fails_at_the_end_leaves_the_old_list(monkeypatch: pytest.MonkeyPatch) -> None:
    load("554181021111\n", "old")
    monkeypatch.setattr(bulk_load, "_like_the_old", lambda cursor: ["SELECT 1/0"])
    with pytest.raises(Exception, match="division"), transaction.atomic():
        load("554181021112\n", replace=True)
    assert listed() == {554181021111: "old"}
