"""A calls worker's way to its records process: started, started again when it dies, and left with the last word."""

import itertools
import logging
import pickle
import select
import struct
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, connections

from dialing import side_process
from dialing.records import Recorder
from dialing.records_process import LAST_WORK_S
from dialing.side_process import Pauses
from telephony import datagrams

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_END = None
"""In place of work: nothing more comes."""
_SIZE = struct.Struct("!i")
"""Before each message, as `multiprocessing.connection` reads it (up to 2 GB)."""
_OF_THE_DATABASE = ("NAME", "USER", "PASSWORD", "HOST", "PORT")


class RecordsProcess:
    """The process, and a thread that brings its answers.

    Whoever has work sends it off: each thread on the way to an INVITE is one more turn to wait for. What finds the
    socket full is sent by a thread of its own.

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
        self._unsent: deque[bytes] = deque()
        self._is_full = threading.Condition(self._lock)
        self._is_over = False
        self._closing = threading.Event()
        self._pauses = Pauses()
        self._begin()
        self._reader = threading.Thread(target=self._read, name="records-in", daemon=True)
        self._reader.start()
        threading.Thread(target=self._write, name="records-full", daemon=True).start()

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
        frame = _framed((number, pool, work, args, kwargs))
        with self._lock:
            link = self._link
            if link is not None:
                self._pending[number] = future
                self._send(link, frame)
        if link is None:
            future.set_exception(_away())
        return future

    def kill(self) -> None:
        """Ends the process at once; what it has in hand ends by its lease (I4)."""
        self._closing.set()
        self._process.kill()

    def close(self) -> None:
        """Ends the process after the work in hand."""
        self._closing.set()
        with self._lock:
            if self._link is not None:
                self._send(self._link, _framed(_END))
        try:
            self._process.wait(LAST_WORK_S + 1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=2)

    # --- out; with the lock --------------------------------------------------------------------------------

    def _send(self, link: Connection, frame: bytes) -> None:
        if not self._unsent:
            frame = _rest(link, frame)
        if frame:
            self._unsent.append(frame)
            self._is_full.notify()

    def _write(self) -> None:
        """A thread: sends what the socket had no room for, when it has."""
        while True:
            with self._is_full:
                self._is_full.wait_for(lambda: self._unsent or self._is_over)
                link = self._link
                if link is None or not self._unsent:
                    return
                waiting = select.poll()
                waiting.register(link.fileno(), select.POLLOUT)
            waiting.poll()
            with self._lock:
                if link is self._link and (frame := _rest(link, self._unsent.popleft())):
                    self._unsent.appendleft(frame)

    # --- the reader's thread ------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            self._read_while_wanted()
        finally:
            with self._is_full:
                self._is_over = True
                self._is_full.notify()

    def _read_while_wanted(self) -> None:
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
            self._unsent.clear()
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


def _framed(message: Any) -> bytes:
    data = pickle.dumps(message)
    return _SIZE.pack(len(data)) + data


def _rest(link: Connection, frame: bytes) -> bytes:
    """What of it the socket had no room for."""
    return frame[max(0, datagrams.send(link.fileno(), frame, len(frame), datagrams.NOW)) :]
