"""A table of ports between the look at what it would change and its import: kept for minutes, taken once.

It holds passwords. In the session, where it was, one that nobody confirmed would stay for weeks.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from telephony.models import HeldPortTable

HELD_FOR = timedelta(minutes=15)


def hold(session: str, rows: list[dict[str, Any]]) -> None:
    """In the place of what this session held before."""
    HeldPortTable.objects.update_or_create(
        session=session, defaults={"rows": rows, "held_at": timezone.now()}
    )


def take(session: str) -> list[dict[str, Any]] | None:
    """The rows, which are not held any more; None when they were confirmed, given up or too old."""
    held = HeldPortTable.objects.filter(session=session).first()
    if held is None or not HeldPortTable.objects.filter(pk=held.pk, held_at=held.held_at).delete()[0]:
        return None  # never, or somebody with the same session was quicker
    rows: list[dict[str, Any]] = held.rows
    return rows if held.held_at > timezone.now() - HELD_FOR else None


def forget_old() -> int:
    """What nobody has confirmed in time; returns how many. Beat calls it."""
    return HeldPortTable.objects.filter(held_at__lte=timezone.now() - HELD_FOR).delete()[0]
