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
from dialing.engine.book import Book, Center, read_book
from dialing.engine.center_state import CenterStates
from dialing.engine.publisher import Publisher
from dialing.engine.watch import Watch
from dialing.events import ATTEMPTS, BOARD, EventWriter
from dialing.models import Repair
from dialing.pacing import Pacer, Supply
from dialing.records import Records, one_line
from leads.models import CallAttempt, LeadStatus
from telephony import services as telephony
from telephony.contact_center import AgentState, ConnectorState, ContactCenterSnapshot, QueueSnapshot

logger = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between readings of the book."""


class Engine:
    """The state of one leadership; a new leader begins with a new one, from the database."""

    def __init__(self, records: Records, publisher: Publisher) -> None:
        self._records = records
        self._publisher = publisher
        self._pacer = Pacer()
        self._watch = Watch(self._on_snapshot, self._on_state)
        self._queues: dict[tuple[int, str], int] = {}  # (contact centre, queue's name) -> queue
        self._snapshots: dict[int, ContactCenterSnapshot] = {}
        self._connected: set[int] = set()
        self._signed_in: set[int] = set()  # contact centres whose queues are yet to be compared with the rows
        self._states = CenterStates(self._quietly, self._spawn)
        self._syncing: set[int] = set()
        self._look = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._missing: dict[int, float] = {}  # attempts that the database has ended -> since when we know
        self._has_book = False
        self._board = Board()
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
        self._pacer.still_there(self._connected_queues(), time.monotonic())
        self._pace()
        calls = await self._in_thread(calls_in_flight)
        self._events.put(BOARD, self._board.as_json(time.time(), calls))

    def _apply(self, book: Book, read_at: float) -> None:
        """Makes the pacer agree with the database as it was at `read_at`."""
        now = time.monotonic()
        self._watch.follow(book.centers)
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
                self._watch.push(announcement["center"], announcement["changes"])
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

    def _on_snapshot(self, center: Center, snapshot: ContactCenterSnapshot) -> None:
        self._snapshots[center.id] = snapshot
        is_new = center.id in self._signed_in
        heard_at, freed = timezone.now(), set()
        for name, queue in snapshot.queues.items():
            queue_id = self._queues.get((center.id, name))
            if queue_id is None:
                is_new = True
            else:
                self._board.queue(queue_id, queue, heard_at.timestamp())
                if self._pacer.queue_reported(queue_id, _supply(queue), time.monotonic()):
                    freed.add(queue_id)
        for (owner, name), queue_id in self._queues.items():
            if owner == center.id and name not in snapshot.queues:
                self._queue_lost(queue_id)
        self._pace(freed, heard_at)
        if is_new and center.id not in self._syncing:
            self._syncing.add(center.id)
            self._spawn(self._sync(center))
        self._states.heard(center.id)

    def _on_state(self, center: Center, state: ConnectorState, about: str) -> None:
        is_connected = state is ConnectorState.CONNECTED
        if is_connected:
            self._connected.add(center.id)
            self._signed_in.add(center.id)
        else:
            self._connected.discard(center.id)
            for (owner, _name), queue in self._queues.items():
                if owner == center.id:
                    self._queue_lost(queue)
        if is_connected or state is ConnectorState.STALE:
            logger.info("Contact centre %d: %s", center.id, about)
        is_wrong = state in {ConnectorState.STALE, ConnectorState.FAILED}
        self._states.changed(center.id, state, about if is_wrong else "")

    async def _sync(self, center: Center) -> None:
        """Writes queues that are new or have changed since the last sign-in, then looks at the newest snapshot again."""
        self._signed_in.discard(center.id)
        try:
            ids = await self._in_thread(telephony.sync_queues, center.id, self._snapshots[center.id])
        except (OperationalError, InterfaceError):
            await asyncio.sleep(EVERY)
            ids = {}
            self._signed_in.add(center.id)
        finally:
            self._syncing.discard(center.id)
        self._queues.update({(center.id, name): queue for name, queue in ids.items()})
        if center.id in self._connected:
            self._on_snapshot(center, self._snapshots[center.id])

    async def _report(self) -> None:
        """The leader's own numbers, for the pages and `/metrics`."""
        while True:
            await asyncio.sleep(reports.EVERY)
            numbers = {
                "reservations": self._pacer.reservations,
                "reservations_without_attempt": len(self._missing),
                "queues": len(self._queues),
                "connected": len(self._connected),
            }
            await self._quietly(reports.write, "engine", reports.process_name(), numbers)

    def _queue_lost(self, queue: int) -> None:
        self._pacer.queue_lost(queue)
        self._board.lost(queue)

    def _connected_queues(self) -> list[int]:
        """Those that the last snapshot of a connected contact centre has."""
        return [
            queue
            for (center, name), queue in self._queues.items()
            if center in self._connected and name in self._snapshots[center].queues
        ]

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
        await self._watch.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _supply(queue: QueueSnapshot) -> Supply:
    """An agent in wrap-up counts as busy: somebody who went there from free was on a call between two reports."""
    if queue.kind == "IVR":
        return Supply.of_channels(queue.channels_total, queue.channels_busy, queue.waiting_callers)
    busy = (AgentState.BUSY, AgentState.WRAP_UP)
    return Supply(
        free=frozenset(agent.id for agent in queue.agents if agent.state is AgentState.FREE),
        busy=frozenset(agent.id for agent in queue.agents if agent.state in busy),
        waiting=queue.waiting_callers,
    )


def _monotonic(epoch: float) -> float:
    """A wall-clock time of another process on this process's monotonic clock."""
    return time.monotonic() - (time.time() - epoch)
