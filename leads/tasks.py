"""Tasks on leads and the records of their calls."""

from celery import shared_task
from django.utils import timezone

from leads import attempt_search, counts, evidence, search, uploads


@shared_task(name="leads.forget_evidence")
def forget_evidence() -> None:
    evidence.forget(timezone.now())


@shared_task(name="leads.import_uploads")
def import_uploads() -> None:
    uploads.run_waiting()


@shared_task(name="leads.fold_counts")
def fold_counts() -> None:
    counts.fold()


@shared_task(name="leads.fill_search")
def fill_search() -> None:
    while search.fill():
        pass
    while attempt_search.fill():
        pass
