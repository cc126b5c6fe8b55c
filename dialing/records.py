"""The few threads that talk to the database for many waiting calls.

Each thread that touches the database through Django has its own connection, and a call waits for minutes: 300
waiting tasks would hold 300 connections (measured: 101 of 200 tasks failed at PostgreSQL's default of 100).
So no waiting thread and no event loop ever touches it: they hand a function over, and a handful of threads with
warm connections runs it, here (`Records`) or in a process of their own (`dialing.records_link`). A broken connection
is closed and made anew by the next function.

The threads are daemons: one that a database which stands still keeps for ever does not keep its process.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

RETRY_AFTER = 1.0
"""Seconds between tries of `insist` while the database is away."""
LOOK_EVERY = 0.5
"""Seconds between looks of who waits for the database whether it was told to give up."""
LAST_WORK_S = 2.0
"""Seconds that the work in hand has at the end."""


class GivenUpError(OperationalError):
    """The database has not answered, and the process ends; what was asked of it may have been done or not."""


class Recorder(ABC):
    """Runs functions that touch the database, for those that must not."""

    def __init__(self) -> None:
        self._closing = threading.Event()
        self._patience_ends = float("inf")

    @abstractmethod
    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Has `work` run in one of the threads; its error is the future's. RuntimeError when closed."""

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `work` and waits for it. Raises what it raises, or GivenUpError."""
        return self.result(self.submit(work, *args, **kwargs))

    def result(self, future: Future[T]) -> T:
        """Of work that was submitted. Raises its error, or GivenUpError."""
        while True:
            try:
                return future.result(LOOK_EVERY)
            except TimeoutError:
                if future.done():
                    return future.result()
                if self._is_given_up():
                    raise GivenUpError("The database did not answer before the end.") from None

    def insist(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Like `run`, but tries again each second while the database is away; None when closed or given up meanwhile.

        For work that is safe to do twice: a conditional UPDATE whose answer was lost finds itself done.
        """
        complained = False
        while True:
            try:
                return self.run(work, *args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if not complained:
                    logger.warning("Database out of reach, trying again each second: %s", one_line(error))
                complained = True
            if self._is_given_up() or self._closing.wait(RETRY_AFTER):
                logger.warning("Not recorded, leases will end it: %s", getattr(work, "__name__", work))
                return None

    def give_up(self, after: float) -> None:
        """From so many seconds on nobody waits for a database that is away or stands still: the process ends."""
        self._patience_ends = time.monotonic() + after

    def _is_given_up(self) -> bool:
        return time.monotonic() >= self._patience_ends


class Records(Recorder):
    """A small pool of threads with database connections."""

    def __init__(self, name: str, threads: int = 4) -> None:
        super().__init__()
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"{name}-db_{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self._closing.is_set():
            raise RuntimeError("The database's threads are closed.")
        future: Future[T] = Future()
        self._work.put((future, partial(work, *args, **kwargs)))
        return future

    def close(self, within: float = LAST_WORK_S) -> None:
        """Ends the threads after the work in hand, and their connections with them; waits so many seconds for it."""
        self._closing.set()
        for _ in self._threads:
            self._work.put(None)
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            logger.warning("A database thread is still busy; its connection ends with the process.")

    def _serve(self) -> None:
        """A thread, until `close`."""
        while (item := self._work.get()) is not None:
            future, work = item
            if future.set_running_or_notify_cancel():
                _run(future, work)
            del item, future, work  # or what they hold would live until the next one
        connection.close()


def _run(future: Future[T], work: Callable[[], T]) -> None:
    try:
        result = work()
    except BaseException as error:
        if isinstance(error, (OperationalError, InterfaceError)):
            connection.close()
        future.set_exception(error)
    else:
        future.set_result(result)


def then(future: Future[T], work: Callable[[T], R]) -> Future[R]:
    """What `work` makes of the future's result, in the thread that brings it: nobody is woken in between."""
    made: Future[R] = Future()

    def make(brought: Future[T]) -> None:
        try:
            made.set_result(work(brought.result()))
        except BaseException as error:
            made.set_exception(error)

    future.add_done_callback(make)
    return made


def one_line(error: BaseException) -> str:
    """An error's message in one line for the log, or its kind when it has none."""
    return " ".join(str(error).split()) or type(error).__name__
