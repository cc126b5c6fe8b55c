"""What a dead process leaves behind: attempts and ports whose lease ran out.

Beat asks every few seconds. Nothing is dialed and nothing is published from here: leads that get free are
claimed again in the ordinary way.
"""

from datetime import datetime

from django.db import transaction

from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing import ports
from dialing.attempt import UNDER_WAY, Outcome, State
from dialing.models import Repair
from dialing.reconcile import note
from leads.models import CallAttempt, LeadStatus
from telephony.models import DialerPort

BATCH = 500
"""Attempts looked at in one turn."""


def recover_attempts(now: datetime) -> int:
    """Ends the attempts whose lease ran out; returns how many.

    Dialed ones end as UNKNOWN and are counted: the customer's phone may have rung. Claimed ones that no worker
    started are withdrawn, and their leads wait as before.
    """
    lapsed = CallAttempt.objects.filter(ended_at=None, lease_until__lt=now)
    recovered = 0
    for attempt_id in lapsed.order_by("lease_until").values_list("pk", flat=True)[:BATCH]:
        recovered += _recover(attempt_id, now)
    return recovered


@transaction.atomic
def _recover(attempt_id: int, now: datetime) -> bool:
    attempt = (
        CallAttempt.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(pk=attempt_id, ended_at=None, lease_until__lt=now)
        .first()
    )
    if attempt is None:
        return False  # renewed or ended meanwhile
    if attempt.state in UNDER_WAY:
        reason = f"The calls worker {attempt.worker} went away during the call."
        done = attempts.finish(
            attempt_id, Outcome(LeadStatus.UNKNOWN, now, reason=reason, ended_by="recovery")
        )
    else:
        assert attempt.state == State.CLAIMED
        done = attempts.withdraw(attempt_id, "No calls worker started the call in time.")
    note(
        Repair.ATTEMPT_LAPSED, f"attempt {attempt_id} to {attempt.phone_number}, whose lease ran out, ended."
    )
    return done


def withdraw_stopped() -> int:
    """Withdraws what was claimed for a campaign that has been stopped since; returns how many.

    No worker would dial them, and those whose message the broker has lost would hold their leads until the lease ends.
    """
    claimed = CallAttempt.objects.filter(ended_at=None, state=State.CLAIMED)
    waiting = claimed.exclude(campaign__state=Campaign.State.STARTED)  # stopped, being deleted, or gone
    return sum(
        attempts.withdraw(attempt_id, "The campaign is stopped.")
        for attempt_id in waiting.values_list("pk", flat=True)[:BATCH]
    )


def free_ports(now: datetime) -> int:
    """Ports whose worker stopped renewing belong to nobody again; returns how many."""
    with transaction.atomic():
        freed = DialerPort.objects.exclude(worker="").filter(lease_until__lt=now).update(**ports.NOBODYS)
        if freed:
            note(Repair.PORT_LAPSED, f"{freed} ports whose lease ran out are free.", freed)
    return freed
