"""The few threads that talk to the database for many waiting calls.

Each thread that touches the database through Django has its own connection, and a call waits for minutes: 300
waiting tasks would hold 300 connections (measured: 101 of 200 tasks failed at PostgreSQL's default of 100).
So no waiting thread and no event loop ever touches it: they hand a function over, and a handful of threads with
warm connections runs it, here (`Records`) or in a process of their own (`dialing.records_link`). A broken connection
is closed and made anew by the next function.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

RETRY_AFTER = 1.0
"""Seconds between tries of `insist` while the database is away."""


class Recorder(ABC):
    """Runs functions that touch the database, for those that must not."""

    def __init__(self) -> None:
        self._closing = threading.Event()

    @abstractmethod
    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Has `work` run in one of the threads; its error is the future's."""

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `work` and waits for it. Raises what it raises."""
        return self.submit(work, *args, **kwargs).result()

    def insist(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Like `run`, but tries again each second while the database is away; None when closed meanwhile.

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
            if self._closing.wait(RETRY_AFTER):
                return None


class Records(Recorder):
    """A small pool of threads with database connections."""

    def __init__(self, name: str, threads: int = 4) -> None:
        super().__init__()
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"{name}-db")

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._pool.submit(lambda: _run(partial(work, *args, **kwargs)))

    def close(self) -> None:
        """Ends the threads after the work in hand, and their connections with them."""
        self._closing.set()
        gate = threading.Barrier(self._threads + 1)

        def leave() -> None:
            connection.close()
            gate.wait(timeout=2)

        for _ in range(self._threads):
            self._pool.submit(leave)
        try:
            gate.wait(timeout=2)
        except threading.BrokenBarrierError:
            logger.warning("A database thread is still busy; its connection ends with the process.")
        self._pool.shutdown(wait=False)


def _run(work: Callable[[], T]) -> T:
    try:
        return work()
    except (OperationalError, InterfaceError):
        connection.close()
        raise


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
