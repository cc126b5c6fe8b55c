"""What a call came to, by all that happened in it: the result and the words for it (SPEC 6). No I/O."""

from dataclasses import dataclass

from amd.early_media import EarlyMedia
from telephony.results import CallResult, map_heard, map_result
from telephony.sip.call import CallEnding, EndedBy

from .call_observer import Verdict
from .call_plan import CallPlan
from .call_report import CallReport, TransferReport, transfer_reason
from .call_transfer import Passing


@dataclass(frozen=True, slots=True)
class Happenings:
    """Beside what the report says already. `early`: what was heard before the answer."""

    ending: CallEnding
    verdict: Verdict | None
    passing: Passing | None
    early: EarlyMedia | None
    was_stopped: bool
    was_released: bool
    was_given_up_early: bool


def conclude(report: CallReport, plan: CallPlan, happened: Happenings) -> None:
    """Completes the report of a call that is over."""
    ending, answered = happened.ending, report.answered_at is not None
    report.ended_by = ending.by
    report.sip_code = 200 if answered and ending.code is None else ending.code
    report.q850_cause = ending.cause
    report.reason = ending.text
    report.retry_after_s = ending.retry_after_s
    if happened.passing is not None and happened.passing.transfer is not None:
        report.transfer = TransferReport.of(happened.passing.transfer)
    if not answered:
        report.result = _unanswered_result(plan, happened)
    elif report.result is CallResult.UNKNOWN:
        report.result = _answered_result(plan, happened)
    if happened.was_stopped and not answered and ending.by is EndedBy.CANCELLED:
        report.reason = "stopped"
    elif happened.was_given_up_early and not answered:
        report.reason = "given up for what was heard before the answer"
    elif answered and report.reason is None:
        report.reason = _answered_reason(report.result, happened)


def _unanswered_result(plan: CallPlan, happened: Happenings) -> CallResult:
    ending, found = happened.ending, happened.early
    heard = str(found.kind) if found is not None and not happened.was_stopped else ""
    if ending.by is EndedBy.CANCELLED:
        return map_heard(ending.code, ending.cause, heard, plan.results) or CallResult.FAILED
    return map_result(ending.code, ending.cause, plan.results, heard)


def _answered_result(plan: CallPlan, happened: Happenings) -> CallResult:
    if plan.transfer_to is None:
        return CallResult.ANSWERED
    transferred = happened.passing is not None and happened.passing.has_succeeded
    return CallResult.SUCCESS if transferred else CallResult.FAILED


def _answered_reason(result: CallResult, happened: Happenings) -> str | None:
    if happened.passing is not None and happened.passing.transfer is not None:
        return transfer_reason(happened.passing.transfer)
    if happened.was_released:
        return "the dialer was shut down before the transfer"
    if result is CallResult.FAILED and happened.ending.by is EndedBy.REMOTE:
        return "hung up before the transfer"
    return happened.verdict.cause if result is CallResult.AMD and happened.verdict else None
