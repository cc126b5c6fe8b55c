"""Reads on campaigns: the summary (SPEC 10)."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Min, Sum

from campaigns.models import Campaign
from leads.models import CallAttempt, Lead, LeadStatus


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

    @property
    def done(self) -> int:
        """Leads that will not be called any more and are in no call."""
        return max(self.total - self.waiting - self.in_flight, 0)


def summary(campaign: Campaign) -> Summary:
    """Of one campaign."""
    return summaries([campaign.pk])[campaign.pk]


def summaries(campaigns: Collection[int]) -> dict[int, Summary]:
    """By campaign id. Two grouped queries, whatever the number of campaigns and leads."""
    counted = {campaign: _Counts() for campaign in campaigns}
    rows = (
        Lead.objects.filter(campaign__in=campaigns)
        .values("campaign", "status", "pool")
        .annotate(leads=Count("id"), calls=Sum("attempts"), due=Min("next_attempt_at"))
        .order_by()
    )
    for row in rows:
        counts = counted[row["campaign"]]
        counts.status[row["status"]] += row["leads"]
        counts.pool[row["pool"]] += row["leads"]
        counts.attempts += row["calls"]
        if row["pool"] == Lead.Pool.WAITING:
            counts.due.append(row["due"])
    attempts = CallAttempt.objects.filter(campaign__in=campaigns, ended_at=None)
    in_flight = dict(attempts.order_by().values_list("campaign").annotate(Count("id")))
    return {
        campaign: Summary(
            total=sum(counts.status.values()),
            by_status={status: counts.status[status] for status in LeadStatus.values},
            attempts=counts.attempts,
            in_flight=in_flight.get(campaign, 0),
            waiting=counts.pool[Lead.Pool.WAITING],
            next_due=min(counts.due, default=None),
        )
        for campaign, counts in counted.items()
    }


@dataclass(slots=True)
class _Counts:
    status: Counter[str] = field(default_factory=Counter)
    pool: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    due: list[datetime] = field(default_factory=list)
