"""How long a worker holds ports and attempts without a sign of life, and how often it gives one.

A lease outlives several lost renewals. `LEASE_SECONDS` says how soon the calls of a worker that went away are
given up, and its ports are free for others.
"""

from datetime import timedelta

from django.conf import settings

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
CLAIM_LEASE = 2 * LEASE
"""How long a claimed attempt may wait for a worker before recovery gives its lead back."""
RENEW_ATTEMPTS_EVERY = LEASE.total_seconds() / 6
RENEW_PORTS_EVERY = LEASE.total_seconds() / 10
"""Seconds."""
