"""The records process of a calls worker: work by name, answers, its death and its end."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from dialing.carriers import NotYet
from dialing.records import then
from dialing.records_link import RecordsProcess
from dialing.records_process import RECORDS, STARTS
from groups.models import DialerGroup
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def process() -> Iterator[RecordsProcess]:
    process = RecordsProcess({RECORDS: 2, STARTS: 1})
    yield process
    process.close()


# What the process does for us; it finds these functions by their names.


def add_group(name: str, *, after: float = 0.0) -> int:
    time.sleep(after)
    return DialerGroup.objects.create(name=name).pk


def where() -> tuple[int, str, Any]:
    return os.getpid(), threading.current_thread().name, connection.settings_dict["NAME"]


def not_yet() -> None:
    raise NotYet(7, 0.25, "The carrier rests.")


class NoPickleError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def odd_error() -> None:
    raise NoPickleError("wrong", "er")


def no_result() -> Any:
    return threading.Lock()


def test_work_is_done_there_in_this_database(process: RecordsProcess) -> None:
    pid, thread, database = process.pool(STARTS).run(where)
    assert pid == process.pid
    assert thread.startswith("starts-db")
    assert database == connection.settings_dict["NAME"]
    group = process.pool(RECORDS).run(add_group, "West", after=0.1)
    assert DialerGroup.objects.get().pk == group


def test_errors_come_back_as_they_were_or_in_their_words(process: RecordsProcess) -> None:
    records = process.pool(RECORDS)
    with pytest.raises(NotYet) as wait:
        records.run(not_yet)
    assert (wait.value.carrier, wait.value.wait, str(wait.value)) == (7, 0.25, "The carrier rests.")
    with pytest.raises(RuntimeError, match="NoPickleError: wronger"):
        records.run(odd_error)
    with pytest.raises(RuntimeError, match="no result to send"):
        records.run(no_result)
    assert records.run(where)[0] == process.pid


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def test_one_pool_does_not_wait_for_the_other(process: RecordsProcess, tmp_path: Path) -> None:
    slow = [process.pool(RECORDS).submit(wait_for, tmp_path / "go") for _ in range(4)]
    process.pool(STARTS).run(where)
    assert not any(one.done() for one in slow)
    (tmp_path / "go").touch()
    for one in slow:
        one.result(PATIENCE)


def test_nobody_waits_for_a_process_that_takes_nothing_and_it_gets_all_of_it(process: RecordsProcess) -> None:
    records = process.pool(RECORDS)
    assert records.run(where)[0] == process.pid
    os.kill(process.pid, signal.SIGSTOP)
    try:
        large = [records.submit(len, bytes(size)) for size in range(100_000, 140_000, 1000)]  # 5 MB
        small = records.submit(where)  # here it would wait for ever
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert [future.result(PATIENCE) for future in large] == list(range(100_000, 140_000, 1000))
    assert small.result(PATIENCE)[0] == process.pid


def test_work_that_a_process_never_took_is_answered_for_when_it_dies(process: RecordsProcess) -> None:
    records = process.pool(RECORDS)
    assert records.run(where)[0] == process.pid
    killed = process.pid
    os.kill(killed, signal.SIGSTOP)
    lost = [records.submit(len, bytes(100_000)) for _ in range(40)]
    os.kill(killed, signal.SIGKILL)
    for future in lost:
        with pytest.raises(OperationalError, match="is away"):
            future.result(PATIENCE)
    assert records.insist(len, bytes(7)) == 7


def test_who_waits_may_leave_and_others_get_their_answers(process: RecordsProcess) -> None:
    """A task of the loop that is cancelled while it waits cost every later answer."""

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.wrap_future(process.pool(RECORDS).submit(time.sleep, 0.3))

    asyncio.run(leave())
    assert process.pool(RECORDS).run(where)[0] == process.pid


def test_an_answer_is_taken_on_at_once_and_its_error_is_the_futures(process: RecordsProcess) -> None:
    records = process.pool(RECORDS)
    assert then(records.submit(where), lambda answer: answer[0] + 1).result(PATIENCE) == process.pid + 1
    with pytest.raises(NotYet):
        then(records.submit(not_yet), str).result(PATIENCE)


def test_i8_what_a_killed_process_took_along_is_done_again_by_those_who_insist(
    process: RecordsProcess, caplog: pytest.LogCaptureFixture
) -> None:
    records, killed = process.pool(RECORDS), process.pid
    given_up = records.submit(time.sleep, 30)
    insisted = threading.Thread(target=records.insist, args=(add_group, "East"), kwargs={"after": 0.5})
    records.run(where)
    insisted.start()
    time.sleep(0.1)
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(OperationalError, match="is away"):
        given_up.result(PATIENCE)
    with pytest.raises(OperationalError, match="is away"):
        records.run(where)
    insisted.join(PATIENCE)
    assert DialerGroup.objects.get().name == "East"
    assert records.run(where)[0] != killed
    assert "started again" in caplog.text


def test_i2_a_start_that_waited_when_the_worker_went_is_not_made() -> None:
    """And what records something is still done."""
    process = RecordsProcess({RECORDS: 1, STARTS: 1})
    process.pool(RECORDS).run(where)  # it has begun to work
    process.pool(STARTS).submit(time.sleep, 0.5)
    process.pool(STARTS).submit(add_group, "started")
    process.pool(RECORDS).submit(add_group, "recorded", after=0.5)
    process.pool(RECORDS).submit(add_group, "recorded too")
    process.close()
    assert set(DialerGroup.objects.values_list("name", flat=True)) == {"recorded", "recorded too"}
