"""The run's ledger: what it finds look by look is what one look at everything finds, and it costs what is new."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign
from dialing.attempt import State
from leads.models import CallAttempt
from tests.chaos.ledger import Call, Ledger
from tests.factories import make_attempt, make_campaign, make_lead

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def call(name: str, number: str, user: str, since: float, to: float) -> Call:
    moments = {
        key: at(seconds).timestamp() * 1000 for key, seconds in (("invite_at", since), ("ended_at", to))
    }
    return {"event": "call", "call_id": name, "number": number, "user": user, **moments}


def row(number: str, name: str, since: float, to: float | None, **fields: Any) -> CallAttempt:
    lead = make_lead(Campaign.objects.first() or make_campaign(), phone_number=number)
    ended = {"state": State.ENDED, "ended_at": at(to)} if to is not None else {"state": State.DIALING}
    return make_attempt(lead, call_id=name, started_at=at(since), **ended, **fields)


def found(wrong: list[str]) -> set[str]:
    """What is wrong with which call, whatever is told of its rows."""
    return {sentence.partition("; row")[0] for sentence in wrong}


def story(chance: Random) -> Iterator[tuple[Call, bool]]:
    """Calls one after the other on three ports, some of which should not be: and whether each has a row."""
    for number in range(60):
        since, odd = 2.0 * number, chance.random()
        length = 7.0 if odd < 0.1 else chance.uniform(0.5, 1.8)  # still up when its port's next one begins
        yield (
            call(f"c{number}", f"55410000{number:02}", str(6001 + number % 3), since, since + length),
            odd < 0.9,
        )


@pytest.mark.parametrize("seed", range(4))
def test_look_by_look_the_ledger_finds_what_one_look_at_everything_finds(seed: int) -> None:
    chance, ledger, calls = Random(seed), Ledger(), []
    wrong: list[str] = []
    for made, has_row in story(chance):
        seconds = [(made[key] / 1000 - BEGAN.timestamp()) for key in ("invite_at", "ended_at")]
        if has_row:
            row(made["number"], made["call_id"], *seconds)
        calls.append(made)
        ledger.add_calls([made])
        if chance.random() < 0.3:
            wrong += ledger.look(set(), [])
    wrong += ledger.look(set(), [])
    whole = Ledger()
    whole.add_calls(calls)
    assert found(wrong) == found(whole.look(set(), [])) != set()
    kinds = {sentence.partition(":")[0] for sentence in wrong}
    assert kinds == {"dialed without a row of its own", "two calls at once of one user"}


def test_a_call_is_held_against_its_row_again_when_that_has_ended() -> None:
    ledger = Ledger()
    made = row("554100000000", "c1", 0, None)
    ledger.add_calls([call("c1", "554100000000", "6001", 5, 6)])
    assert ledger.look(set(), []) == []
    CallAttempt.objects.filter(pk=made.pk).update(state=State.ENDED, ended_at=at(3))
    [sentence] = ledger.look(set(), [])
    assert sentence.startswith("dialed outside its row's life")


def test_a_call_of_long_ago_that_comes_again_is_found() -> None:
    ledger = Ledger()
    for number in range(20):
        row(f"55410000{number:02}", f"c{number}", number, number + 0.5)
        ledger.add_calls([call(f"c{number}", f"55410000{number:02}", "6001", number, number + 0.5)])
        assert ledger.look(set(), []) == []
    ledger.add_calls([call("c0", "5541000000", "6001", 40, 41)])
    assert "Call-ID c0 is 2 times in the PBX's log" in ledger.look(set(), [])


def test_what_the_database_broke_off_is_told_by_the_next_look() -> None:
    ledger = Ledger()
    ledger.add_calls([call("c1", "554100000000", "6001", 5, 6)])
    first = list(ledger.look(set(), []))
    assert ledger.look(set(), []) == first != []


def test_a_look_reads_new_rows_and_those_that_were_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.chaos.ledger.AT_ONCE", 0)
    ledger = Ledger()
    made = [row(f"55410000{number:02}", f"c{number}", number, number + 0.5) for number in range(20)]
    still_open = row("554100000099", "", 30, None)
    ledger.look(set(), [])
    with CaptureQueriesContext(connection) as queries:
        ledger.look(set(), [])
    [question] = [query["sql"] for query in queries]
    assert f"> {still_open.pk}" in question
    assert f"IN ({still_open.pk})" in question
    assert str(made[0].pk) not in question.partition("WHERE")[2]
