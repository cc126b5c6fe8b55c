"""The records process of a calls worker: it talks to the database, so that the process with the calls need not.

A thread that computes holds Python's lock, and the loop of the calls gives that lock away with each datagram: beside
the threads that recorded the ends of other calls, a datagram took 0.4 ms instead of 5 us, and an agent's next call
waited up to 0.4 s for its turn. Here those threads have an interpreter, and a processor, of their own.

`Desk.serve` gets functions by name with their arguments, and answers with what they return or raise; the other end is
`dialing.records_link`. When that is closed, what waits to be recorded is done, and no call is started any more.
"""

import logging
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dialing.records import Records

logger = logging.getLogger(__name__)

RECORDS, STARTS = "records", "starts"
"""The pools. Threads of their own for starts: an agent waits for a start, and nobody for what hundreds of ended calls
write."""
LAST_WORK_S, LAST_WORDS_S = 2.0, 5.0
"""Seconds for what is still to be recorded when the calls worker ends in its own time, which has waited for all that
matters, and when it has gone; what takes longer ends by its lease (I4)."""


class Desk:
    """Takes work from the calls worker, has it done by pools of threads, and sends back what came of it."""

    def __init__(self, link: Connection, pools: "dict[str, Records]") -> None:
        self._link = link
        self._pools = pools
        self._lock = threading.Lock()
        self._gone = threading.Event()

    def serve(self) -> None:
        """Until the last message, or until the other end is closed; ends what was begun."""
        within = LAST_WORDS_S
        while True:
            try:
                task = self._link.recv()
            except (EOFError, OSError):
                break
            if task is None:  # the last one
                within = LAST_WORK_S
                break
            number, pool, work, args, kwargs = task
            future = self._pools[pool].submit(self._do, pool, partial(work, *args, **kwargs))
            future.add_done_callback(partial(self._answer, number))
        self._gone.set()
        deadline = time.monotonic() + within
        for records in self._pools.values():
            records.close(max(0.0, deadline - time.monotonic()))

    def _do(self, pool: str, work: Callable[[], Any]) -> Any:
        from django.db import OperationalError

        if pool == STARTS and self._gone.is_set():
            raise OperationalError("the calls worker has gone")
        return work()

    def _answer(self, number: int, future: Future[Any]) -> None:
        error = future.exception()
        data = _packed((number, None, error) if error is not None else (number, future.result(), None))
        with self._lock:
            try:
                self._link.send_bytes(data)
            except OSError:
                return  # the calls worker has gone


def _packed(answer: tuple[int, Any, BaseException | None]) -> bytes:
    """As it is sent. An error of a kind that can't be sent, or not be read, keeps its words."""
    number, _, error = answer
    try:
        data = pickle.dumps(answer)
        if error is not None:
            pickle.loads(data)  # noqa: S301  (our own words)
    except Exception as fault:
        words = f"{type(error).__name__}: {error}" if error is not None else f"no result to send: {fault}"
        return pickle.dumps((number, None, RuntimeError(words)))
    return data


def main(descriptor: int) -> int:
    """The first message says how many threads each pool has, and which database it is."""
    # A terminal's Ctrl-C and a service's stop reach the whole group: calls that end meanwhile are still recorded.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link = Connection(descriptor)

    import django

    django.setup()

    from django.db import connections

    from dialing import attempt, evidence, reports, worker_records  # noqa: F401 - what will be asked for
    from dialing.promptness import be_prompt
    from dialing.records import Records

    try:
        threads, database = link.recv()
        connections.settings["default"].update(database)
        desk = Desk(link, {name: Records(name, count) for name, count in threads.items()})
        be_prompt()
        desk.serve()
    except (EOFError, ConnectionError):
        pass  # the calls worker has gone
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dialer_project.settings")
    sys.exit(main(int(sys.argv[1])))
