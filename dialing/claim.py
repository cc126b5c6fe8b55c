"""Taking due leads out of the pool: one statement claims them and writes their attempts (invariant I1)."""

from datetime import datetime

from django.db import connection

from dialing.leases import CLAIM_LEASE

# `due` walks the partial index lead_claimable in its own order, and stops after n rows. It sorts by nothing
# else: an upload gives all its leads one due time, and a tie-break by id would sort the whole list for each
# claim; entries of one due time come in the order of their rows on disk, which is that of the upload.
# SKIP LOCKED: engines claiming at the same moment pass each other by; a row that another one has just taken
# is checked again and left out. An open attempt that is there against all rules keeps its lead (DO NOTHING),
# and that attempt's end frees it.
CLAIM = """
WITH open AS (
    SELECT c.id, c.name, c.group_id, c.queue_id
      FROM campaigns_campaign c
     WHERE c.id = %(campaign)s
       AND c.state = 'STARTED'
       AND EXISTS (
           SELECT FROM campaigns_schedule s
            WHERE s.campaign_id = c.id AND s.state = 'RUNNING'
              AND s.opens_at <= %(now)s AND %(now)s < s.closes_at)
), due AS MATERIALIZED (
    SELECT l.id
      FROM leads_lead l
     WHERE l.campaign_id = %(campaign)s
       AND l.pool = 'WAITING'
       AND l.next_attempt_at <= %(now)s
       AND EXISTS (SELECT FROM open)
     ORDER BY l.next_attempt_at
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE leads_lead l SET pool = 'CLAIMED'
      FROM due
     WHERE l.id = due.id
    RETURNING l.id, l.name, l.phone_number, l.attempts
)
INSERT INTO leads_callattempt (
    lead_id, campaign_id, group_id, queue_id, campaign_name, lead_name, phone_number,
    number, state, result, reason, ended_by, call_id, amd_verdict, amd_cause, worker, claimed_at, lease_until, prompted_at)
SELECT taken.id, open.id, open.group_id, open.queue_id, open.name, taken.name, taken.phone_number,
       taken.attempts + 1, 'CLAIMED', '', '', '', '', '', '', '', %(now)s, clock_timestamp() + make_interval(secs => %(lease)s), %(prompted)s
  FROM taken CROSS JOIN open
ON CONFLICT (lead_id) WHERE ended_at IS NULL DO NOTHING
RETURNING id
"""


def claim_leads(
    campaign_id: int, limit: int, now: datetime, prompted_at: datetime | None = None
) -> list[int]:
    """Claims up to `limit` due leads of the campaign; returns the ids of their new attempts.

    `prompted_at`: when the agent for whom it is became free, if that is what prompts the claim.
    Nothing when the campaign is not STARTED or no schedule of it is RUNNING with `now` inside its window.
    """
    if limit <= 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters(campaign_id, limit, now, prompted_at))
        return [attempt for (attempt,) in cursor.fetchall()]


def parameters(
    campaign_id: int, limit: int, now: datetime, prompted_at: datetime | None = None
) -> dict[str, int | datetime | float | None]:
    """Of the CLAIM statement; the plan's test explains it with the same."""
    return {
        "campaign": campaign_id,
        "limit": limit,
        "now": now,
        "lease": CLAIM_LEASE.total_seconds(),
        "prompted": prompted_at,
    }
