"""The leader's loop: events come in, the pacer answers, calls go out.

The path from an agent's event to the message for the calls worker has no timer in it: snapshot -> pacer ->
claim (a database thread) -> publish (the same threads). Once a second the book is read, which repairs whatever
an event told wrong or not at all.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from dialing import attempt as attempts
from dialing import reports, tallies
from dialing.announcements import listen
from dialing.claim import claim_leads
from dialing.engine.board import Board, calls_in_flight, recent_results
from dialing.engine.book import Book, read_book
from dialing.engine.centers import Centers
from dialing.engine.publisher import Publisher
from dialing.events import ATTEMPTS, BOARD, EventWriter
from dialing.models import Repair
from dialing.pacing import Pacer
from dialing.records import Records, one_line
from leads.models import CallAttempt, LeadStatus

logger = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between readings of the book."""


class Engine:
    """The state of one leadership; a new leader begins with a new one, from the database."""

    def __init__(self, records: Records, publisher: Publisher) -> None:
        self._records = records
        self._publisher = publisher
        self._pacer = Pacer()
        self._board = Board()
        self._centers = Centers(
            self._pacer,
            self._board,
            in_thread=self._in_thread,
            quietly=self._quietly,
            spawn=self._spawn,
            changed=self._pace,
        )
        self._look = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._missing: dict[int, float] = {}  # attempts that the database has ended -> since when we know
        self._has_book = False
        self._events = EventWriter()
        self._next_turn: asyncio.TimerHandle | None = None  # when the carriers take another call

    async def run(self) -> None:
        """Until cancelled."""
        self._spawn(listen("dialer engine", self._on_announcement, self._look.set))
        self._spawn(self._report())
        away = False
        try:
            while True:
                self._look.clear()
                try:
                    await self._turn()
                    away = False
                except (OperationalError, InterfaceError) as error:
                    if not away:
                        logger.warning("The engine can't read the database: %s", one_line(error))
                    away = True
                    await asyncio.sleep(EVERY)
                try:
                    async with asyncio.timeout(EVERY):
                        await self._look.wait()
                except TimeoutError:
                    pass
        finally:
            await self._close()

    async def _turn(self) -> None:
        started = time.monotonic()
        book = await self._in_thread(read_book, timezone.now())
        self._apply(book, started)
        if self._publisher.is_down or not self._has_book:
            await self._in_thread(self._publisher.probe)
        if not self._has_book:
            self._board.seed(await self._in_thread(recent_results, timezone.now()))
        self._has_book = True
        self._pacer.still_there(self._centers.connected_queues(), time.monotonic())
        self._pace()
        calls = await self._in_thread(calls_in_flight)
        self._events.put(BOARD, self._board.as_json(time.time(), calls))

    def _apply(self, book: Book, read_at: float) -> None:
        """Makes the pacer agree with the database as it was at `read_at`."""
        now = time.monotonic()
        self._centers.follow(book.centers)
        self._pacer.campaigns(book.demands)
        self._pacer.ports(book.capacity.calls, per_second=book.capacity.per_second)
        settling = {entry.id for entry in book.attempts if not entry.is_open}
        open_now = {entry.id for entry in book.attempts if entry.is_open}
        missing = self._pacer.open_attempts(read_at) - open_now
        self._missing = {attempt: self._missing.get(attempt, now) for attempt in missing}
        for attempt, since in self._missing.items():
            if now - since >= EVERY:  # else the announcement, which tells more, is on its way
                tallies.count(tallies.REPAIRS, Repair.RESERVATION_ENDED.value)
                logger.warning("Repaired: attempt %d has ended and kept its reservation.", attempt)
                self._pacer.ended(attempt, transferred=attempt in settling, now=now)
        for entry in book.attempts:
            if entry.queue is None or not (entry.is_open or not self._has_book):
                continue
            if not self._pacer.knows(entry.id):
                self._pacer.reserve(entry.id, entry.queue, now)
            if entry.is_answered:
                self._pacer.answered(entry.id)
            if entry.transferred_at is not None:
                self._pacer.transferring(entry.id, _monotonic(entry.transferred_at.timestamp()), now)
            if not entry.is_open:
                self._pacer.ended(entry.id, transferred=True, now=now)

    # --- events --------------------------------------------------------------------------------------

    def _on_announcement(self, announcement: dict[str, Any]) -> None:
        match announcement.get("event"):
            case "attempt":
                self._on_attempt(announcement)
            case "leads":
                self._pacer.leads_came(announcement["campaign"])
                self._pace()
            case "push":
                self._centers.push(announcement["center"], announcement["changes"])
            case _:
                self._look.set()

    def _on_attempt(self, announcement: dict[str, Any]) -> None:
        attempt, state, now = announcement["attempt"], announcement["state"], time.monotonic()
        self._events.put(ATTEMPTS, announcement)
        self._board.ended(
            announcement["campaign"],
            announcement["result"],
            announcement["at"],
            answered=announcement["answered"],
        )
        if state == CallAttempt.State.ANSWERED:
            self._pacer.answered(attempt)
        elif state == CallAttempt.State.TRANSFERRING:
            self._pacer.transferring(attempt, _monotonic(announcement["at"]), now)
        elif state in {CallAttempt.State.ENDED, CallAttempt.State.WITHDRAWN}:
            transferred = announcement["result"] == LeadStatus.SUCCESS
            self._pacer.ended(attempt, transferred=transferred, now=now)
        self._pace()  # a transfer may be the one that an agent's pick-up was waiting for

    async def _report(self) -> None:
        """The leader's own numbers, for the pages and `/metrics`."""
        while True:
            await asyncio.sleep(reports.EVERY)
            numbers = {
                "reservations": self._pacer.reservations,
                "reservations_without_attempt": len(self._missing),
                "broker_away": int(self._publisher.is_down),
                **self._centers.numbers(),
                **reports.of_this_process(),
            }
            await self._quietly(reports.write, "engine", reports.process_name(), numbers)

    # --- calls ---------------------------------------------------------------------------------------

    def _pace(self, freed: Collection[int] = (), heard_at: datetime | None = None) -> None:
        """`freed`: queues with an agent who became free, told at `heard_at`: these calls' promptness is measured."""
        if not self._has_book or self._publisher.is_down:
            return
        now, demands = time.monotonic(), self._pacer.demands
        for campaign, calls in self._pacer.plan(now).items():
            queue = demands[campaign].queue
            self._spawn(self._place(campaign, queue, calls, heard_at if queue in freed else None))
        if self._next_turn is not None:
            self._next_turn.cancel()
        if gone := self._pacer.unattended(now):
            logger.info(
                "No agent is left for %d calls that nobody has answered: they are recalled.", len(gone)
            )
            self._spawn(self._quietly(attempts.recall, gone))
        wait = self._pacer.held_up(now)
        loop = asyncio.get_running_loop()
        self._next_turn = None if wait is None else loop.call_later(wait, self._pace)

    async def _place(self, campaign: int, queue: int, calls: int, prompted_at: datetime | None) -> None:
        claimed: list[int] = []
        try:
            claimed = await self._in_thread(self._claim_and_publish, campaign, calls, prompted_at)
        except (OperationalError, InterfaceError) as error:
            logger.warning("No lead could be claimed: %s", one_line(error))
        except Exception:
            logger.exception("Claiming leads of campaign %d failed.", campaign)
        finally:
            self._pacer.claimed(campaign, queue, calls, claimed, time.monotonic())
        if len(claimed) < calls:
            self._pace()  # another campaign of the queue may have leads

    def _claim_and_publish(self, campaign: int, calls: int, prompted_at: datetime | None) -> list[int]:
        """In one turn of a database thread: the claim is committed when the first message leaves (I2)."""
        claimed = claim_leads(campaign, calls, timezone.now(), prompted_at)
        tallies.count(tallies.CLAIMS, by=len(claimed))
        try:
            self._publisher.publish(claimed)
        except (OperationalError, InterfaceError):
            logger.debug("A withdrawal was lost while the database was away.", exc_info=True)
        return claimed

    # --- tasks and threads ---------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.wrap_future(self._records.submit(work, *args))

    async def _quietly(self, work: Callable[..., Any], *args: Any) -> None:
        """For writes that the next second or recovery repairs."""
        try:
            await self._in_thread(work, *args)
        except (OperationalError, InterfaceError):
            logger.debug("A write was lost while the database was away.", exc_info=True)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            logger.error("A task of the engine failed.", exc_info=task.exception())

    async def _close(self) -> None:
        if self._next_turn is not None:
            self._next_turn.cancel()
        self._events.close()
        await self._centers.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _monotonic(epoch: float) -> float:
    """A wall-clock time of another process on this process's monotonic clock."""
    return time.monotonic() - (time.time() - epoch)
