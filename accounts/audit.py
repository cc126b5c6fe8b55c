"""The record of who changed what and when. Services call it for each change that a person makes.

Nothing is hooked to saving: the engine's own updates and imports of a million leads write no history and are not
slowed down. A service takes `state` before it changes a row and calls `changed` after it.
"""

import hashlib
import json
from collections.abc import Mapping

from django.db.models import Model

from accounts.models import Change, User

State = Mapping[str, str]

_SECRET = frozenset({"password", "bearer_token", "settings"})
"""Never written; `settings` of a contact centre may hold a password."""
_LONGEST = 500
"""Characters kept of a value."""


def state(row: Model) -> State:
    """The fields that people edit, as words."""
    values: dict[str, str] = {}
    for field in row._meta.concrete_fields:
        if field.editable and not field.primary_key:
            values[field.name] = str(getattr(row, field.name))
    for relation in row._meta.many_to_many:
        if relation.editable:
            names = sorted(str(other) for other in getattr(row, relation.name).all())
            values[relation.name] = ", ".join(names)
    return values


def fingerprint(row: Model) -> str:
    """The same as long as nobody changed the fields that people edit: what an editor has seen."""
    return hashlib.sha256(json.dumps(sorted(state(row).items())).encode()).hexdigest()[:32]


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


def _write(actor: User | None, row: Model, action: Change.Action, before: State, after: State) -> None:
    fields: list[list[str]] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            fields.append([name] if name in _SECRET else [name, old[:_LONGEST], new[:_LONGEST]])
    Change.objects.create(
        actor=actor,
        actor_name=actor.username if actor is not None else "",
        kind=row._meta.label_lower,
        object_id=row.pk,
        object_name=str(row)[:255],
        action=action,
        fields=fields,
    )
