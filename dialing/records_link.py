"""A calls worker's way to its records process: started, started again when it dies, and left with the last word."""

import contextlib
import itertools
import logging
import pickle
import queue
import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connections

from dialing import side_process
from dialing.records import Recorder
from dialing.records_process import LAST_WORK_S
from dialing.side_process import Pauses

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_END = 0
"""In place of a number: nothing more comes."""
_OF_THE_DATABASE = ("NAME", "USER", "PASSWORD", "HOST", "PORT")


class RecordsProcess:
    """The process, a thread that sends it work and one that brings its answers.

    What it is handed are functions of a module with arguments that can be pickled. While the process is away, and for
    work that it takes along when it dies, the error is Django's OperationalError, as with a database that is away: the
    work may have been done or not.
    """

    def __init__(self, threads: Mapping[str, int]) -> None:
        """`threads`: of each pool; a pool's work is done in threads of its own."""
        self._threads = dict(threads)
        self._numbers = itertools.count(1)
        self._pending: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._link: Connection | None = None
        self._out: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._pauses = Pauses()
        self._begin()
        self._reader = threading.Thread(target=self._read, name="records-in", daemon=True)
        self._reader.start()
        threading.Thread(target=self._write, name="records-out", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def pool(self, name: str) -> "RemoteRecords":
        return RemoteRecords(self, name)

    def _begin(self) -> None:
        self._process, ours = side_process.start("dialing.records_process")
        self._pauses.started()
        link = Connection(ours.detach())
        database = connections.settings["default"]
        link.send((self._threads, {name: database[name] for name in _OF_THE_DATABASE}))
        with self._lock:
            self._link = link

    def hand_over(self, pool: str, work: Callable[..., T], args: Any, kwargs: Any) -> Future[T]:
        """Any thread, the loop's too: never waits for the process."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # who waits may leave; the answer comes all the same
        number = next(self._numbers)
        data = pickle.dumps((number, pool, work, args, kwargs))
        with self._lock:
            is_there = self._link is not None
            if is_there:
                self._pending[number] = future
        if is_there:
            self._out.put((number, data))
        else:
            future.set_exception(_away())
        return future

    def kill(self) -> None:
        """Ends the process at once; what it has in hand ends by its lease (I4)."""
        self._closing.set()
        self._process.kill()

    def close(self) -> None:
        """Ends the process after the work in hand."""
        self._closing.set()
        self._out.put((_END, pickle.dumps(None)))
        try:
            self._process.wait(LAST_WORK_S + 1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=2)

    # --- the writer's thread -------------------------------------------------------------------------------

    def _write(self) -> None:
        while True:
            number, data = self._out.get()
            with self._lock:
                # what was handed to a process that died has been answered for, and is not done by the next one
                link = self._link if number in self._pending or number == _END else None
            if link is not None:
                with contextlib.suppress(OSError):  # it is gone: the reader answers for that
                    link.send_bytes(data)
            if number == _END:
                return

    # --- the reader's thread ------------------------------------------------------------------------------

    def _read(self) -> None:
        while True:
            self._read_on()
            if self._closing.is_set():
                return
            pause = self._pauses.next()
            logger.error("The records process ended; it is started again in %.1f s.", pause)
            self._process.kill()
            self._process.wait()
            while not self._closing.wait(pause):
                try:
                    self._begin()
                except OSError as error:
                    logger.error("The records process could not be started: %s", error)
                    pause = self._pauses.next()
                else:
                    break
            if self._link is None:  # closed, before another one was started
                return

    def _read_on(self) -> None:
        """Until the process has gone; what it took along is answered for."""
        link = self._link
        assert link is not None
        while True:
            try:
                number, result, error = link.recv()
            except (EOFError, OSError):
                break
            except Exception:
                logger.exception("The records process said something that can't be read.")
                break
            with self._lock:
                future = self._pending.pop(number)
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)
        with self._lock:
            self._link = None
            lost, self._pending = list(self._pending.values()), {}
        link.close()
        for future in lost:
            future.set_exception(_away())


class RemoteRecords(Recorder):
    """One pool of the records process."""

    def __init__(self, process: RecordsProcess, pool: str) -> None:
        super().__init__()
        self._process = process
        self._pool = pool

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._process.hand_over(self._pool, work, args, kwargs)

    def close(self) -> None:
        """Nobody insists any more."""
        self._closing.set()


def _away() -> OperationalError:
    return OperationalError("the process that records the calls is away")
