"""Carrier limits at the gate: calls per second and in parallel, over all campaigns, workers and hosts.

A start at a carrier with a limit of calls per second first gets a turn: one short UPDATE of the carrier's row moves its
schedule on by 1 / limit and returns the moment that was next, by the database's clock, which all hosts share. No lock
outlasts that statement, however many wait; the start waits for its moment in its own process (`dialing.turns`), and
the statement that starts the attempt takes the turn from then on for `GRACE` seconds. So a start that comes late makes
its turn up and moves no other's, and one that comes later still has lost it: the dialer is slower then, never faster.

Of any stretch of W seconds are thus at most `1 + (W + GRACE) * limit` starts (`most_in`), by the database's clock.
"""

import logging
import math
import time
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from campaigns.announce import announce

logger = logging.getLogger(__name__)

SHORTEST_REST, LONGEST_REST = 1.0, 600.0
"""Seconds: a Retry-After of days would keep a trunk out of use long after it was repaired."""
FULL_AGAIN = 0.2
"""Seconds until a carrier that carries all the calls it may is asked again."""
AHEAD = 0.25
"""Seconds for which turns are given out in advance: what a worker that stops or dies takes along, at most."""
GRACE = 0.1
"""Seconds after its moment for which a turn can be used."""


def most_in(seconds: float, per_second: float) -> int:
    """Calls that may begin in any stretch of so many seconds."""
    return 1 + math.floor((seconds + GRACE) * per_second)


@dataclass(slots=True)
class NotYet(Exception):  # noqa: N818 - no error: the call waits
    """The carrier takes no call at this moment; it may after `wait` seconds."""

    carrier: int
    wait: float
    reason: str
    rate: float | None = None
    """What the carrier is limited to, as in `telephony.models.Carrier.rate`."""
    asked: int | None = None
    """The external do-not-call service that has just said yes to the number: it need not be asked again."""

    def __str__(self) -> str:
        return self.reason

    def having_asked(self, service: int | None) -> "NotYet":
        return NotYet(self.carrier, self.wait, self.reason, self.rate, service)


@dataclass(frozen=True, slots=True)
class Turn:
    """A place in a carrier's schedule, for one start of this process."""

    carrier: int
    at: datetime | None
    """By the database's clock; None: no limit of calls per second, or a call that is not to be dialed."""
    due: float
    """The same on `time.monotonic()`, a little later."""
    is_counted: bool
    """The carrier's calls in parallel are limited: the start counts them."""

    @property
    def is_usable(self) -> bool:
        """By this process's clock: it comes, or has come less than half the grace ago."""
        return self.at is None or time.monotonic() < self.due + GRACE / 2


# A turn that is further ahead than any can be is one of a clock that was set back, or of a lower limit than now.
# Nobody waits for the disk: a start's own commit brings the turn there with it.
TAKE = """
WITH quickly AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
UPDATE telephony_carrier k
   SET next_call_at = make_interval(secs => 1 / k.calls_per_second)
         + CASE WHEN k.next_call_at > clock_timestamp() + make_interval(secs => %(ahead)s + 2 / k.calls_per_second)
                THEN clock_timestamp() ELSE GREATEST(k.next_call_at, clock_timestamp()) END
  FROM quickly
 WHERE k.id = %(carrier)s
   AND k.calls_per_second IS NOT NULL
   AND (k.resting_until IS NULL OR k.resting_until <= clock_timestamp())
   AND (k.max_calls IS NULL OR k.max_calls > (
        SELECT count(*) FROM leads_callattempt a JOIN telephony_dialerport o ON o.id = a.port_id
         WHERE a.ended_at IS NULL AND o.carrier_id = k.id))
   AND (k.next_call_at IS NULL
        OR k.next_call_at <= clock_timestamp() + make_interval(secs => %(ahead)s)
        OR k.next_call_at > clock_timestamp() + make_interval(secs => %(ahead)s + 2 / k.calls_per_second))
   AND EXISTS (
        SELECT FROM leads_callattempt a JOIN campaigns_campaign c ON c.id = a.campaign_id
         WHERE a.id = %(attempt)s AND a.state = 'CLAIMED' AND c.state = 'STARTED')
RETURNING k.next_call_at - make_interval(secs => 1 / k.calls_per_second),
          EXTRACT(EPOCH FROM k.next_call_at - clock_timestamp()) - 1 / k.calls_per_second,
          k.max_calls IS NOT NULL
"""
# Times as seconds from now on, by the database's clock.
LOOK = """
SELECT k.id, k.name, k.calls_per_second, k.max_calls,
       EXTRACT(EPOCH FROM k.resting_until - clock_timestamp()),
       EXTRACT(EPOCH FROM k.next_call_at - clock_timestamp()),
       (SELECT count(*) FROM leads_callattempt a JOIN telephony_dialerport o ON o.id = a.port_id
         WHERE a.ended_at IS NULL AND o.carrier_id = k.id)
  FROM telephony_carrier k
 WHERE k.id = %s
"""
LOCK = "SELECT FROM telephony_carrier WHERE id = %s FOR UPDATE"
REST = """
UPDATE telephony_carrier
   SET resting_until = GREATEST(resting_until, clock_timestamp() + make_interval(secs => %s)), last_error = %s
 WHERE id = (SELECT carrier_id FROM telephony_dialerport WHERE id = %s)
RETURNING name
"""


@dataclass(frozen=True, slots=True)
class _Line:
    """A carrier at this moment."""

    carrier: int
    name: str
    per_second: float | None
    most: int | None
    calls: int
    turn: float
    """Seconds until the next turn that nobody has."""
    rest: float

    @property
    def rate(self) -> float | None:
        if self.per_second is not None:
            return self.per_second
        return None if self.most is None else math.inf

    def why_not(self) -> NotYet | None:
        """What is to be waited for, turns of others left aside."""
        if self.rest > 0:
            return self._not_yet(self.rest, f"The carrier {self.name} rests.")
        if self.most is not None and self.calls >= self.most:
            return self._not_yet(FULL_AGAIN, f"The carrier {self.name} carries as many calls as it may.")
        return None

    def behind_others(self) -> NotYet:
        """All turns of the next `AHEAD` seconds are taken: wait until half of them have passed, not for each one."""
        reason = f"The carrier {self.name} takes {self.per_second:g} calls per second."
        return self._not_yet(max(0.0, self.turn - AHEAD / 2), reason)

    def _not_yet(self, wait: float, reason: str) -> NotYet:
        return NotYet(self.carrier, wait, reason, self.rate)


def take_turn(carrier: int, attempt: int) -> Turn:
    """The next free turn, at most `AHEAD` seconds from now, for an attempt whose campaign has not stopped.

    NotYet when there is none, or the carrier takes no call at all. A turn at no moment for an attempt that is not to be
    dialed any more: its start will be refused, and other campaigns keep the turn.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"carrier": carrier, "attempt": attempt, "ahead": AHEAD})
        row = cursor.fetchone()
    if row is not None:
        at, wait, is_counted = row
        return Turn(carrier, at, time.monotonic() + max(0.0, float(wait)), is_counted)
    line = _look(carrier)
    if line is None:  # deleted: the port has another one now
        return Turn(carrier, None, time.monotonic(), is_counted=False)
    if wait_for := line.why_not():
        raise wait_for
    if line.per_second is not None and line.turn > AHEAD:
        raise line.behind_others()
    return Turn(carrier, None, time.monotonic(), is_counted=line.most is not None)


def check(port: int, turn: Turn | None) -> None:
    """Raises NotYet when the port's carrier takes no call with this turn. Why the start's statement refused."""
    carrier = _carrier_of(port)
    line = None if carrier is None else _look(carrier)
    if line is None:
        return
    if wait := line.why_not():
        raise wait
    if line.per_second is not None and not _holds(turn, line.carrier):
        raise NotYet(line.carrier, 0.0, f"The call came too late for its turn at {line.name}.", line.rate)
    if line.most is not None and not (turn and turn.is_counted and turn.carrier == line.carrier):
        raise NotYet(line.carrier, 0.0, f"The calls of {line.name} were not counted.", line.rate)


def count(turn: Turn) -> None:
    """In the transaction of a start: locks the carrier, so that none starts a call meanwhile. NotYet when it is full.

    The lock is a statement of its own, so that the look after it sees every call that others started before.
    """
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [turn.carrier])
    line = _look(turn.carrier)
    if line is not None and (wait := line.why_not()):
        raise wait


def _holds(turn: Turn | None, carrier: int) -> bool:
    if turn is None or turn.at is None or turn.carrier != carrier:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp() BETWEEN %(at)s AND %(at)s + make_interval(secs => %(grace)s)",
            {"at": turn.at, "grace": GRACE},
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def _carrier_of(port: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT carrier_id FROM telephony_dialerport WHERE id = %s", [port])
        row = cursor.fetchone()
    return row[0] if row else None


def _look(carrier: int) -> _Line | None:
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [carrier])
        row = cursor.fetchone()
    if row is None:
        return None
    number, name, per_second, most, rest, turn, calls = row
    return _Line(
        number,
        name,
        per_second=None if per_second is None else float(per_second),
        most=most,
        calls=calls,
        turn=float(turn or 0),
        rest=float(rest or 0),
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
