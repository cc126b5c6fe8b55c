"""Reads on campaigns: the summary (SPEC 10), and what is odd about one."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Subquery, Sum
from django.utils.translation import gettext as _

from accounts.models import Change
from campaigns.models import Campaign
from leads.answered import Answered, answered
from leads.models import CallAttempt, Lead, LeadCount, LeadStatus


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a campaign's leads by status, of its attempts, and when the next lead is due."""

    total: int
    by_status: dict[str, int]
    """A count for every `LeadStatus`, zeros included."""
    attempts: int
    """Dialed calls to the leads that the campaign has now."""
    in_flight: int
    waiting: int
    """Leads that will be called (again)."""
    next_due: datetime | None
    answered: Answered = field(default_factory=Answered)

    @property
    def done(self) -> int:
        """Leads that will not be called any more and are in no call."""
        return max(self.total - self.waiting - self.in_flight, 0)


def last_run_by(campaign: Campaign) -> str:
    """Who started or stopped it last; empty when nobody did, or it stopped by itself at the end of its days."""
    action = Change.Action.STARTED if campaign.is_started else Change.Action.STOPPED
    acts: Any = campaign.history
    last = acts.exclude(history_change_reason=None).order_by("-history_date", "-history_id").first()
    return last.history_actor if last is not None and last.history_change_reason == action else ""


def cautions(campaign: Campaign) -> list[str]:
    """What may be meant so, and is more often a mistake: said when the campaign is saved or started, never refused."""
    told = campaign.queue.pilot_number
    if told and told != campaign.pilot_number:
        words = _(
            "Answered calls are transferred to %(pilot)s, but the contact centre says that queue “%(queue)s” is reached "
            "at %(told)s. If %(pilot)s does not lead there too, callers reach nobody."
        )
        return [words % {"pilot": campaign.pilot_number, "queue": campaign.queue.name, "told": told}]
    return []


def summary(campaign: Campaign) -> Summary:
    """Of one campaign."""
    return summaries([campaign.pk])[campaign.pk]


def summaries(campaigns: Collection[int]) -> dict[int, Summary]:
    """By campaign id. Four queries, whatever the number of campaigns and leads."""
    counted = {campaign: _Counts() for campaign in campaigns}
    kept = LeadCount.objects.filter(campaign__in=campaigns).order_by()
    rows = kept.values_list("campaign", "status", "pool").annotate(Sum("leads"), Sum("calls"))
    for campaign, status, where, leads, calls in rows:
        counts = counted[campaign]
        counts.status[status] += leads
        counts.pool[where] += leads
        counts.attempts += calls
    attempts = CallAttempt.objects.filter(campaign__in=campaigns, ended_at=None)
    in_flight = dict(attempts.order_by().values_list("campaign").annotate(Count("id")))
    due = next_due(campaigns)
    by_persons = answered(campaigns)
    return {
        campaign: Summary(
            total=sum(counts.status.values()),
            by_status={status: counts.status[status] for status in LeadStatus.values},
            attempts=counts.attempts,
            in_flight=in_flight.get(campaign, 0),
            waiting=counts.pool[Lead.Pool.WAITING],
            next_due=due.get(campaign),
            answered=by_persons.get(campaign, Answered()),
        )
        for campaign, counts in counted.items()
    }


def next_due(campaigns: Collection[int]) -> dict[int, datetime | None]:
    """When each campaign's next lead is due: the first entry of each campaign in the index that claims walk."""
    waiting = Lead.objects.filter(campaign=OuterRef("pk"), pool=Lead.Pool.WAITING)
    first = waiting.order_by("next_attempt_at").values("next_attempt_at")[:1]
    rows = Campaign.objects.filter(pk__in=campaigns).order_by()
    return dict(rows.annotate(due=Subquery(first)).values_list("pk", "due"))


@dataclass(slots=True)
class _Counts:
    status: Counter[str] = field(default_factory=Counter)
    pool: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
