"""What the engine writes about contact centres: their state, and the queues that they report."""

import asyncio
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from telephony.contact_center import ConnectorError, ContactCenterSnapshot, QueueSnapshot, make_connector
from telephony.models import ContactCenter, Queue


def ask(center: ContactCenter) -> ContactCenterSnapshot:
    """What the contact centre tells at this moment, asked by its settings. ConnectorError says what is wrong."""
    try:
        connector = make_connector(center.kind, center.settings)
    except ValueError as error:
        raise ConnectorError(f"The settings don't fit: {error}") from error
    return asyncio.run(connector.fetch())


@transaction.atomic
def sync_queues(contact_center_id: int, snapshot: ContactCenterSnapshot) -> dict[str, int]:
    """Writes the reported queues that are new or changed; returns the id of each by name.

    A queue that is no longer reported stays: campaigns and call records refer to it.
    """
    known = {queue.name: queue for queue in Queue.objects.filter(contact_center=contact_center_id)}
    for name, reported in snapshot.queues.items():
        queue = known.get(name)
        if queue is None:
            known[name] = Queue.objects.get_or_create(
                contact_center_id=contact_center_id, name=name, defaults=_fields(reported)
            )[0]
            continue
        fields = _fields(reported)
        if (
            not reported.pilot_number
        ):  # some contact centres don't know it: then it stays as a Master wrote it
            del fields["pilot_number"]
        if any(getattr(queue, field) != value for field, value in fields.items()):
            Queue.objects.filter(pk=queue.pk).update(**fields)
    return {name: queue.pk for name, queue in known.items()}


def _fields(reported: QueueSnapshot) -> dict[str, str]:
    return {"kind": str(reported.kind), "pilot_number": reported.pilot_number[:32]}


def record_connector_state(
    contact_center_id: int, state: str, error: str, last_event_at: datetime | None
) -> None:
    """State of the connector, one sentence when something is wrong, and when it last heard anything.

    The last error stays, with its time, when all is well again.
    """
    fields: dict[str, object] = {"state": ContactCenter.State(state)}
    if error:
        fields |= {"last_error": error, "last_error_at": timezone.now()}
    if last_event_at is not None:
        fields["last_event_at"] = last_event_at
    ContactCenter.objects.filter(pk=contact_center_id).update(**fields)
