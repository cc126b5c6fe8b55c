"""Calls that persons answered, and those of them that nobody took: the figure that regulators limit (3 % in many
countries, over a campaign's day or its last 30 days)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import connection
from django.db.models import Sum

from leads.models import AnsweredCount

COUNT = """
INSERT INTO leads_answeredcount (campaign_id, day, persons, abandoned) VALUES (%s, %s, 1, %s)
ON CONFLICT (campaign_id, day) DO UPDATE
   SET persons = leads_answeredcount.persons + 1,
       abandoned = leads_answeredcount.abandoned + EXCLUDED.abandoned
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """Answered by persons, and abandoned ones among them."""

    persons: int = 0
    abandoned: int = 0

    @property
    def abandoned_rate(self) -> float | None:
        """0 to 1; None before the first call."""
        return self.abandoned / self.persons if self.persons else None


def count(campaign: int | None, ended_at: datetime, *, abandoned: bool) -> None:
    """One more call that a person answered, in the transaction that ends it."""
    if campaign is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [campaign, ended_at.astimezone(UTC).date(), int(abandoned)])


def answered(campaigns: Collection[int], since: date | None = None) -> dict[int, Answered]:
    """By campaign; `since` a day (UTC), or over all days. Campaigns without such calls are left out."""
    rows = AnsweredCount.objects.filter(campaign__in=campaigns)
    if since is not None:
        rows = rows.filter(day__gte=since)
    sums = rows.order_by().values_list("campaign").annotate(Sum("persons"), Sum("abandoned"))
    return {campaign: Answered(persons, gone) for campaign, persons, gone in sums}
