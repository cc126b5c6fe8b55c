"""Summaries of campaigns (SPEC 10) as a table: a row for each campaign."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.http.response import HttpResponseBase

from accounts import export
from campaigns import selectors
from campaigns.models import Campaign
from leads.models import LeadStatus

COLUMNS = (
    "name", "description", "state", "type", "pilot_number", "max_attempts", "retry_delay", "group",
    "group_description", "total", *(status.lower() for status in LeadStatus.values), "waiting", "in_flight",
    "attempts", "answered_by_persons", "abandoned", "next_due",
)  # fmt: skip


def summaries(kind: str, campaigns: Iterable[Campaign]) -> HttpResponseBase:
    """A download of what became of these campaigns' leads; `kind` is csv or xlsx."""
    listed = list(campaigns)
    return export.response(kind, "summary", COLUMNS, _rows(listed))


def _rows(campaigns: list[Campaign]) -> Iterator[tuple[Any, ...]]:
    found = selectors.summaries([campaign.pk for campaign in campaigns])
    for campaign in campaigns:
        summary, group = found[campaign.pk], campaign.group
        yield (
            campaign.name, campaign.description, campaign.state, campaign.type, campaign.pilot_number,
            campaign.max_attempts, campaign.retry_delay, group.name, group.description, summary.total,
            *(summary.by_status[status] for status in LeadStatus.values), summary.waiting, summary.in_flight,
            summary.attempts, summary.answered.persons, summary.answered.abandoned, summary.next_due,
        )  # fmt: skip
