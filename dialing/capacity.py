"""How many calls the registered ports and their carriers take now."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Count, Exists, Model, OuterRef, Q, QuerySet

from dialing import ports
from leads.models import CallAttempt
from telephony.models import Carrier

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Capacity:
    calls: int
    """Calls in parallel, those that go on included."""
    per_second: float | None
    """New calls; None: no limit."""


def capacity(now: datetime) -> Capacity:
    """One query. A carrier that rests has room for the calls that go on and for no other."""
    in_call = Exists(CallAttempt.objects.filter(port=OuterRef("pk"), ended_at=None))
    groups = (
        ports.registered(now)
        .annotate(in_call=in_call)
        .order_by()
        .values("carrier")
        .annotate(usable=Count("pk"), busy=Count("pk", filter=Q(in_call=True)))
        .values_list(
            "usable", "busy", "carrier__calls_per_second", "carrier__max_calls", "carrier__resting_until"
        )
    )
    calls = 0
    rates: list[float] = []
    for usable, busy, per_second, most, resting_until in groups:
        if resting_until is not None and resting_until > now:
            calls += busy
            continue
        calls += usable if most is None else min(usable, most)
        rates.append(math.inf if per_second is None else float(per_second))
    total = sum(rates)
    return Capacity(calls, total if 0 < total < math.inf else None)


def with_use(carriers: QuerySet[Carrier]) -> QuerySet[Carrier]:
    """The carriers with `port_count` (enabled ports) and `calls_now`."""
    in_call = Exists(CallAttempt.objects.filter(port=OuterRef("ports"), ended_at=None))
    return carriers.annotate(
        port_count=Count("ports", filter=Q(ports__enabled=True)), calls_now=Count("ports", filter=in_call)
    )


def resting(now: datetime) -> QuerySet[Carrier]:
    """Carriers of registered ports that take no call now, those that come back first leading."""
    used = ports.registered(now).filter(carrier=OuterRef("pk"))
    return Carrier.objects.filter(Exists(used), resting_until__gt=now).order_by("resting_until")
