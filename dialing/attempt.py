"""The states of a call attempt. Each change is one conditional UPDATE whose row count decides.

CLAIMED -> DIALING -> ANSWERED -> TRANSFERRING -> ENDED      `start`, `progress`, `finish`
CLAIMED -> WITHDRAWN, or ENDED when on a do-not-call list    `start`, `withdraw`: nothing was dialed
DIALING -> WITHDRAWN when the INVITE could not leave at once  `take_back`

Every change is announced in its own transaction, save the start of a call, which nobody waits for.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from campaigns import lifecycle
from campaigns.announce import announce
from dialing import carriers, gate, tallies, under_way
from dialing.carriers import Turn
from dialing.gate import Answer, Verdict
from dialing.leases import LEASE
from dialing.start import CallOrder as CallOrder
from dialing.start import to_dialing
from dialing.under_way import EndedAttempt
from dnc.models import DncService
from leads import answered, pool
from leads.models import CallAttempt, Lead, LeadStatus

State = CallAttempt.State

UNDER_WAY = (State.DIALING, State.ANSWERED, State.TRANSFERRING)
OPEN = (State.CLAIMED, *UNDER_WAY)

NOBODY_LEFT = "No agent was left for the call."

# What may precede each state that `record_progress` writes.
_BEFORE = {
    State.ANSWERED: (State.DIALING,),
    State.TRANSFERRING: (State.DIALING, State.ANSWERED),
}
_STAMP = {State.ANSWERED: "answered_at", State.TRANSFERRING: "transferred_at"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a dialed call ended."""

    result: str
    """A `LeadStatus`."""
    ended_at: datetime
    answered_at: datetime | None = None
    transferred_at: datetime | None = None
    sip_code: int | None = None
    q850_cause: int | None = None
    reason: str = ""
    ended_by: str = ""
    call_id: str = ""
    amd_verdict: str = ""
    amd_cause: str = ""
    amd_why: dict[str, Any] | None = None
    amd_decision_ms: int | None = None
    abandoned: bool = False
    """A person answered and nobody took the call."""
    media_quality: dict[str, Any] | None = None
    """`telephony.rtp.quality.MediaQuality` as JSON; None when the call was not answered."""
    early_media: str = ""
    early_media_cause: str = ""
    early_media_why: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Who starts an attempt, on which port, and what was asked before."""

    attempt: int
    worker: str
    port: int
    turn: Turn | None = None
    """Of a carrier with limits."""
    asked: int | None = None
    """The external do-not-call service that has said yes to the number, a moment ago."""


def start(
    attempt_id: int, worker: str, port_id: int, turn: Turn | None = None, asked: int | None = None
) -> CallOrder | None:
    """CLAIMED -> DIALING after the last-moment gate; None when nothing may be dialed.

    None for a redelivered message too: the attempt is no longer CLAIMED, and nothing changes. `carriers.NotYet` when
    the port's carrier takes no call at this moment, or not with this `turn`: the attempt stays CLAIMED. `asked` as in
    `ask_list`.
    """
    starting = Start(attempt_id, worker, port_id, turn, asked)
    return _to_dialing(starting) or _start_when_asked(starting)


def ask_list(attempt_id: int) -> int | None:
    """Asks an external do-not-call list before the start waits for its turn, which would be over by the answer.

    Returns the service that allows the call, for `start`; None when there is none to ask, or the attempt was refused
    and is not CLAIMED any more.
    """
    attempt = _claimed(attempt_id)
    service = attempt.campaign.dnc_service if attempt is not None and attempt.campaign is not None else None
    if attempt is None or service is None or service.kind != DncService.Kind.EXTERNAL:
        return None
    verdict = gate.examine(attempt, timezone.now())
    if verdict.answer is not Answer.DIAL:
        _refuse(attempt, verdict)
    return verdict.asked


def _to_dialing(starting: Start) -> CallOrder | None:
    """The start, and the carrier's count of it where its calls are limited, or neither."""
    turn = starting.turn
    statement = partial(
        to_dialing,
        starting.attempt,
        starting.worker,
        starting.port,
        lease=LEASE,
        asked=starting.asked,
        turn=turn,
    )
    if turn is None or not turn.is_counted:
        return statement(now=timezone.now())
    with transaction.atomic():
        carriers.count(turn)
        return statement(now=timezone.now())


def _start_when_asked(starting: Start) -> CallOrder | None:
    """Asks the gate's questions one by one: an external do-not-call list, or why the statement refused."""
    attempt = _claimed(starting.attempt)
    if attempt is None:
        return None
    verdict = gate.refuse(attempt, timezone.now())
    if verdict is None:
        carriers.check(starting.port, starting.turn)
        verdict = gate.ask_list(attempt)
    if verdict.answer is not Answer.DIAL:
        _refuse(attempt, verdict)
        return None
    order = _to_dialing(replace(starting, asked=verdict.asked))
    if order is None:
        _check_again(starting, verdict.asked)
        withdraw(starting.attempt, "The campaign closed while the gate was asked.")
    return order


def _check_again(starting: Start, asked: int | None) -> None:
    """The turn may have passed while the list was asked: the next one need not ask it."""
    try:
        carriers.check(starting.port, starting.turn)
    except carriers.NotYet as not_yet:
        raise not_yet.having_asked(asked) from None


def _claimed(attempt_id: int) -> CallAttempt | None:
    return (
        CallAttempt.objects.select_related("lead", "campaign__dnc_service")
        .filter(pk=attempt_id, state=State.CLAIMED)
        .first()
    )


def _refuse(attempt: CallAttempt, verdict: Verdict) -> None:
    tallies.count(tallies.REFUSALS, verdict.answer.name.lower())
    if verdict.answer is Answer.LISTED:
        _end_listed(attempt, verdict.reason)
        return
    withdraw(attempt.pk, verdict.reason, used_up=verdict.answer is Answer.USED_UP)
    if verdict.answer is Answer.LIST_UNAVAILABLE and attempt.campaign_id is not None:
        lifecycle.mark_dnc_out_of_service(attempt.campaign_id)


@transaction.atomic
def _end_listed(attempt: CallAttempt, reason: str) -> None:
    """CLAIMED -> ENDED with DO_NOT_CALL: recorded, but not dialed and not counted (SPEC 8)."""
    ended = CallAttempt.objects.filter(pk=attempt.pk, state=State.CLAIMED).update(
        state=State.ENDED,
        result=LeadStatus.DO_NOT_CALL,
        number=None,
        reason=reason[:300],
        ended_at=timezone.now(),
    )
    if ended:
        _lead_of(attempt).update(status=LeadStatus.DO_NOT_CALL, pool=Lead.Pool.DONE)
        _announce(attempt, State.ENDED, LeadStatus.DO_NOT_CALL)
        transaction.on_commit(lambda: tallies.count(tallies.RESULTS, str(LeadStatus.DO_NOT_CALL)))


@transaction.atomic
def withdraw(attempt_id: int, reason: str, *, used_up: bool = False) -> bool:
    """CLAIMED -> WITHDRAWN: nothing was dialed, and the lead waits as before (or is done when `used_up`).

    False when the attempt is not CLAIMED any more.
    """
    withdrawn = CallAttempt.objects.filter(pk=attempt_id, state=State.CLAIMED).update(
        state=State.WITHDRAWN, number=None, reason=reason[:300], ended_at=timezone.now()
    )
    if not withdrawn:
        return False
    attempt = CallAttempt.objects.get(pk=attempt_id)
    _lead_of(attempt).filter(pool=Lead.Pool.CLAIMED).update(
        pool=Lead.Pool.DONE if used_up else Lead.Pool.WAITING
    )
    _announce(attempt, State.WITHDRAWN)
    return True


def recall(attempt_ids: list[int]) -> None:
    """No agent is left for these calls: claimed ones are withdrawn, ringing ones are cancelled by their workers.

    Answered ones go on. A cancelled call has rung: it ends as FAILED, and counts.
    """
    ringing = [attempt for attempt in attempt_ids if not withdraw(attempt, NOBODY_LEFT)]
    if ringing:
        announce("recall", attempts=ringing)


@transaction.atomic
def take_back(attempt_id: int, worker: str, reason: str) -> bool:
    """DIALING -> WITHDRAWN by the worker that started it and sent no INVITE: nothing was dialed, nothing counts."""
    taken = CallAttempt.objects.filter(
        pk=attempt_id, state=State.DIALING, worker=worker, ended_at=None
    ).update(
        state=State.WITHDRAWN,
        number=None,
        started_at=None,
        port=None,
        reason=reason[:300],
        ended_at=timezone.now(),
    )
    if not taken:
        return False
    attempt = CallAttempt.objects.get(pk=attempt_id)
    _lead_of(attempt).update(attempts=F("attempts") - 1, pool=Lead.Pool.WAITING)
    _announce(attempt, State.WITHDRAWN)
    return True


def record_progress(attempt_id: int, state: CallAttempt.State, at: datetime) -> bool:
    """The call was ANSWERED, or is TRANSFERRING (the REFER left). False when the attempt is past that."""
    return under_way.progress(attempt_id, state, _BEFORE[state], _STAMP[state], at)


@transaction.atomic
def finish(attempt_id: int, outcome: Outcome) -> bool:
    """Ends a dialed attempt: result on the attempt, status and next due time on its lead (SPEC 6).

    Exactly once: False, and nothing changes, when the attempt has ended already. The lead's retry follows the
    campaign's settings of this moment; a deleted lead or campaign leaves the record alone.
    """
    ended = under_way.end(attempt_id, UNDER_WAY, _columns(outcome))
    if ended is None:
        return False
    if (lead := ended.lead) is not None:
        Lead.objects.filter(pk=lead.pk).update(
            status=outcome.result,
            pool=pool.after_attempt(outcome.result, lead.attempts, lead.max_attempts),
            next_attempt_at=pool.retry_due(outcome.ended_at, lead.retry_delay),
        )
    if outcome.answered_at is not None and outcome.result != LeadStatus.AMD:
        answered.count(ended.campaign_id, outcome.ended_at, abandoned=outcome.abandoned)
    _announce(ended, State.ENDED, outcome.result, answered=outcome.answered_at is not None)
    transaction.on_commit(lambda: tallies.count(tallies.RESULTS, str(outcome.result)))
    return True


def _columns(outcome: Outcome) -> dict[str, Any]:
    """Of the attempt's row, as long as they may be."""
    columns = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    return columns | {
        "result": str(outcome.result),
        "reason": outcome.reason[:300],
        "ended_by": outcome.ended_by[:16],
        "call_id": outcome.call_id[:200],
        "amd_verdict": outcome.amd_verdict[:8],
        "amd_cause": outcome.amd_cause[:200],
        "early_media_cause": outcome.early_media_cause[:200],
    }


def _lead_of(attempt: CallAttempt) -> QuerySet[Lead]:
    """The attempt's lead as a query; no row when it was deleted."""
    return Lead.objects.none() if attempt.lead_id is None else Lead.objects.filter(pk=attempt.lead_id)


def _announce(
    attempt: CallAttempt | EndedAttempt, state: str, result: str = "", *, answered: bool = False
) -> None:
    announce(
        "attempt",
        attempt=attempt.pk,
        campaign=attempt.campaign_id,
        queue=attempt.queue_id,
        state=str(state),
        result=str(result),
        answered=answered,
        at=timezone.now().timestamp(),
    )
