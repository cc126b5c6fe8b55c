"""The calls worker: what a Celery worker process of the queue `calls` has besides its task threads.

One event loop with one SIP user agent carries all calls; a task's thread takes a port, passes the gate, hands the
call to the loop and waits for its events. Ports and attempts are held by leases that the worker renews. All that goes
to the database goes there by a process of its own (`dialing.records_process`).
"""

import logging
import os
import threading
import time
from dataclasses import asdict
from functools import partial
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError

from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing import carriers, evidence, ports, reports, tallies
from dialing.admission import Admission
from dialing.announcements import listen
from dialing.attempt import CallOrder, Outcome
from dialing.call_loop import CallEvents, CallLoop, Ended, NotDialed, Progress
from dialing.call_report import CallReport
from dialing.carriers import NotYet, Turn
from dialing.free_ports import FreePorts
from dialing.intake import SOON, Intake
from dialing.kept_up import Work, kept_up
from dialing.port_keeper import PortKeeper
from dialing.records import one_line, then
from dialing.records_link import RecordsProcess
from dialing.records_process import RECORDS, STARTS
from dialing.worker_upkeep import ActiveAttempts, Upkeep, note_cancelled
from leads.models import LeadStatus
from telephony.sip.account import SipAccount

logger = logging.getLogger(__name__)

HANG_UP_S = 5.0
"""Seconds of `CALLS_STOP_SECONDS` that hanging up and recording take; answered calls may go on for the rest."""
RECORD_S = 3.0
"""Of these, what the database may take to come back for the records; then leases end what it has not taken (I4)."""
LAST_WORDS_S = 1.5
"""Seconds to hang up and record when the supervisor was killed."""


class CallsWorker:
    """Everything of one calls worker process. `start` and `close` from the main thread."""

    def __init__(self, capacity: int, name: str | None = None) -> None:
        self.name = name or reports.process_name()
        self.books = RecordsProcess(
            {RECORDS: min(4, max(2, capacity)), STARTS: min(3, max(2, capacity))},
        )
        self.records, self.starts = self.books.pool(RECORDS), self.books.pool(STARTS)
        self.ports = FreePorts()
        self.admission = Admission(self.starts, self.ports)
        self.intake = Intake(self.ports)
        self.calls = CallLoop(capacity)
        self.keeper = PortKeeper(self.name, capacity, self.calls.agent, self.records, self.ports)
        self._active = ActiveAttempts()
        self.upkeep = Upkeep(self.name, self.calls, self.records, self.ports, self._active)
        self._draining = threading.Event()

    def start(self) -> None:
        self.calls.start()
        hear = partial(listen, f"dialer calls {self.name}", self._on_announcement)
        works: list[Work] = [self.keeper.run, hear, *self.upkeep.works()]
        for work in works:
            self.calls.loop.call_soon_threadsafe(self.calls.spawn, kept_up(work))
        logger.info("Calls worker %s is up.", self.name)

    # --- one attempt, in a task's thread --------------------------------------------------------------

    def carry_out(self, attempt_id: int) -> None:
        """Dials the attempt and waits until its result is recorded. Does nothing when it was dialed before."""
        if self._draining.is_set():
            self.intake.begun(attempt_id)
            self.records.insist(attempts.withdraw, attempt_id, "The calls worker is shutting down.")
            return
        why_not, deadline, asked = "No dialer port of this worker was free.", time.monotonic() + SOON, None
        while (port := self.ports.take(deadline - time.monotonic())) is not None:
            self.intake.begun(attempt_id)
            try:
                self._carry_out(attempt_id, port, asked, deadline)
                return
            except NotYet as wait:
                why_not, asked = wait.reason, wait.asked
                if time.monotonic() >= deadline:
                    break
            finally:
                self.ports.give_back(port)
        self.intake.begun(attempt_id)
        self.records.insist(attempts.withdraw, attempt_id, why_not)

    def _carry_out(self, attempt_id: int, port: int, asked: int | None, deadline: float) -> None:
        try:
            patience = deadline - time.monotonic()
            events = self.admission.started(attempt_id, port, asked, self._start, patience)
        except (OperationalError, InterfaceError) as error:
            logger.warning("Attempt %d was not started: %s", attempt_id, one_line(error))
            return
        if events is None:
            return
        try:
            self._wait(attempt_id, port, events)
        finally:
            self._active.remove(attempt_id)

    def _start(self, attempt_id: int, port: int, turn: Turn | None, asked: int | None) -> CallEvents | None:
        """Not `insist`: a start that may have been committed is never repeated, recovery ends it."""
        start = self.starts.submit(attempts.start, attempt_id, self.name, port, turn, asked)
        return self.starts.result(then(start, partial(self._begin, self.keeper.account(port))))

    def _begin(self, account: SipAccount, order: CallOrder | None) -> CallEvents | None:
        """In the thread that brings the order, which hands it to the loop itself: one thread less before the INVITE."""
        if order is None:
            return None
        events = self.calls.begin(order, account)
        self._active.add(order.attempt, events)
        return events

    def _leave_alone(self, port: int, report: CallReport | None) -> None:
        """A carrier that answers 503 and says for how long gets no call until then (RFC 3261 section 21.5.4)."""
        if (
            report is None
            or report.sip_code != 503
            or not report.retry_after_s
            or report.answered_at is not None
        ):
            return
        reason = (
            f"503 {report.reason or 'Service Unavailable'}, to be asked again after {report.retry_after_s} s"
        )
        self.records.insist(carriers.rest, port, report.retry_after_s, reason)

    def _wait(self, attempt_id: int, port: int, events: CallEvents) -> None:
        while True:
            event = events.get()
            if isinstance(event, Ended):
                self.records.insist(attempts.finish, attempt_id, outcome(event))
                self._leave_alone(port, event.report)
                self._keep_evidence(attempt_id, event)
                return
            if isinstance(event, NotDialed):
                self.records.insist(attempts.take_back, attempt_id, self.name, event.reason)
                return
            self._record_progress(attempt_id, event)

    def _keep_evidence(self, attempt_id: int, event: Ended) -> None:
        if event.heard is not None and event.report is not None and event.report.amd is not None:
            heard, verdict = event.heard, event.report.amd.verdict
            self.records.submit(evidence.keep, attempt_id, verdict, heard.evidence, heard.sound)

    def _record_progress(self, attempt_id: int, event: Progress) -> None:
        try:
            self.records.run(attempts.record_progress, attempt_id, event.state, event.at)
        except (OperationalError, InterfaceError) as error:
            logger.warning("Progress of attempt %d was not recorded: %s", attempt_id, one_line(error))

    # --- in the loop --------------------------------------------------------------------------------

    def _on_announcement(self, announcement: dict[str, Any]) -> None:
        match announcement:
            case {"event": "campaign", "campaign": int(campaign), "state": Campaign.State.STOPPED}:
                note_cancelled(self.calls.campaign_stopped(campaign))
            case {"event": "recall", "attempts": list(recalled)}:
                note_cancelled(self.calls.cancel_attempts(recalled, attempts.NOBODY_LEFT))
            case {"event": "ports"}:
                self.keeper.look_again()

    # --- the end --------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Takes no attempt any more, cancels what rings; answered calls may end in their own time."""
        self._draining.set()
        self.calls.loop.call_soon_threadsafe(self.calls.dial_no_more)
        patience = max(0.0, settings.CALLS_STOP_SECONDS - HANG_UP_S)
        self.calls.loop.call_soon_threadsafe(self.calls.loop.call_later, patience, self.calls.hang_up_all)
        for threads in (self.records, self.starts):
            threads.give_up(after=patience + RECORD_S)

    def end_at_once(self) -> None:
        """Hangs up everything, and ends the process: what the database does not take any more ends by its lease (I4).

        For a worker whose supervisor was killed. Its tasks would insist on a database that nobody starts again.
        """
        logger.warning("The process that started this one is gone: hanging up all calls.")
        self.drain()
        self.calls.loop.call_soon_threadsafe(self.calls.hang_up_all)
        deadline = time.monotonic() + LAST_WORDS_S
        while (self._active or self.calls.calls) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.books.kill()
        os._exit(1)

    def close(self) -> None:
        """Un-registers and gives the ports back. After the last task has ended."""
        self.calls.close()
        try:
            self.records.run(ports.release_ports, self.name)
            self.records.run(reports.forget, "calls", self.name, tallies.take())
        except (OperationalError, InterfaceError) as error:
            logger.warning("Dialer ports come back when their lease ends: %s", one_line(error))
        self.starts.close()
        self.records.close()
        self.books.close()
        self.intake.close()


def outcome(event: Ended) -> Outcome:
    """The report of a call as it is recorded; a fault of ours is UNKNOWN, and says so."""
    report = event.report
    if report is None:
        reason = f"The call failed by a fault of the dialer: {event.error!r}"
        return Outcome(LeadStatus.UNKNOWN, event.at, reason=reason, ended_by="local")
    amd, early = report.amd, report.early_media
    return Outcome(
        result=_status(str(report.result)),
        ended_at=report.ended_at or event.at,
        answered_at=report.answered_at,
        transferred_at=report.transferred_at,
        sip_code=report.sip_code,
        q850_cause=report.q850_cause,
        reason=report.reason or "",
        ended_by=str(report.ended_by or ""),
        call_id=report.call_id or "",
        amd_verdict=amd.verdict if amd else "",
        amd_cause=amd.cause if amd else "",
        amd_why=amd.why.as_json() if amd else None,
        amd_decision_ms=amd.decision_ms if amd else None,
        abandoned=report.is_abandoned,
        media_quality=asdict(report.media) if report.media else None,
        early_media=str(early.kind) if early else "",
        early_media_cause=str(early.why) if early else "",
        early_media_why=early.why.as_json() if early else None,
    )


def _status(result: str) -> str:
    return result if result in LeadStatus.values else LeadStatus.UNKNOWN
