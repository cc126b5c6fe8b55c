"""Celery tasks of the engine. A message carries an id and nothing else (I7); none is ever retried by Celery."""

from celery import shared_task

from dialing import reconcile, recovery, reports, tallies, worker
from dialing.leases import database_time


@shared_task(name="dialing.run_attempt", max_retries=0)
def run_attempt(attempt_id: int) -> None:
    """Dials the attempt, when the gate agrees, and waits for the end of the call."""
    worker.current().carry_out(attempt_id)


@shared_task(name="dialing.recover_attempts", max_retries=0)
def recover_attempts() -> None:
    now = database_time()
    recovery.recover_attempts(now)
    recovery.withdraw_stopped()
    recovery.free_ports(now)
    reconcile.reconcile()
    reports.forget_old(now)
    tallies.flush()
