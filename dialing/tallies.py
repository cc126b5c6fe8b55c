"""Counting in every process, kept in one place.

A process counts in memory (`count`, a dictionary and a lock: nothing on the way to an INVITE) and adds what came
together to the kept counters every few seconds (`flush`). A killed process loses the counts of those seconds;
what must be exact is counted in the transaction that it belongs to (`count_now`).
"""

import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.utils import timezone

RESULTS = "results"
"""Ended attempts, by their result."""
CLAIMS = "claims"
"""Leads claimed."""
REFUSALS = "refusals"
"""Attempts that the last-moment gate did not let through, by its answer; and those withdrawn before it."""
REPAIRS = "repairs"
"""By `dialing.models.Repair`."""
PUSHES = "pushes"
"""Messages that contact centres pushed, by what became of them."""
PROMPTNESS = "agent_free_to_invite_ms"
"""A histogram: label `N` counts waits of at most N ms, `sum` the milliseconds, `count` all."""
PROMPTNESS_MS = (10, 20, 30, 50, 75, 100, 150, 250, 500, 1000, 2500)

# In the order of the keys: two processes that add at once wait for each other, and never in a circle.
_ADD = """
INSERT INTO dialing_tally (name, label, value, counted_at)
SELECT name, label, value, %s FROM unnest(%s::text[], %s::text[], %s::float8[]) AS u (name, label, value)
 ORDER BY name, label
ON CONFLICT (name, label) DO UPDATE SET value = dialing_tally.value + EXCLUDED.value, counted_at = EXCLUDED.counted_at
"""

Counts = dict[tuple[str, str], float]
"""By name and label."""

_lock = threading.Lock()
_counts: Counts = defaultdict(float)


def count(name: str, label: str = "", by: float = 1) -> None:
    """Any thread; costs no query."""
    with _lock:
        _counts[name, label] += by


def observe(name: str, milliseconds: float, limits: Sequence[int]) -> None:
    """Adds one wait to a histogram."""
    with _lock:
        for limit in limits:
            if milliseconds <= limit:
                _counts[name, str(limit)] += 1
        _counts[name, "sum"] += milliseconds
        _counts[name, "count"] += 1


def take() -> Counts:
    """What this process has counted since the last time, for somebody who adds it."""
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    return taken


def give_back(counts: Counts) -> None:
    """It could not be added: counted again."""
    with _lock:
        for key, value in counts.items():
            _counts[key] += value


def add(counts: Counts) -> None:
    """Adds to the kept counters."""
    if counts:
        _add(counts, timezone.now())


def flush() -> None:
    """Adds what this process counted to the kept counters; raises a database error, and then nothing is lost."""
    taken = take()
    try:
        add(taken)
    except BaseException:
        give_back(taken)
        raise


def count_now(name: str, label: str = "", by: float = 1) -> None:
    """In the transaction under way."""
    if by:
        _add({(name, label): by}, timezone.now())


def _add(counts: Counts, now: datetime) -> None:
    names, labels = [name for name, _ in counts], [label for _, label in counts]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [now, names, labels, [float(value) for value in counts.values()]])
