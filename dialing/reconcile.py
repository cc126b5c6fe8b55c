"""Compares what the tables say of leads, attempts and ports, and repairs what no rule allows (I4).

Beat asks every few seconds; the calls workers do the same for their own calls (`dialing.worker_reconcile`), the engine
for its reservations each second. All of it is a second net: every change of state keeps these rules by itself, so a
repair is a fault somewhere, and it is counted and logged. Nothing here ends an attempt: `attempt.finish` and
recovery by lease do, and nothing else ever.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from dialing import tallies
from dialing.attempt import OPEN
from dialing.models import Repair
from leads.models import FINAL_STATUSES, CallAttempt, Lead
from telephony.models import DialerPort

logger = logging.getLogger(__name__)

ONE_AT_A_TIME = 0x7265636F6E  # "recon"
"""Advisory lock: of several reconcilers one works, so that none repairs what another has just put right."""
BATCH = 500

_WITHOUT_WORKER = Q(worker="") & (~Q(state=DialerPort.State.OFF) | Q(lease_until__isnull=False))
_OPEN_ATTEMPT = CallAttempt.objects.filter(lead=OuterRef("pk"), ended_at=None)


@dataclass(frozen=True, slots=True)
class Leaks:
    """What is held and should not be; all 0 at rest, and at most for moments in between."""

    attempts_without_lease: int
    """Open, but the lease of their worker ran out."""
    leads_without_attempt: int
    """In a call by their pool, without an open attempt."""
    leads_not_held: int
    """With an open attempt, and not in a call by their pool."""
    ports_without_worker: int
    """Registered or leased by their record, which names no worker."""


def leaks(now: datetime) -> Leaks:
    """Four counts, each from a partial index that is as small as the number of calls."""
    return Leaks(
        attempts_without_lease=CallAttempt.objects.filter(ended_at=None, lease_until__lt=now).count(),
        leads_without_attempt=_leads_without_attempt().count(),
        leads_not_held=_leads_not_held().count(),
        ports_without_worker=DialerPort.objects.filter(_WITHOUT_WORKER).count(),
    )


def reconcile() -> int:
    """One look; returns the number of repairs. 0 without a look when another reconciler is at work."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ONE_AT_A_TIME])
            row = cursor.fetchone()
        if not row or not row[0]:
            return 0
        return _free_leads() + _hold_leads() + _free_ports()


def note(repair: Repair, words: str, by: int = 1) -> None:
    """Counts a repair in the transaction under way, and logs it."""
    tallies.count_now(tallies.REPAIRS, repair.value, by)
    logger.warning("Repaired: %s", words)


def _leads_without_attempt() -> QuerySet[Lead]:
    return Lead.objects.filter(~Exists(_OPEN_ATTEMPT), pool=Lead.Pool.CLAIMED)


def _leads_not_held() -> QuerySet[CallAttempt]:
    return CallAttempt.objects.filter(ended_at=None, lead__isnull=False).exclude(lead__pool=Lead.Pool.CLAIMED)


def _free_leads() -> int:
    """CLAIMED without an open attempt. A claim writes lead and attempt in one statement, so one statement sees
    both or none, and a lead in this state can be claimed by nobody: it only leaves it here."""
    stuck = _leads_without_attempt().select_for_update(of=("self",), skip_locked=True)
    repaired = 0
    for lead in stuck.select_related("campaign").order_by("pk")[:BATCH]:
        done = lead.status in FINAL_STATUSES or lead.attempts >= lead.campaign.max_attempts
        pool = Lead.Pool.DONE if done else Lead.Pool.WAITING
        repaired += Lead.objects.filter(pk=lead.pk, pool=Lead.Pool.CLAIMED).update(pool=pool)
        note(Repair.LEAD_FREED, f"lead {lead.pk} was in a call without an open attempt; it is {pool} now.")
    return repaired


def _hold_leads() -> int:
    """With an open attempt and not CLAIMED. The attempt's row is locked first, as `attempt.finish` does, so it is
    open until our commit."""
    held = _leads_not_held().select_for_update(of=("self", "lead"), skip_locked=True)
    repaired = 0
    for attempt in held.filter(state__in=OPEN).select_related("lead").order_by("pk")[:BATCH]:
        assert attempt.lead is not None
        leads = Lead.objects.filter(pk=attempt.lead.pk).exclude(pool=Lead.Pool.CLAIMED)
        repaired += leads.update(pool=Lead.Pool.CLAIMED)
        note(Repair.LEAD_HELD, f"lead {attempt.lead_id} could be claimed during its attempt {attempt.pk}.")
    return repaired


def _free_ports() -> int:
    repaired = 0
    for port in DialerPort.objects.select_for_update(skip_locked=True).filter(_WITHOUT_WORKER):
        repaired += DialerPort.objects.filter(pk=port.pk, worker="").update(
            state=DialerPort.State.OFF, lease_until=None
        )
        note(Repair.PORT_FREED, f"port {port.extension} was {port.state} without a worker.")
    return repaired
