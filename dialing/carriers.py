"""Carrier limits at the gate: calls per second and in parallel, over all campaigns, workers and hosts.

The carrier's row is the token: it is locked, looked at, and moved on in the transaction that starts the attempt, by
the database's clock, which all hosts share. What fails on the way makes the dialer slower, never faster: a call that
was counted and not dialed has used its turn up.
"""

import logging
from dataclasses import dataclass

from django.db import connection, transaction

from campaigns.announce import announce

logger = logging.getLogger(__name__)

SHORTEST_REST, LONGEST_REST = 1.0, 600.0
"""Seconds: a Retry-After of days would keep a trunk out of use long after it was repaired."""
FULL_AGAIN = 0.2
"""Seconds until a carrier that carries all the calls it may is asked again."""


@dataclass(slots=True)
class NotYet(Exception):  # noqa: N818 - no error: the call waits
    """The carrier takes no call at this moment; it may after `wait` seconds."""

    carrier: int
    wait: float
    reason: str

    def __str__(self) -> str:
        return self.reason


# Times as seconds from now on, by the database's clock.
LOOK = """
SELECT k.id, k.name, 1 / k.calls_per_second, k.max_calls,
       EXTRACT(EPOCH FROM k.resting_until - clock_timestamp()),
       EXTRACT(EPOCH FROM k.next_call_at - clock_timestamp()),
       (SELECT count(*) FROM leads_callattempt a JOIN telephony_dialerport o ON o.id = a.port_id
         WHERE a.ended_at IS NULL AND o.carrier_id = k.id)
  FROM telephony_dialerport p JOIN telephony_carrier k ON k.id = p.carrier_id
 WHERE p.id = %s
"""
LOCK = """
SELECT FROM telephony_carrier WHERE id = (SELECT carrier_id FROM telephony_dialerport WHERE id = %s) FOR UPDATE
"""
COUNT = """
UPDATE telephony_carrier SET next_call_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s
"""
REST = """
UPDATE telephony_carrier
   SET resting_until = GREATEST(resting_until, clock_timestamp() + make_interval(secs => %s)), last_error = %s
 WHERE id = (SELECT carrier_id FROM telephony_dialerport WHERE id = %s)
RETURNING name
"""


@dataclass(frozen=True, slots=True)
class _Line:
    """The carrier of a port at this moment."""

    carrier: int
    name: str
    interval: float | None
    """Seconds between two calls; None: no limit."""
    turn: float
    """Seconds until the next call may begin, 0 or less: now."""
    rest: float
    is_full: bool

    def why_not(self) -> NotYet | None:
        if self.rest > 0:
            return NotYet(self.carrier, self.rest, f"The carrier {self.name} rests.")
        if self.is_full:
            return NotYet(
                self.carrier, FULL_AGAIN, f"The carrier {self.name} carries as many calls as it may."
            )
        if self.interval is not None and self.turn > 0:
            reason = f"The carrier {self.name} takes {1 / self.interval:g} calls per second."
            return NotYet(self.carrier, min(self.turn, self.interval), reason)
        return None


def check(port: int) -> None:
    """Raises NotYet when the port's carrier takes no call now. Nothing is counted: `admit` has the last word."""
    line = _look(port)
    if line is not None and (wait := line.why_not()):
        raise wait


def admit(port: int) -> NotYet | None:
    """In the transaction of a start: counts the call, or says why and how long it waits. None: go.

    The lock is a statement of its own, so that the look after it sees every call that others started before.
    """
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [port])
        line = _look(port)
        if line is None:
            return None
        wait = line.why_not()
        # a turn further away than any can be: the limit was raised, or the database's clock was set back
        is_lost = line.interval is not None and line.turn > 2 * line.interval
        if line.interval is not None and (wait is None or is_lost):
            cursor.execute(COUNT, [line.interval, line.carrier])
    return wait


def _look(port: int) -> _Line | None:
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [port])
        row = cursor.fetchone()
    if row is None:
        return None
    carrier, name, interval, most, rest, turn, calls = row
    return _Line(
        carrier,
        name,
        interval=None if interval is None else float(interval),
        turn=float(turn or 0),
        rest=float(rest or 0),
        is_full=most is not None and calls >= most,
    )


@transaction.atomic
def rest(port: int, seconds: float, reason: str) -> None:
    """The port's carrier asked to be left alone (RFC 3261 section 21.5.4: 503 with Retry-After)."""
    seconds = min(max(seconds, SHORTEST_REST), LONGEST_REST)
    with connection.cursor() as cursor:
        cursor.execute(REST, [seconds, reason[:300], port])
        row = cursor.fetchone()
    if row is not None:
        logger.warning("The carrier %s rests for %.0f s: %s", row[0], seconds, reason)
        announce("ports")
