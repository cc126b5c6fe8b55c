"""What a Master sets up: dialer ports, contact centres, queues, the result table. No `actor`: the shell."""

from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, scope
from accounts.models import User
from accounts.scope import Action
from telephony.models import Carrier, ContactCenter, DialerPort, Queue, ResultRule

M = TypeVar("M", Carrier, DialerPort, ContactCenter, Queue, ResultRule)


SECRET_SETTINGS = ("password", "token", "push_secret")
"""Of a contact centre: written, never read. An empty one keeps what is stored, one that is absent removes it."""


def without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    """As people and programs may read them."""
    return {name: "" if name in SECRET_SETTINGS else value for name, value in settings.items()}


def with_kept_secrets(settings: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """`settings` as somebody sent them back, with the stored secrets where theirs are empty."""
    kept = {name: stored[name] for name in SECRET_SETTINGS if name in stored and settings.get(name) == ""}
    return {**settings, **kept}


@transaction.atomic
def save(actor: User | None, row: M, **fields: Any) -> M:
    """Adds (`row` unsaved) or changes a port, contact centre or queue. Raises ValidationError by field."""
    if actor is not None:
        scope.require(actor, Action.CHANGE if row.pk else Action.ADD, type(row))
    if isinstance(row, Queue) and row.pk:
        _check_queue_kind(row, fields.get("kind", row.kind))
    if not isinstance(fields.get("settings", {}), dict):
        raise ValidationError({"settings": _('Use a JSON object, for example {"host": "127.0.0.1"}.')})
    known: Any = type(row)._default_manager.filter(pk=row.pk).first() if row.pk else None
    if isinstance(row, ContactCenter) and "settings" in fields and known is not None:
        fields["settings"] = with_kept_secrets(fields["settings"], known.settings)
    before = audit.state(known) if known is not None else None
    for name, value in fields.items():
        setattr(row, name, value)
    row.full_clean()
    if isinstance(row, DialerPort) and row.carrier is None:
        row.carrier = Carrier.objects.get_or_create(name=row.registrar_host[:100])[0]
        fields["carrier"] = row.carrier
    row.save(update_fields=list(fields) if row.pk else None)  # the state is written by others meanwhile
    if before is None:
        audit.created(actor, row)
    else:
        audit.changed(actor, row, before)
    return row


@transaction.atomic
def delete(actor: User | None, row: Carrier | DialerPort | ContactCenter | Queue | ResultRule) -> None:
    """Deletes what nothing uses: else ProtectedError, or ValidationError for a port in a call."""
    if actor is not None:
        scope.require(actor, Action.DELETE, row)
    if isinstance(row, DialerPort) and _has_open_attempt(row):
        raise ValidationError(_("The port is in a call. Disable it first, and delete it after the call."))
    audit.deleted(actor, row)
    row.delete()


def _check_queue_kind(queue: Queue, kind: str) -> None:
    if kind != queue.kind and queue.campaigns.exists():
        raise ValidationError({"kind": _("Campaigns use this queue; its kind can't change.")})


def _has_open_attempt(port: DialerPort) -> bool:
    attempts: Any = port.call_attempts
    return bool(attempts.filter(ended_at=None).exists())
