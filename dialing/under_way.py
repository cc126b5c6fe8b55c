"""What becomes of a dialed attempt, in as few round trips as it takes: progress in one statement, the end in two.

Of each call some four changes are recorded. Through the ORM, with a transaction and a second look for the announcement,
each cost 4 ms of processor in the worker and five round trips; at fifty calls a second that was most of a core.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from campaigns.announce import CHANNEL

# The announcement is that of `campaigns.announce`, made where the row's campaign and queue are known.
PROGRESS = """
WITH moved AS (
    UPDATE leads_callattempt SET state = %(state)s, {stamp} = %(at)s
     WHERE id = %(attempt)s AND state = ANY(%(before)s)
    RETURNING id, campaign_id, queue_id
)
SELECT pg_notify(%(channel)s, json_build_object(
           'event', 'attempt', 'attempt', id, 'campaign', campaign_id, 'queue', queue_id,
           'state', %(state)s::text, 'result', '', 'answered', false, 'at', %(epoch)s::float8)::text)
  FROM moved
"""

# The lead's numbers are read in the same statement: a retry follows the campaign's settings of this moment.
END = """
UPDATE leads_callattempt a
   SET state = 'ENDED', {assignments}
  FROM leads_callattempt same
  LEFT JOIN leads_lead l ON l.id = same.lead_id
  LEFT JOIN campaigns_campaign c ON c.id = l.campaign_id
 WHERE a.id = %(attempt)s AND a.state = ANY(%(before)s) AND same.id = a.id
RETURNING a.id, a.campaign_id, a.queue_id, l.id, l.attempts, c.max_attempts, c.retry_delay
"""


@dataclass(frozen=True, slots=True)
class DialedLead:
    """A lead whose attempt has ended, and what its campaign says of retries."""

    pk: int
    attempts: int
    max_attempts: int
    retry_delay: int
    """Minutes."""


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """What its end asks of others."""

    pk: int
    campaign_id: int | None
    queue_id: int | None
    lead: DialedLead | None
    """None when it was deleted."""


def progress(attempt: int, state: str, before: Collection[str], stamp: str, at: datetime) -> bool:
    """One of the states `before` -> `state`, with `at` in the column `stamp`, and announced; False: in none of them."""
    parameters: dict[str, Any] = {
        "attempt": attempt,
        "state": state,
        "before": list(before),
        "at": at,
        "epoch": at.timestamp(),
        "channel": CHANNEL,
    }
    with connection.cursor() as cursor:
        cursor.execute(PROGRESS.format(stamp=connection.ops.quote_name(stamp)), parameters)
        return bool(cursor.rowcount)


def end(attempt: int, before: Collection[str], columns: dict[str, Any]) -> EndedAttempt | None:
    """One of the states `before` -> ENDED with these columns (a dict is JSON); None: in none of them."""
    assignments = ", ".join(f"{connection.ops.quote_name(name)} = %({name})s" for name in columns)
    values = {
        name: json.dumps(value) if isinstance(value, dict) else value for name, value in columns.items()
    }
    with connection.cursor() as cursor:
        cursor.execute(
            END.format(assignments=assignments), {**values, "attempt": attempt, "before": list(before)}
        )
        row = cursor.fetchone()
    if row is None:
        return None
    attempt, campaign, queue, lead, *numbers = row
    return EndedAttempt(attempt, campaign, queue, None if lead is None else DialedLead(lead, *numbers))
