"""What a calls worker does in its loop besides calls: it renews leases, finds stops that nobody told it of, reads the
result table, repairs what is left over, and tells its numbers."""

import asyncio
import contextlib
import logging
import threading
import time

from django.db import InterfaceError, OperationalError

from dialing import reports, tallies, worker_records
from dialing.call_loop import CallEvents, CallLoop
from dialing.free_ports import FreePorts
from dialing.kept_up import Work
from dialing.leases import LEASE, RENEW_ATTEMPTS_EVERY
from dialing.models import Repair
from dialing.records import Recorder, one_line
from dialing.worker_reconcile import WorkerReconciler
from telephony import result_table

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between looks whether a campaign with ringing calls was stopped, should an announcement be lost (I6)."""
READ_RESULTS_EVERY = 5.0
"""Seconds between looks at the result table, which a Master may change."""


class ActiveAttempts:
    """The attempts that this process has started, and what their threads hear. Any thread."""

    def __init__(self) -> None:
        self.ended: set[int] = set()
        """Those of them that the database had ended at the last renewal."""
        self._events: dict[int, CallEvents] = {}
        self._lock = threading.Lock()

    def add(self, attempt: int, events: CallEvents) -> None:
        with self._lock:
            self._events[attempt] = events

    def remove(self, attempt: int) -> None:
        with self._lock:
            self._events.pop(attempt, None)

    def events(self) -> dict[int, CallEvents]:
        """As they are at this moment."""
        with self._lock:
            return dict(self._events)

    def __len__(self) -> int:
        return len(self._events)


class Upkeep:
    """Everything runs in the calls' loop; the database's threads do the waiting."""

    def __init__(
        self, name: str, calls: CallLoop, records: Recorder, ports: FreePorts, active: ActiveAttempts
    ) -> None:
        self._name = name
        self._calls = calls
        self._records = records
        self._ports = ports
        self._active = active
        self._reconciler = WorkerReconciler(calls, _repaired)

    def works(self) -> list[Work]:
        """Each for ever, until cancelled."""
        return [self._renew, self._look_for_stops, self._read_results, self._look_after_itself]

    async def _renew(self) -> None:
        """Renews the leases of all attempts in one UPDATE. Those that it can't renew for too long are not ours any
        more: recovery gives their leads to others, so calls that nobody has answered are cancelled."""
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(RENEW_ATTEMPTS_EVERY)
            try:
                async with asyncio.timeout(LEASE.total_seconds() / 2):
                    renewal = self._records.submit(worker_records.renew, list(self._active.events()))
                    lost = await asyncio.wrap_future(renewal)
            except (OperationalError, InterfaceError, TimeoutError) as error:
                logger.warning("Attempts can't be renewed: %s", one_line(error))
                if time.monotonic() - renewed_at > LEASE.total_seconds() - RENEW_ATTEMPTS_EVERY:
                    note_cancelled(self._calls.cancel_unanswered())
            else:
                renewed_at = time.monotonic()
                self._active.ended = lost
                note_cancelled(self._calls.cancel_attempts(lost))

    async def _look_for_stops(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            ringing = self._calls.unanswered_campaigns()
            if not ringing:
                continue
            try:
                started = await asyncio.wrap_future(self._records.submit(worker_records.started, ringing))
            except (OperationalError, InterfaceError):
                continue  # the renewal complains, and cancels when it lasts
            for campaign in ringing - started:
                note_cancelled(self._calls.campaign_stopped(campaign))

    async def _read_results(self) -> None:
        while True:
            with contextlib.suppress(OperationalError, InterfaceError):  # the last known table holds
                self._calls.results = await asyncio.wrap_future(self._records.submit(result_table.current))
            await asyncio.sleep(READ_RESULTS_EVERY)

    async def _look_after_itself(self) -> None:
        while True:
            await asyncio.sleep(reports.EVERY)
            try:
                self._reconciler.look(time.monotonic(), self._active.events(), self._active.ended)
                await self._report()
            except (OperationalError, InterfaceError):
                continue  # the renewal complains
            except Exception:
                logger.exception("A look at the worker's own calls failed; the next one comes.")

    async def _report(self) -> None:
        counts = tallies.take()
        try:
            numbers = self.numbers() | reports.of_this_process()
            await asyncio.wrap_future(
                self._records.submit(reports.write, "calls", self._name, numbers, counts)
            )
        except BaseException:
            tallies.give_back(counts)
            raise

    def numbers(self) -> reports.Numbers:
        """What this process holds; in the loop's thread."""
        free, taken = self._ports.counts()
        agent = self._calls.agent
        return {
            "calls": len(self._calls.calls),
            "dialogs": agent.active_calls,
            "dialogs_without_attempt": len(self._reconciler.orphans()),
            "transactions": agent.open_transactions,
            "sockets": agent.media.open_sessions,
            "sockets_without_call": len(self._reconciler.idle_sockets()),
            "ports_free": free,
            "ports_taken": taken,
            "waiting": len(self._active),
        }


def note_cancelled(calls: int) -> None:
    """In the log, when there are any."""
    if calls:
        logger.info("Cancelling %d calls that nobody has answered.", calls)


def _repaired(repair: Repair, words: str) -> None:
    tallies.count(tallies.REPAIRS, repair.value)
    logger.warning("Repaired: %s", words)
