"""The threads that ask the database for many: what happens when it does not answer, and the process ends."""

import threading
import time

import pytest
from django.db import OperationalError

from dialing.records import GivenUpError, Records


def away() -> None:
    raise OperationalError("gone")


def test_i4_nobody_insists_on_a_database_that_is_away_longer_than_was_said() -> None:
    records = Records("test", threads=1)
    records.give_up(after=0.5)
    began = time.monotonic()
    assert records.insist(away) is None
    assert time.monotonic() - began < 3
    records.close()


def test_i4_nobody_waits_for_a_database_that_stands_still_longer_than_was_said() -> None:
    records, answer = Records("test", threads=1), threading.Event()
    records.give_up(after=0.2)
    assert records.insist(answer.wait) is None
    with pytest.raises(GivenUpError):
        records.run(answer.wait)
    answer.set()
    records.close()


def test_work_that_is_in_hand_is_done_before_the_end() -> None:
    records, done = Records("test", threads=2), []
    for number in range(10):
        records.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    records.close()
    assert sorted(done) == list(range(10))
    with pytest.raises(RuntimeError):
        records.submit(away)


def test_an_error_of_the_work_is_the_callers() -> None:
    records = Records("test", threads=1)

    def late() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        records.run(late)
    records.close()
