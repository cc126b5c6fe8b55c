"""The event loop of a calls worker: one thread, one SIP user agent, all calls of the process.

Task threads and the loop meet in two places: `CallLoop.begin` (thread-safe) starts a call, and the call's events
come back through a queue on which the task's thread waits.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import uvloop
from django.conf import settings

from amd.profile import PROFILES, Profile, tailored
from amd.verdict import Label
from dialing import tallies
from dialing.attempt import CallOrder
from dialing.call import CallPlan, place_call
from dialing.call_report import CallReport
from dialing.detection import WARM_UP_S, DetectedCall, Detection, Heard
from dialing.early_media import EarlyEnd
from leads.models import CallAttempt
from telephony.results import DEFAULT_TABLE, ResultTable
from telephony.sip.account import SipAccount
from telephony.sip.name_service import NameService
from telephony.sip.tls import client_context
from telephony.sip.upkeep import Upkeep
from telephony.sip.user_agent import UserAgent

logger = logging.getLogger(__name__)

LONGEST_CALL = 3600.0
"""Seconds after which a call is ended whatever it is doing; a call has its own deadline in the loop."""
GATE_HOLDS = 0.5
"""Seconds from the gate to the INVITE at most (I6): a process that stood still in between must not dial."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The call reached a state, at this time."""

    state: CallAttempt.State
    at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over: its report, or the error that ended it (a fault of ours)."""

    at: datetime
    report: CallReport | None
    error: BaseException | None = None
    heard: Heard | None = None
    """Of an analysed call: what the detector heard."""


@dataclass(frozen=True, slots=True)
class NotDialed:
    """No INVITE left, and none will."""

    reason: str


CallEvents = queue.SimpleQueue[Progress | Ended | NotDialed]


@dataclass(slots=True, eq=False)
class ActiveCall:
    """A call from its start in the loop to its end. Also its observer: the callbacks run in the loop."""

    order: CallOrder
    account: SipAccount
    events: CallEvents
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    is_answered: bool = False
    why: str = ""
    """Why the call was cancelled, if that was not a stop."""
    call_id: str = ""
    """Of its INVITE, once that has left."""

    def on_dialing(self) -> None:
        pass

    def on_invited(self, call_id: str) -> None:
        self.call_id = call_id
        if self.order.prompted_at is not None:
            waited = (datetime.now(UTC) - self.order.prompted_at).total_seconds() * 1000
            tallies.observe(tallies.PROMPTNESS, waited, tallies.PROMPTNESS_MS)

    def on_ringing(self) -> None:
        pass

    def on_answered(self) -> None:
        self.is_answered = True
        self._tell(CallAttempt.State.ANSWERED)

    def on_verdict(self, verdict: object) -> None:
        pass

    def on_transferring(self) -> None:
        self._tell(CallAttempt.State.TRANSFERRING)

    def on_transferred(self) -> None:
        pass

    def _tell(self, state: CallAttempt.State) -> None:
        """After what the call does now: the REFER leaves before the thread that records it is woken."""
        progress = Progress(state, datetime.now(UTC))
        asyncio.get_running_loop().call_soon(self.events.put, progress)


class CallLoop:
    """Owns the loop's thread, the user agent and the calls in it."""

    def __init__(self, capacity: int) -> None:
        self.loop = uvloop.new_event_loop()
        self.agent = UserAgent(
            upkeep=Upkeep(
                keep_alive_s=settings.SIP_KEEP_ALIVE_SECONDS,
                ping_s=settings.SIP_PING_SECONDS,
                ping_misses=settings.SIP_PING_MISSES,
            ),
            names=NameService(settings.SIP_DNS_SERVERS),
            tls=client_context(settings.SIP_TLS_CERTIFICATE, settings.SIP_TLS_KEY),
        )
        self.detection = Detection(capacity)
        self.results: ResultTable = DEFAULT_TABLE
        self.calls: dict[int, ActiveCall] = {}
        self._ending = False
        self._stopped_at: dict[int, float] = {}  # campaign -> when its stop was heard
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)

    # --- called from other threads -------------------------------------------------------------------

    def start(self) -> None:
        """Starts the thread and the user agent. Raises what the user agent raises (no port to bind)."""
        self._thread.start()
        self.call(self._open()).result(timeout=10 + WARM_UP_S)

    def close(self) -> None:
        """Ends the user agent, the background tasks and the thread."""
        try:
            self.call(self._wind_up()).result(timeout=5)
        except TimeoutError:
            logger.warning("The user agent did not end in time.")
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=5)
        self.detection.close()

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine in the loop; returns its concurrent future."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def begin(self, order: CallOrder, account: SipAccount) -> CallEvents:
        """Dials; the events come to the returned queue, `Ended` last, or `NotDialed` alone; one of them always."""
        call = ActiveCall(order, account, queue.SimpleQueue())
        self.loop.call_soon_threadsafe(self._begin, call)
        return call.events

    # --- called in the loop --------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A background task that ends with the loop."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def campaign_stopped(self, campaign: int) -> int:
        """Cancels the campaign's calls that nobody has answered (I6); returns how many."""
        self._stopped_at[campaign] = time.monotonic()
        return self._cancel([call for call in self.calls.values() if call.order.campaign == campaign])

    def cancel_attempts(self, attempts: Collection[int], why: str = "") -> int:
        """Cancels those of these calls that nobody has answered; returns how many. `why` is for the record."""
        return self._cancel([self.calls[attempt] for attempt in attempts if attempt in self.calls], why)

    def dial_no_more(self) -> None:
        """The end begins: nothing new, and what rings is cancelled."""
        self._ending = True
        self.cancel_unanswered()

    def cancel_unanswered(self) -> int:
        return self._cancel(list(self.calls.values()))

    def unanswered_campaigns(self) -> set[int]:
        return {call.order.campaign for call in self.calls.values() if not call.is_answered}

    def hang_up_all(self) -> None:
        """Ends answered calls too: the end of a shutdown's patience."""
        for call in self.calls.values():
            call.release.set()

    def _cancel(self, calls: list[ActiveCall], why: str = "") -> int:
        ringing = [call for call in calls if not call.is_answered and not call.cancel.is_set()]
        for call in ringing:
            call.why = why
            call.cancel.set()
        return len(ringing)

    def _begin(self, call: ActiveCall) -> None:
        if reason := self._why_not(call):
            call.events.put(NotDialed(reason))
            return
        self.calls[call.order.attempt] = call
        self.spawn(self._place(call))

    def _why_not(self, call: ActiveCall) -> str:
        """What came between the gate and this moment, or an empty text."""
        if self._stopped_at.get(call.order.campaign, float("-inf")) >= call.order.checked_at:
            return "The campaign was stopped."
        if self._ending:
            return "The calls worker is shutting down."
        waited = time.monotonic() - call.order.checked_at
        return f"The calls worker stood still for {waited:.1f} s." if waited > GATE_HOLDS else ""

    async def _place(self, call: ActiveCall) -> None:
        report: CallReport | None = None
        error: BaseException | None = None
        detector = self._detector(call.order)
        try:
            report = await place_call(
                self.agent,
                _plan(call, self.results),
                detector=detector,
                early=self.detection.early(),
                observer=call,
                cancel=call.cancel,
                release=call.release,
            )
        except asyncio.CancelledError as cancelled:
            error = cancelled
            raise
        except Exception as fault:
            logger.exception("The call of attempt %d failed by a fault of ours.", call.order.attempt)
            error = fault
        finally:
            del self.calls[call.order.attempt]
            if report is not None and call.why and report.answered_at is None:
                report.reason = call.why
            heard = detector.heard() if detector is not None else None
            call.events.put(Ended(datetime.now(UTC), report, error, heard))

    def _detector(self, order: CallOrder) -> DetectedCall | None:
        return None if order.amd_profile is None else self.detection.call(_profile(order, order.amd_profile))

    async def _open(self) -> None:
        await self.agent.start()
        self.detection.start(self.agent.media)
        await self.detection.warmed_up()

    async def _wind_up(self) -> None:
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.agent.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.close()


def _profile(order: CallOrder, name: str) -> Profile:
    return tailored(
        PROFILES[name.lower()],
        silence_is=Label(order.amd_silence_is),
        longest_analysis_ms=order.amd_longest_analysis,
        shortest_machine_call_ms=order.amd_shortest_call * 1000,
    )


def _plan(call: ActiveCall, results: ResultTable) -> CallPlan:
    return CallPlan(
        account=call.account,
        number=call.order.number,
        ring_timeout_s=call.order.ring_timeout,
        transfer_to=call.order.pilot_number,
        max_call_s=LONGEST_CALL,
        caller_name=call.order.caller_name or None,
        caller_number=call.order.caller_number or None,
        caller_private=call.order.caller_private,
        results=results,
        early_end=EarlyEnd(call.order.early_end),
    )
