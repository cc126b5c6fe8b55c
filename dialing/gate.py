"""The last-moment gate (invariant I3) in words: may this number be dialed now, and if not, why?

Asked in the calls worker, just before the INVITE. By the clock and the rows as they are, never by what was true
when the lead was claimed. `dialing.start` puts the same conditions into the statement that starts the attempt; its
word counts, this one gives the reason.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from campaigns.models import Campaign, Schedule
from dnc import services as dnc
from dnc.models import DncService
from leads.models import CallAttempt


class Answer(Enum):
    DIAL = auto()
    CLOSED = auto()
    """Not now: the lead goes back to the pool as it was."""
    USED_UP = auto()
    """No attempts left: the lead is done."""
    LISTED = auto()
    """On the do-not-call list: never."""
    LIST_UNAVAILABLE = auto()
    """The do-not-call list can't be asked: nobody is dialed until it can."""


@dataclass(frozen=True, slots=True)
class Verdict:
    answer: Answer
    reason: str = ""
    """For the attempt's record, in plain English."""
    asked: int | None = None
    """The external do-not-call service that does not list the number."""


def examine(attempt: CallAttempt, now: datetime) -> Verdict:
    """All questions of the gate, the cheap ones first, the do-not-call list last. Changes nothing."""
    return refuse(attempt, now) or ask_list(attempt)


def refuse(attempt: CallAttempt, now: datetime) -> Verdict | None:
    """All questions but the do-not-call list; None: nothing is against the call."""
    campaign, lead = attempt.campaign, attempt.lead
    if campaign is None:
        return Verdict(Answer.CLOSED, "The campaign was deleted.")
    if lead is None:
        return Verdict(Answer.CLOSED, "The lead was removed.")
    if lead.phone_number != attempt.phone_number:
        return Verdict(Answer.CLOSED, "The lead's number was changed.")
    closed = why_closed(campaign, now)
    if closed:
        return Verdict(Answer.CLOSED, closed)
    if lead.attempts >= campaign.max_attempts:
        return Verdict(Answer.USED_UP, f"All {campaign.max_attempts} attempts are used up.")
    return None


def ask_list(attempt: CallAttempt) -> Verdict:
    """Whether the campaign's do-not-call list allows the call, of an attempt that nothing else is against."""
    campaign, lead = attempt.campaign, attempt.lead
    service = campaign.dnc_service if campaign is not None else None
    if service is None or lead is None:
        return Verdict(Answer.DIAL)
    if service.state == DncService.State.OUT_OF_SERVICE:
        return Verdict(Answer.LIST_UNAVAILABLE, f"The do-not-call service {service.name} is out of service.")
    try:
        listed = dnc.is_listed(service, lead.phone_number)
    except dnc.DncUnavailableError as error:
        dnc.note_failure(service.pk, str(error), lead.phone_number)
        return Verdict(Answer.LIST_UNAVAILABLE, str(error))
    dnc.note_answer(service)
    if listed:
        return Verdict(Answer.LISTED, f"On the do-not-call list of {service.name}.")
    return Verdict(Answer.DIAL, asked=service.pk if service.kind == DncService.Kind.EXTERNAL else None)


def why_closed(campaign: Campaign, now: datetime) -> str:
    """Why the campaign may not dial at `now`, or an empty text."""
    if not campaign.is_started:
        return "The campaign is stopped."
    schedules = Schedule.objects.filter(campaign=campaign, opens_at__lte=now, closes_at__gt=now)
    states = set(schedules.values_list("state", flat=True))
    if not states:
        return "Outside the campaign's hours."
    if Schedule.State.RUNNING not in states:
        return "The schedule is not running."
    return ""
