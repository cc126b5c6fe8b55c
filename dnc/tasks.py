"""Tasks of beat on do-not-call services."""

from celery import shared_task

from dnc import services


@shared_task(name="dnc.check_services")
def check_services() -> None:
    services.check_services()
