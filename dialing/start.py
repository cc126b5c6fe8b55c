"""CLAIMED -> DIALING in one statement: the gate, the attempt, and the lead's count change together or not at all.

It stands on the way from a free agent to the INVITE, so it is one round trip and one commit. Why it refused is
asked afterwards (`dialing.gate`), by the few that it refuses.
"""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import connection

from dialing.carriers import GRACE, Turn

# The attempt's own conditions come in the outer WHERE: PostgreSQL looks at them again when the statement has waited
# for another one on the same row, so of many workers with one message one dials (I2). An external do-not-call
# service must have been asked: `asked` names it, so that a campaign which changed its service is refused. A number
# that is no number can't be looked up in the embedded list, and is not dialed. A carrier with a limit of
# calls per second takes the call in its turn, which holds for GRACE seconds; one with a limit of calls in parallel must
# have counted it in this transaction (`dialing.carriers`); one that rests gets none.
START = """
WITH moved AS (
    UPDATE leads_callattempt a
       SET state = 'DIALING', started_at = %(now)s, worker = %(worker)s, port_id = %(port)s, lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
      FROM campaigns_campaign c, leads_lead l
     WHERE a.id = %(attempt)s
       AND a.state = 'CLAIMED'
       AND c.id = a.campaign_id
       AND c.state = 'STARTED'
       AND l.id = a.lead_id
       AND l.phone_number = a.phone_number
       AND l.attempts < c.max_attempts
       AND EXISTS (
           SELECT FROM campaigns_schedule s
            WHERE s.campaign_id = c.id AND s.state = 'RUNNING'
              AND s.opens_at <= %(now)s AND %(now)s < s.closes_at)
       AND NOT EXISTS (
           SELECT FROM telephony_dialerport p JOIN telephony_carrier k ON k.id = p.carrier_id
            WHERE p.id = %(port)s
              AND (k.resting_until > clock_timestamp()
                   OR k.calls_per_second IS NOT NULL
                      AND (%(turn)s::timestamptz IS NULL OR k.id <> %(carrier)s
                           OR clock_timestamp() NOT BETWEEN %(turn)s
                              AND %(turn)s::timestamptz + make_interval(secs => %(grace)s))
                   OR k.max_calls IS NOT NULL AND k.id IS DISTINCT FROM %(counted)s))
       AND (c.dnc_service_id IS NULL
            OR c.dnc_service_id = %(asked)s
            OR EXISTS (
                SELECT FROM dnc_dncservice d
                 WHERE d.id = c.dnc_service_id AND d.kind = 'EMBEDDED' AND d.state = 'UP'
                   AND a.phone_number ~ '^[0-9]{1,18}$'
                   AND NOT EXISTS (
                       SELECT FROM dnc_dncnumber n
                        WHERE n.number = CASE WHEN a.phone_number ~ '^[0-9]{1,18}$'
                                              THEN a.phone_number::bigint END)))
    RETURNING a.id, a.lead_id, a.phone_number, a.prompted_at,
              c.id AS campaign, c.pilot_number, c.ring_timeout, c.amd_enabled, c.amd_profile,
              c.amd_silence_is, c.amd_longest_analysis, c.amd_shortest_call, c.early_end,
              c.caller_name, c.caller_number, c.caller_private
), counted AS (
    UPDATE leads_lead l SET attempts = l.attempts + 1 FROM moved WHERE l.id = moved.lead_id
)
SELECT id, campaign, phone_number, pilot_number, ring_timeout, CASE WHEN amd_enabled THEN amd_profile END,
       amd_silence_is, amd_longest_analysis, amd_shortest_call, early_end, prompted_at,
       caller_name, caller_number, caller_private
  FROM moved
"""


@dataclass(frozen=True, slots=True)
class CallOrder:
    """A call that must be dialed now: its attempt is DIALING, committed (invariant I2)."""

    attempt: int
    campaign: int
    number: str
    pilot_number: str
    ring_timeout: int
    """Seconds."""
    amd_profile: str | None
    """Name of a `Campaign.AmdProfile`; None when detection is off."""
    amd_silence_is: str = "HUMAN"
    amd_longest_analysis: int | None = None
    """Milliseconds; None: the profile's own."""
    amd_shortest_call: int = 0
    """Seconds."""
    early_end: str = "NEVER"
    """A `Campaign.EarlyEnd`."""
    prompted_at: datetime | None = None
    """When the agent for whom the call is became free, if that prompted it."""
    caller_name: str = ""
    caller_number: str = ""
    caller_private: bool = False
    checked_at: float = field(default=0.0, compare=False)
    """When the gate was asked, on this host's `time.monotonic()`: a stop heard after that is for this call."""


def to_dialing(
    attempt: int,
    worker: str,
    port: int,
    now: datetime,
    lease: timedelta,
    *,
    asked: int | None = None,
    turn: Turn | None = None,
) -> CallOrder | None:
    """The order when the attempt is DIALING now, None when the gate refused and nothing changed.

    `asked`: the external do-not-call service that has just said yes to the number. `turn`: of a carrier with limits;
    when its calls are counted, this is inside the transaction that counted them.
    """
    parameters: dict[str, int | str | datetime | float | None] = {
        "attempt": attempt,
        "worker": worker,
        "port": port,
        "now": now,
        "lease": lease.total_seconds(),
        "asked": asked,
        "turn": turn.at if turn else None,
        "carrier": turn.carrier if turn else None,
        "counted": turn.carrier if turn and turn.is_counted else None,
        "grace": GRACE,
    }
    checked_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(START, parameters)
        row = cursor.fetchone()
    return replace(CallOrder(*row), checked_at=checked_at) if row else None
