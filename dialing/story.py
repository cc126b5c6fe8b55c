"""The story of one lead: every attempt, why it was dialed or not, and when the lead is called next, or why never."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts import scope
from campaigns.models import Campaign, Schedule
from leads.causes import early_media_words, verdict_cause
from leads.models import CallAttempt, Lead, LeadStatus


@dataclass(frozen=True, slots=True)
class StoryCall:
    """One attempt; `why` says in words why it was dialed or not and what ended it."""

    attempt: CallAttempt
    was_dialed: bool
    why: str
    amd_cause: str
    early_media: str


@dataclass(frozen=True, slots=True)
class NextCall:
    """When the lead may be called next, if its campaign runs then; None: never, or nobody knows. `why` in words."""

    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Story:
    lead: Lead
    calls: list[StoryCall]
    """Oldest first."""
    next_call: NextCall


def story(user: Any, lead: Lead, now: datetime) -> Story:
    """Of the attempts that the user may see. Three queries."""
    attempts = scope.visible(user, CallAttempt.objects.filter(lead=lead)).order_by("claimed_at", "id")
    return Story(lead, [_call(attempt) for attempt in attempts], next_call(lead, now))


def next_call(lead: Lead, now: datetime) -> NextCall:
    """From the lead's place in the pool and the schedules that are left (SPEC 6: retry)."""
    if lead.pool == Lead.Pool.CLAIMED:
        return NextCall(None, _("The lead is in a call."))
    if lead.pool == Lead.Pool.DONE:
        return NextCall(None, _why_never(lead))
    if lead.campaign.is_being_deleted:
        return NextCall(None, _("The campaign is being deleted."))
    campaign, due = lead.campaign, max(lead.next_attempt_at, now)
    schedule = Schedule.objects.filter(campaign=campaign, closes_at__gt=due).order_by("opens_at").first()
    if schedule is None:
        return NextCall(None, _("No schedule is left in which the lead could be called."))
    at = max(due, schedule.opens_at)
    if not campaign.is_started:
        return NextCall(
            at, _("From %(when)s on, if the campaign is started by then.") % {"when": _when(at, campaign)}
        )
    if at > now:
        return NextCall(
            at, _("From %(when)s on, as soon as an agent is free.") % {"when": _when(at, campaign)}
        )
    return NextCall(at, _("As soon as an agent is free."))


def _why_never(lead: Lead) -> str:
    match lead.status:
        case LeadStatus.SUCCESS:
            return _("Not called again: a person answered and was transferred.")
        case LeadStatus.DO_NOT_CALL:
            return _("Not called again: the number is on a do-not-call list.")
    words = _("Not called again: %(attempts)d of %(maximum)d attempts are used up.")
    return words % {"attempts": lead.attempts, "maximum": lead.campaign.max_attempts}


def _call(attempt: CallAttempt) -> StoryCall:
    dialed = attempt.started_at is not None
    return StoryCall(
        attempt, dialed, _why(attempt, dialed), verdict_cause(attempt), early_media_words(attempt)
    )


def _why(attempt: CallAttempt, dialed: bool) -> str:
    if attempt.ended_at is None:
        return attempt.get_state_display()
    if dialed:
        return attempt.reason
    return _("Not dialed: %(reason)s") % {"reason": attempt.reason or attempt.get_state_display()}


def _when(at: datetime, campaign: Campaign) -> str:
    """On the campaign's own clock."""
    local = localtime(at, campaign.zone)
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M}"
