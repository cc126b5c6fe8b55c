"""Tasks on do-not-call services and lists."""

from celery import shared_task

from dnc import services, uploads


@shared_task(name="dnc.check_services")
def check_services() -> None:
    services.check_services()


@shared_task(name="dnc.import_uploads")
def import_uploads() -> None:
    uploads.run_waiting()
