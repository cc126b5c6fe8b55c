"""How long a worker holds ports and attempts without a sign of life, and how often it gives one.

A lease outlives several lost renewals. `LEASE_SECONDS` says how soon the calls of a worker that went away are
given up, and its ports are free for others.

Leases are written and judged by PostgreSQL's clock alone: hosts whose clocks differ, or whose clock is set, neither
lose calls that live nor keep those that don't.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
CLAIM_LEASE = 2 * LEASE
"""How long a claimed attempt may wait for a worker before recovery gives its lead back."""
RENEW_ATTEMPTS_EVERY = LEASE.total_seconds() / 6
RENEW_PORTS_EVERY = LEASE.total_seconds() / 10
"""Seconds."""


def database_time() -> datetime:
    """What time it is by the clock that leases live by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    assert row is not None
    moment: datetime = row[0]
    return moment
