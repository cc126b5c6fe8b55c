"""Reads on campaigns: the summary (SPEC 10)."""

from collections import Counter
from dataclasses import dataclass
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


def summary(campaign: Campaign) -> Summary:
    """Two grouped queries, whatever the number of leads."""
    rows = (
        Lead.objects.filter(campaign=campaign)
        .values("status", "pool")
        .annotate(leads=Count("id"), calls=Sum("attempts"), due=Min("next_attempt_at"))
        .order_by()
    )
    by_status: Counter[str] = Counter()
    by_pool: Counter[str] = Counter()
    attempts, due = 0, []
    for row in rows:
        by_status[row["status"]] += row["leads"]
        by_pool[row["pool"]] += row["leads"]
        attempts += row["calls"]
        if row["pool"] == Lead.Pool.WAITING:
            due.append(row["due"])
    return Summary(
        total=sum(by_status.values()),
        by_status={status: by_status[status] for status in LeadStatus.values},
        attempts=attempts,
        in_flight=CallAttempt.objects.filter(campaign=campaign, ended_at=None).count(),
        waiting=by_pool[Lead.Pool.WAITING],
        next_due=min(due, default=None),
    )
