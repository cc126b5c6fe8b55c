"""Tasks of beat on telephony."""

from celery import shared_task

from telephony import held_tables


@shared_task(name="telephony.forget_held_tables")
def forget_held_tables() -> None:
    held_tables.forget_old()
