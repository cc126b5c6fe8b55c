"""Tasks of beat on leads and the records of their calls."""

from celery import shared_task
from django.utils import timezone

from leads import evidence


@shared_task(name="leads.forget_evidence")
def forget_evidence() -> None:
    evidence.forget(timezone.now())
