"""What must hold after every fault and at the end: the invariants of DESIGN 4 against the PBX's own log.

Each check returns sentences; none means that it holds.
"""

from collections.abc import Iterable

from django.db.models import Count, F, Q, Sum

from leads.models import CallAttempt, Lead, LeadCount
from telephony.models import DialerPort
from tests.chaos.ledger import Call, Ledger, Spans, could_be
from tests.chaos.world import Peer

STOP_MS = 1000


def rows_and_calls(calls: list[Call], killed: set[str], disturbed: Spans) -> list[str]:
    """I2 for all calls and rows of a run: what `Ledger.look` says of them."""
    ledger = Ledger()
    ledger.add_calls(calls)
    return ledger.look(killed, disturbed)


def _was_killed_with_its_worker(call: Call, killed: set[str]) -> bool:
    rows = CallAttempt.objects.filter(phone_number=call["number"], ended_by="recovery", worker__in=killed)
    return any(could_be(row, call) for row in rows)


def counts() -> list[str]:
    """I1: a lead counts what was dialed, and no number of an attempt is used twice."""
    dialed = Count("call_attempts", filter=Q(call_attempts__started_at__isnull=False))
    wrong = [
        f"{lead.phone_number} counts {lead.attempts} attempts and has {lead.dialed} dialed rows"
        for lead in Lead.objects.annotate(dialed=dialed).exclude(attempts=F("dialed"))
    ]
    numbers = CallAttempt.objects.exclude(number=None).order_by().values_list("lead", "number")
    twice = numbers.annotate(count=Count("id")).filter(count__gt=1)
    wrong += [f"lead {lead} has attempt {number} {count} times" for lead, number, count in twice]
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


def stops(calls: Iterable[Call], stopped: Spans) -> list[str]:
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
