"""Tasks on campaigns."""

import logging

from celery import shared_task
from django.utils import timezone

from campaigns import deletion, lifecycle

log = logging.getLogger(__name__)


@shared_task(name="campaigns.advance_schedules")
def advance_schedules() -> None:
    lifecycle.advance_schedules(timezone.now())


@shared_task(name="campaigns.delete_waiting")
def delete_waiting() -> None:
    deletion.run_waiting()


def ask_for_deletion() -> None:
    """Beat asks every few seconds, too: a lost message costs seconds."""
    try:
        delete_waiting.apply_async(expires=60)
    except delete_waiting.OperationalError as error:
        log.warning("The broker does not answer (%s); beat will start the deletion.", error)
