"""The record of who changed what, when and through which door. Services call it for each change that a person makes.

It fills the tables of `accounts.history`. Nothing is hooked to saving: the engine's own updates and imports of a
million leads write no history and are not slowed down. A service takes `state` before it changes a row and calls
`changed` after it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _
from simple_history.models import HistoricalRecords

from accounts.client_address import client_address
from accounts.models import Change, User

State = Mapping[str, str]

_NOT_EDITED = frozenset({"last_login"})
"""Written by the system, though Django calls it editable."""
_LONGEST = 500
"""Characters kept of a value."""


def state(row: Model) -> State:
    """The fields that people edit, as words."""
    values: dict[str, str] = {}
    for field in row._meta.concrete_fields:
        if field.editable and not field.primary_key and field.name not in _NOT_EDITED:
            values[field.name] = str(getattr(row, field.name))
    for relation in row._meta.many_to_many:
        if relation.editable:
            names = sorted(str(other) for other in getattr(row, relation.name).all())
            values[relation.name] = ", ".join(names)
    return values


def fingerprint(*rows: Model) -> str:
    """The same as long as nobody changed the fields that people edit: what an editor has seen."""
    states = [[row.pk, *sorted(state(row).items())] for row in rows]
    return hashlib.sha256(json.dumps(states).encode()).hexdigest()[:32]


class StaleError(ValidationError):
    """What the editor saw is not what is there now."""

    def __init__(self) -> None:
        super().__init__(
            _("Somebody else has changed this since you opened it. Open it again and repeat your change.")
        )


def require_unchanged(row: Model, *seen: str) -> None:
    """Raises StaleError when the row's `fingerprint` is none of `seen` any more; locks the row until the commit."""
    rows: Any = type(row)._default_manager
    current = rows.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if current is None or fingerprint(current) not in seen:
        raise StaleError


def created(actor: User | None, row: Model) -> None:
    _write(actor, row, Change.Action.CREATED, {}, state(row))


def changed(actor: User | None, row: Model, before: State) -> None:
    """Writes what differs from `before`; nothing when nothing does."""
    after = state(row)
    if after != before:
        _write(actor, row, Change.Action.CHANGED, before, after)


def deleted(actor: User | None, row: Model) -> None:
    """Before the row goes."""
    _write(actor, row, Change.Action.DELETED, state(row), {})


def noted(actor: User | None, row: Model, action: Change.Action) -> None:
    """An act that is no change of fields: start, stop."""
    _write(actor, row, action, {}, {})


_TYPES = {Change.Action.CREATED: "+", Change.Action.DELETED: "-"}


def _write(actor: User | None, row: Any, action: Change.Action, before: State, after: State) -> None:
    table = row.history.model
    secrets = table._history_excluded_fields  # what the snapshot leaves out is written as a name only
    words: list[list[str]] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            words.append([name] if name in secrets else [name, old[:_LONGEST], new[:_LONGEST]])
    door, address = _door()
    table.objects.create(
        **{field.attname: getattr(row, field.attname) for field in table.tracked_fields},
        history_date=timezone.now(),
        history_type=_TYPES.get(action, "~"),
        history_change_reason=action if action in {Change.Action.STARTED, Change.Action.STOPPED} else None,
        history_user=actor,
        history_actor=actor.username if actor is not None else "",
        history_door=door,
        history_address=address,
        history_object_name=str(row)[:255],
        history_words=words,
    )


def _door() -> tuple[Change.Door, str | None]:
    """Where the change comes from: the request that django-simple-history's middleware keeps, if there is one."""
    request = getattr(HistoricalRecords.context, "request", None)
    if request is None:
        return Change.Door.SHELL, None
    door = Change.Door.API if request.path.startswith("/api/") else Change.Door.PAGES
    return door, client_address(request)
