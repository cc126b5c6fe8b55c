"""What must hold after every fault and at the end: the invariants of DESIGN 4 against the PBX's own log.

Each check returns sentences; none means that it holds.
"""

from collections import Counter, defaultdict
from typing import Any

from django.db.models import Count, F, Q, Sum

from leads.models import CallAttempt, Lead, LeadCount
from telephony.models import DialerPort
from tests.chaos.world import Peer

SKEW_MS = 50
"""A record's moment is taken some milliseconds beside the packet's."""
STOP_MS = 1000
AFTERMATH_S = 35.0
"""A request that was lost is repeated for 32 s (RFC 3261, timers B and F)."""


Call = dict[str, Any]
"""A line of the PBX's log (`telephony/demo_pbx/call_log.py`)."""


Spans = list[tuple[float, float]]
"""Epochs in seconds, from and to."""


def rows_and_calls(calls: list[Call], killed: set[str], disturbed: Spans) -> list[str]:
    """I2: every INVITE has a row of its own that was committed before, no row has two; one call at a time for each
    port and each customer. `killed`: workers that died; what they had at the PBX nobody could hang up. `disturbed`:
    times whose clocks or packets were meddled with: a call of them has its row all the same, moments are not compared."""
    wrong: list[str] = []
    by_id = Counter(call["call_id"] for call in calls)
    wrong += [
        f"Call-ID {name} is {count} times in the PBX's log" for name, count in by_id.items() if count > 1
    ]
    rows: dict[str, list[CallAttempt]] = defaultdict(list)
    for row in CallAttempt.objects.exclude(started_at=None).order_by("started_at"):
        rows[row.phone_number].append(row)
    pairs: list[tuple[Call, CallAttempt]] = []
    for number in {call["number"] for call in calls}:
        made = [call for call in calls if call["number"] == number]
        found, missing = _match(rows[number], made, disturbed)
        pairs += found
        wrong += missing
    for field in ("user", "number"):
        sound = [
            pair
            for pair in pairs
            if not _is_orphan(pair[1], killed) and not _was_disturbed(pair[0], disturbed)
        ]
        wrong += _overlaps(field, sound, calls)
    return wrong


def _was_disturbed(call: Call, disturbed: Spans) -> bool:
    """Whether the call was up, a ring's length included, while clocks or packets were meddled with."""
    return any(
        call["invite_at"] < (to + AFTERMATH_S) * 1000 and call["ended_at"] > since * 1000
        for since, to in disturbed
    )


def _match(
    rows: list[CallAttempt], calls: list[Call], disturbed: Spans
) -> tuple[list[tuple[Call, CallAttempt]], list[str]]:
    """Each call takes one row: the one that names it, else one without a name that was open at the INVITE."""
    pairs, wrong = [], []
    named = {row.call_id: row for row in rows if row.call_id}
    nameless = [row for row in rows if not row.call_id]
    for call in sorted(calls, key=lambda call: int(call["invite_at"])):
        row = named.pop(call["call_id"], None)
        if row is None:
            row = next(
                (row for row in nameless if _was_disturbed(call, disturbed) or _could_be(row, call)), None
            )
            if row is not None:
                nameless.remove(row)
        if row is None:
            wrong.append(f"dialed without a row of its own: {call}; rows {[_told(r) for r in rows]}")
            continue
        pairs.append((call, row))
        if not _was_disturbed(call, disturbed) and not _could_be(row, call):
            wrong.append(f"dialed outside its row's life: {call}; row {_told(row)}")
    return pairs, wrong


def _is_orphan(row: CallAttempt, killed: set[str]) -> bool:
    return row.ended_by == "recovery" and row.worker in killed


def _was_killed_with_its_worker(call: Call, killed: set[str]) -> bool:
    rows = CallAttempt.objects.filter(phone_number=call["number"], ended_by="recovery", worker__in=killed)
    return any(_could_be(row, call) for row in rows)


def _overlaps(field: str, pairs: list[tuple[Call, CallAttempt]], calls: list[Call]) -> list[str]:
    """Calls that began on the same port, or to the same customer, while one of a living worker was up."""
    wrong = []
    later = defaultdict(list)
    for call in calls:
        later[call[field]].append(call)
    for call, row in pairs:
        for other in later[call[field]]:
            if call["invite_at"] < other["invite_at"] < call["ended_at"] - SKEW_MS:
                wrong.append(f"two calls at once of one {field}: {call} and {other}; row {_told(row)}")
    return wrong


def _could_be(row: CallAttempt, call: dict[str, Any]) -> bool:
    assert row.started_at is not None
    began = row.started_at.timestamp() * 1000 - SKEW_MS
    ended = row.ended_at.timestamp() * 1000 + SKEW_MS if row.ended_at else float("inf")
    return bool(began <= call["invite_at"] <= ended)


def _told(row: CallAttempt) -> str:
    return f"{row.pk} {row.state} {row.started_at} to {row.ended_at} {row.result} {row.reason!r}"


def counts() -> list[str]:
    """I1: a lead counts what was dialed, and no number of an attempt is used twice."""
    wrong = []
    dialed = Counter(CallAttempt.objects.exclude(started_at=None).values_list("lead", flat=True))
    for lead in Lead.objects.all():
        if lead.attempts != dialed[lead.pk]:
            wrong.append(
                f"{lead.phone_number} counts {lead.attempts} attempts and has {dialed[lead.pk]} dialed rows"
            )
    numbers = Counter(CallAttempt.objects.exclude(number=None).values_list("lead", "number"))
    wrong += [
        f"lead {lead} has attempt {number} twice" for (lead, number), count in numbers.items() if count > 1
    ]
    too_many = Lead.objects.filter(attempts__gt=F("campaign__max_attempts"))
    return wrong + [f"{lead.phone_number} was dialed {lead.attempts} times" for lead in too_many]


def pool() -> list[str]:
    """No lead is lost: it has an open attempt exactly while it is CLAIMED."""
    has_open = Q(call_attempts__ended_at=None, call_attempts__isnull=False)
    lost = Lead.objects.filter(pool=Lead.Pool.CLAIMED).exclude(
        pk__in=CallAttempt.objects.filter(ended_at=None).values("lead")
    )
    wrong = [f"{lead.phone_number} is CLAIMED and has no open attempt" for lead in lost]
    free = Lead.objects.filter(has_open).exclude(pool=Lead.Pool.CLAIMED).distinct()
    return wrong + [f"{lead.phone_number} has an open attempt and is {lead.pool}" for lead in free]


def kept_counts() -> list[str]:
    """What the pages show is what a full count finds."""
    full = Lead.objects.values_list("campaign", "status", "pool").annotate(Count("id"), Sum("attempts"))
    kept = LeadCount.objects.values_list("campaign", "status", "pool").annotate(Sum("leads"), Sum("calls"))
    wrong = set(full.order_by()) ^ {row for row in kept.order_by() if row[3:] != (0, 0)}
    return [f"kept count or full count: {row}" for row in sorted(wrong)]


def stops(calls: list[Call], stopped: list[tuple[float, float]]) -> list[str]:
    """I6: no INVITE from one second after a stop until the next start (epochs in seconds)."""
    wrong = []
    for stop, start in stopped:
        late = [c for c in calls if stop * 1000 + STOP_MS < c["invite_at"] < start * 1000]
        wrong += [
            f"{c['number']} was dialed {c['invite_at'] - stop * 1000:.0f} ms after a stop" for c in late
        ]
    return wrong


def calls_up(world: Peer) -> int:
    """At the PBX."""
    return world.pbx.calls_up(lambda call: _was_killed_with_its_worker(call, world.killed))


def at_rest(world: Peer) -> list[str]:
    """I4: nothing is held when nothing is to do."""
    wrong = []
    open_attempts = CallAttempt.objects.filter(ended_at=None).count()
    if open_attempts:
        wrong.append(f"{open_attempts} attempts are open")
    if claimed := Lead.objects.filter(pool=Lead.Pool.CLAIMED).count():
        wrong.append(f"{claimed} leads are CLAIMED")
    if idle := DialerPort.objects.filter(Q(worker="") | ~Q(state=DialerPort.State.REGISTERED)).count():
        wrong.append(f"{idle} ports are not registered")
    if up := calls_up(world):
        wrong.append(f"{up} calls are up at the PBX")
    return wrong
