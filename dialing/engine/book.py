"""What the engine reads from the database each second: the truth that its events only hasten."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from campaigns.models import Campaign, Schedule
from dialing.capacity import Capacity, capacity
from dialing.leases import database_time
from dialing.pacing import SETTLE, Demand
from leads.models import CallAttempt, LeadStatus
from telephony.models import ContactCenter


@dataclass(frozen=True, slots=True)
class Center:
    """A contact centre to be watched; equal ones need no new connector."""

    id: int
    kind: str
    settings: str
    """JSON, so that two can be compared and hashed."""


@dataclass(frozen=True, slots=True)
class AttemptEntry:
    """An open attempt, or one that ended with a transfer a moment ago."""

    id: int
    queue: int | None
    transferred_at: datetime | None
    is_open: bool
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Book:
    centers: frozenset[Center]
    demands: dict[int, Demand]
    capacity: Capacity
    """Of the registered ports over all workers."""
    attempts: list[AttemptEntry]


def read_book(now: datetime) -> Book:
    """Four small queries."""
    return Book(
        centers=frozenset(_center(row) for row in ContactCenter.objects.filter(enabled=True)),
        demands=demands(now),
        capacity=capacity(database_time()),
        attempts=_attempts(now),
    )


def demands(now: datetime) -> dict[int, Demand]:
    """The campaigns that may dial at `now`, by the clock and not by beat's pace."""
    window = Schedule.objects.filter(
        campaign=OuterRef("pk"), state=Schedule.State.RUNNING, opens_at__lte=now, closes_at__gt=now
    )
    open_campaigns = Campaign.objects.filter(Exists(window), state=Campaign.State.STARTED)
    rows = open_campaigns.values_list("pk", "queue", "weight")
    return {campaign: Demand(queue, weight) for campaign, queue, weight in rows}


def _attempts(now: datetime) -> list[AttemptEntry]:
    settling = Q(
        campaign__state=Campaign.State.STARTED,
        claimed_at__gt=now - timedelta(hours=2),
        ended_at__gt=now - timedelta(seconds=SETTLE),
        result=LeadStatus.SUCCESS,
    )
    columns = ("pk", "queue", "transferred_at", "ended_at", "answered_at")
    rows: list[tuple[Any, ...]] = [*CallAttempt.objects.filter(ended_at=None).values_list(*columns)]
    # by campaign and claimed_at: the index attempt_campaign_recent
    rows += CallAttempt.objects.filter(settling).order_by().values_list(*columns)
    return [
        AttemptEntry(pk, queue, transferred, ended is None, answered is not None)
        for pk, queue, transferred, ended, answered in rows
    ]


def _center(row: ContactCenter) -> Center:
    return Center(row.pk, row.kind, json.dumps(row.settings, sort_keys=True))
