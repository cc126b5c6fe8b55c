"""The flow of one call, without Django: dial, listen, transfer or hang up, report (SPEC 1, 6, 7, 9).

`place_call` never raises for what a call can come to, and always ends by its own deadline in the loop.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from telephony.results import CallResult
from telephony.rtp.session import RtpSession
from telephony.sip.call import CallEnding, CallState, EndedBy, OutboundCall
from telephony.sip.invite import CallerIdentity
from telephony.sip.transfer import Transfer
from telephony.sip.user_agent import RegistrationState, UserAgent

from .call_conclusion import Happenings, conclude
from .call_detector import NO_WORD, VERDICT_DEADLINE_S, CallDetector
from .call_observer import CallObserver as CallObserver
from .call_observer import SilentObserver as SilentObserver
from .call_observer import Verdict as Verdict
from .call_plan import CallPlan as CallPlan
from .call_report import AmdReport, CallReport
from .call_transfer import Passing
from .early_media import EarlyListener

logger = logging.getLogger(__name__)

LAST_WORD_S = 0.3  # and has so long to say it
EARLY_LAST_WORD_S = (
    1.0  # for what was heard before the end of a call that nobody answered: nobody waits on the phone
)
BYE_DEADLINE_S = 4.0  # the BYE is repeated in the background longer than anyone waits for its answer


async def place_call(
    agent: UserAgent,
    plan: CallPlan,
    *,
    detector: CallDetector | None = None,
    early: EarlyListener | None = None,
    observer: CallObserver | None = None,
    cancel: asyncio.Event | None = None,
    release: asyncio.Event | None = None,
) -> CallReport:
    """Make one call and see it through.

    A person (HUMAN, NOTSURE, or no detector) is transferred to `plan.transfer_to`, if given; a machine is hung
    up on. What `early` hears before the answer is reported, and counts where `plan` says so. `cancel`, set before the
    answer, gives up; an answered call finishes. `release` ends an answered call too; one that the PBX has taken over
    goes on there.
    """
    run = _CallRun(agent, plan, detector, early, observer or SilentObserver())
    watchers = [
        asyncio.create_task(run.watch(event, wish))
        for event, wish in ((cancel, run.stop), (release, run.let_go))
        if event is not None
    ]
    try:
        await run.execute()
    except Exception:
        logger.exception("call to %s failed inside the dialer", plan.number)
        run.report.reason = "internal error"
    finally:
        for watcher in watchers:
            watcher.cancel()
        run.close()
    return run.report


class _CallRun:
    """One call under way: hears the SIP call and the audio, and decides."""

    def __init__(
        self,
        agent: UserAgent,
        plan: CallPlan,
        detector: CallDetector | None,
        early: EarlyListener | None,
        observer: CallObserver,
    ) -> None:
        self.report = CallReport(number=plan.number)
        self._agent = agent
        self._plan = plan
        self._detector = detector
        self._early = early
        self._gave_up_early = False
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._call: OutboundCall | None = None
        self._media: RtpSession | None = None
        self._verdict: Verdict | None = None
        self._passing: Passing | None = None
        self._stopped = False
        self._released = False
        self._started = self._loop.time()
        self._deadline = self._started + plan.max_call_s

    # --- the story -------------------------------------------------------------------------------

    async def execute(self) -> None:
        registration = self._agent.registrations.get(self._plan.account)
        self.report.registered = (
            registration is not None and registration.state is RegistrationState.REGISTERED
        )
        self.report.started_at = datetime.now(UTC)
        if not await self._dial():
            return
        assert self._call is not None
        answered = await self._await_answer(self._call)
        if answered:
            await self._talk(self._call)
            await self._hang_up(self._call)
        self._conclude(self._call, answered)

    async def _dial(self) -> bool:
        plan = self._plan
        self._observer.on_dialing()
        caller = CallerIdentity(plan.caller_name, plan.caller_number, plan.caller_private)
        try:
            destination = (await self._agent.destinations_of(plan.account))[0]
            self._media = self._agent.open_media(destination)
            self._media.listener = self._hear if self._detector is not None else None
            self._media.early_listener = self._hear_early if self._early is not None else None
            self._call = await self._agent.invite(
                plan.account, plan.number, self, caller=caller, media=self._media
            )
        except ValueError:
            self._fail(CallResult.UNKNOWN, "the number can't be dialed", EndedBy.REJECTED)
            return False
        except OSError as error:
            reason = error.strerror or str(error)
            self._fail(CallResult.SERVICE_TEMPORARY_UNAVAILABLE, reason, EndedBy.TIMEOUT)
            return False
        self.report.call_id = self._call.call_id
        self._observer.on_invited(self._call.call_id)
        return True

    async def _await_answer(self, call: OutboundCall) -> bool:
        """Ring until answered, rejected, out of time or stopped. True: there is someone to talk to."""
        ring_until = min(self._started + self._plan.ring_timeout_s, self._deadline)
        await self._until(
            lambda: call.state is not CallState.CALLING or self._stopped or self._gives_up_early(), ring_until
        )
        if call.state is CallState.CALLING:
            self._gave_up_early = self._gives_up_early() and not self._stopped
            call.cancel()
            # Bounded by timer B before, and by 64*T1 after the CANCEL (RFC 3261 section 9.1).
            await self._until(lambda: call.state is CallState.ENDED, self._loop.time() + 70)
        if self.report.answered_at is None and self._early is not None:
            early = self._early
            early.finish()
            await self._until(lambda: early.is_settled, self._loop.time() + EARLY_LAST_WORD_S)
        return self.report.answered_at is not None

    def _gives_up_early(self) -> bool:
        return self._early is not None and self._plan.early_end.gives_up(self._early.found)

    async def _talk(self, call: OutboundCall) -> None:
        verdict = await self._listen(call)
        if verdict is not None and verdict.label == "MACHINE":
            self.report.result = CallResult.AMD
            await self._stay_long_enough(call)
            return
        if self._plan.hold_s:
            await self._until(lambda: self._is_over(call), self._loop.time() + self._plan.hold_s)
        if self._plan.transfer_to is not None and call.state is CallState.ANSWERED and not self._released:
            await self._transfer_call(call, self._plan.transfer_to)

    async def _listen(self, call: OutboundCall) -> Verdict | None:
        if self._detector is None:
            return None
        await self._until(
            lambda: self._verdict is not None or self._is_over(call), self._loop.time() + VERDICT_DEADLINE_S
        )
        if self._verdict is None:
            self._detector.finish()
            await self._until(lambda: self._verdict is not None, self._loop.time() + LAST_WORD_S)
        if self._verdict is None:
            self._decide(NO_WORD)
        return self._verdict

    async def _stay_long_enough(self, call: OutboundCall) -> None:
        """Some regulators count very short calls as abuse: a machine's call is held up to a least length."""
        if self._detector is not None and self.report.answered_monotonic is not None:
            until = self.report.answered_monotonic + self._detector.shortest_machine_call_ms / 1000
            await self._until(lambda: self._is_over(call), until)

    async def _transfer_call(self, call: OutboundCall, target: str) -> None:
        self._observer.on_transferring()
        self._passing = Passing(
            call,
            target,
            lambda reached, seconds: self._until(reached, self._loop.time() + seconds),
            lambda: self._is_over(call),
            untold_s=self._plan.transfer_timeout_s,
            longest_wait_s=self._plan.transfer_wait_s,
        )
        if await self._passing.carry_out():
            self.report.transferred_at = datetime.now(UTC)
            self._observer.on_transferred()

    async def _hang_up(self, call: OutboundCall) -> None:
        call.hang_up()
        await self._until(
            lambda: call.state is CallState.ENDED, self._loop.time() + BYE_DEADLINE_S, hard=False
        )

    # --- what the call says (CallListener) ----------------------------------------------------------

    def on_ringing(self, code: int) -> None:
        if self.report.ringing_ms is None:
            self.report.ringing_ms = self._elapsed_ms()
            self._observer.on_ringing()

    def on_answered(self) -> None:
        self.report.answered_ms = self._elapsed_ms()
        self.report.answered_at = datetime.now(UTC)
        self.report.answered_monotonic = self._loop.time()
        if self._early is not None:
            self._early.finish()
        if self._detector is not None:
            self._detector.begin(self._decide)
        self._changed.set()
        self._observer.on_answered()

    def on_transfer(self, transfer: Transfer) -> None:
        if self._passing is not None:
            self._passing.heard(transfer)
        self._changed.set()

    def on_ended(self, ending: CallEnding) -> None:
        self.report.ended_at = datetime.now(UTC)
        self.report.duration_ms = self._elapsed_ms()
        self._changed.set()

    def _hear(self, frame: bytes | None) -> None:
        """Every 20 ms from the answer on, with or without audio."""
        if self._detector is not None and self._verdict is None:
            self._detector.hear(frame)

    def _hear_early(self, frame: bytes | None) -> None:
        """Every 20 ms from the first packet to the answer."""
        if self._early is not None:
            self._early.hear(frame, self._changed.set)

    def _decide(self, verdict: Verdict) -> None:
        if self._verdict is not None:
            return
        self._verdict = verdict
        if self._media is not None:
            self._media.listener = None  # audio that nobody needs is counted and nothing more
        self.report.amd = AmdReport(str(verdict.label), verdict.cause, verdict.decision_ms, verdict.why)
        self._observer.on_verdict(verdict)
        self._changed.set()

    # --- waiting and concluding -----------------------------------------------------------------------

    async def watch(self, event: asyncio.Event, wish: Callable[[], None]) -> None:
        await event.wait()
        wish()
        self._changed.set()

    def stop(self) -> None:
        self._stopped = True

    def let_go(self) -> None:
        self._stopped = self._released = True

    async def _until(self, reached: Callable[[], bool], deadline: float, *, hard: bool = True) -> None:
        """Wait for something to become true, until `deadline`, and with `hard` the call's own at most."""
        answered = self.report.answered_at is not None
        end = min(deadline, self._deadline) if hard and answered else deadline
        while not reached():
            left = end - self._loop.time()
            if left <= 0:
                return
            self._changed.clear()
            try:
                # not `wait_for`, whose task of its own costs two more turns of the loop
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _is_over(self, call: OutboundCall) -> bool:
        return self._released or call.state in (CallState.ENDING, CallState.ENDED)

    def _conclude(self, call: OutboundCall, answered: bool) -> None:
        ending = call.ending or CallEnding(EndedBy.LOCAL if answered else EndedBy.TIMEOUT, call.answer_code)
        happened = Happenings(
            ending,
            self._verdict,
            self._passing,
            self._early.found if self._early is not None else None,
            was_stopped=self._stopped,
            was_released=self._released,
            was_given_up_early=self._gave_up_early,
        )
        conclude(self.report, self._plan, happened)

    def _fail(self, result: CallResult, reason: str, by: EndedBy) -> None:
        self.report.result, self.report.reason, self.report.ended_by = result, reason, by
        self.report.ended_at = datetime.now(UTC)
        self.report.duration_ms = self._elapsed_ms()

    def _elapsed_ms(self) -> int:
        return round((self._loop.time() - self._started) * 1000)

    def close(self) -> None:
        """Whatever happened: no call, no socket stays, and nothing that holds each other."""
        if self._early is not None:
            self._early.close()
            self.report.early_media = self._early.found
        if self._detector is not None:
            self._detector.close()
        if self._call is not None:
            self._call.hang_up()
        if self._media is not None:
            stream = self._media.stream
            self.report.audio_frames = stream.audio_frames
            self.report.early_media_frames = stream.early_frames
            answered = self.report.answered_monotonic
            if stream.first_audio_at is not None and answered is not None:
                self.report.first_audio_ms = max(0, round((stream.first_audio_at - answered) * 1000))
            if answered is not None:
                self.report.media = self._media.quality()
            if self._call is None or self._call.state is CallState.ENDED:
                self._media.close()
        if self.report.ended_at is None:
            self.report.ended_at = datetime.now(UTC)
            self.report.duration_ms = self._elapsed_ms()
        self._passing = self._detector = self._early = None
