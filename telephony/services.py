"""What the engine writes about contact centres: their state, and the queues that they report."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from telephony.contact_center import ContactCenterSnapshot, QueueSnapshot
from telephony.models import ContactCenter, Queue


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
        elif _fields(reported) != {"kind": queue.kind, "pilot_number": queue.pilot_number}:
            Queue.objects.filter(pk=queue.pk).update(**_fields(reported))
    return {name: queue.pk for name, queue in known.items()}


def _fields(reported: QueueSnapshot) -> Mapping[str, str]:
    return {"kind": str(reported.kind), "pilot_number": reported.pilot_number[:32]}


def record_connector_state(
    contact_center_id: int, state: str, error: str, last_event_at: datetime | None
) -> None:
    """State of the connector, one sentence when something is wrong, and when it last heard anything."""
    fields: dict[str, object] = {"state": ContactCenter.State(state), "last_error": error}
    if last_event_at is not None:
        fields["last_event_at"] = last_event_at
    ContactCenter.objects.filter(pk=contact_center_id).update(**fields)
