"""The pool of leads that may be called, and the retry rule (SPEC 6)."""

from datetime import datetime, timedelta

from leads.models import FINAL_STATUSES, Lead


def after_attempt(status: str, attempts: int, max_attempts: int) -> str:
    """Where a lead goes whose attempt has ended: WAITING for a retry, or DONE."""
    if status in FINAL_STATUSES or attempts >= max_attempts:
        return Lead.Pool.DONE
    return Lead.Pool.WAITING


def retry_due(ended_at: datetime, retry_delay: int) -> datetime:
    """When the next attempt is due: `retry_delay` minutes after the end of the call.

    Due while no schedule is open: the lead waits and is called when the next one opens. Due inside a later
    schedule: it is called at that moment. Both follow from comparing with the clock at claim time.
    """
    return ended_at + timedelta(minutes=retry_delay)


def apply_max_attempts(campaign_id: int, max_attempts: int) -> None:
    """After the maximum of a stopped campaign changed: leads come back into the pool or leave it."""
    leads = Lead.objects.filter(campaign=campaign_id).exclude(status__in=FINAL_STATUSES)
    leads.filter(pool=Lead.Pool.WAITING, attempts__gte=max_attempts).update(pool=Lead.Pool.DONE)
    leads.filter(pool=Lead.Pool.DONE, attempts__lt=max_attempts).update(pool=Lead.Pool.WAITING)
