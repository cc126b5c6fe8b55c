"""Leads and call attempts as tables; a file of leads can be uploaded again as it is."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase

from accounts import export
from leads.models import CallAttempt, Lead

LEAD_COLUMNS = (
    "name",
    "phone_number",
    "description",
    "status",
    "attempts",
    "pool",
    "next_attempt_at",
    "campaign__name",
)
ATTEMPT_COLUMNS = (
    "campaign_name", "lead_name", "phone_number", "number", "state", "result", "sip_code", "q850_cause", "reason",
    "claimed_at", "started_at", "answered_at", "transferred_at", "ended_at", "ended_by", "amd_verdict", "amd_cause",
    "amd_decision_ms", "call_id",
)  # fmt: skip
_FETCHED = 5000
"""Rows in one answer of the database."""


def leads(kind: str, rows: QuerySet[Lead]) -> HttpResponseBase:
    """A download of these leads; `kind` is csv or xlsx."""
    return export.response(kind, "leads", LEAD_COLUMNS, _fetched(rows, LEAD_COLUMNS))


def attempts(kind: str, rows: QuerySet[CallAttempt]) -> HttpResponseBase:
    """A download of these call records."""
    return export.response(kind, "call-attempts", ATTEMPT_COLUMNS, _fetched(rows, ATTEMPT_COLUMNS))


def _fetched(rows: QuerySet[Any], columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    found: Iterator[tuple[Any, ...]] = rows.values_list(*columns).iterator(chunk_size=_FETCHED)
    return found
