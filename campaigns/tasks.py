"""Tasks of beat on campaigns."""

from celery import shared_task
from django.utils import timezone

from campaigns import lifecycle


@shared_task(name="campaigns.advance_schedules")
def advance_schedules() -> None:
    lifecycle.advance_schedules(timezone.now())
