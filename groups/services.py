"""What may be done to dialer groups (SPEC 3). `actor` None is the operator at the shell."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, group_rights, scope
from accounts.models import Role, User
from accounts.scope import Action
from groups.models import DialerGroup


@transaction.atomic
def create_group(
    actor: User | None, *, name: str, description: str = "", enabled: bool = True
) -> DialerGroup:
    """A new group; Masters only."""
    if actor is not None:
        scope.require(actor, Action.ADD, DialerGroup)
    group = DialerGroup(name=name, description=description, enabled=enabled)
    group.full_clean()
    group.save()
    group_rights.group_created(group)
    audit.created(actor, group)
    return group


@transaction.atomic
def update_group(
    actor: User | None,
    group: DialerGroup,
    *,
    name: str | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> DialerGroup:
    """Changes what is given of a group; a Manager only enables and disables.

    Disabling lets started campaigns go on until their schedules have ended, refuses new starts and new
    campaigns, and locks out Campaign Administrators and Supervisors without another enabled group: the rules
    stand where they act (`campaigns.lifecycle.start_obstacles`, `accounts.backends.is_locked_out`).
    """
    name = group.name if name is None else name
    description = group.description if description is None else description
    if actor is not None:
        scope.require(actor, Action.CHANGE, group)
        if actor.role != Role.MASTER and (name, description) != (group.name, group.description):
            raise ValidationError({"name": _("Only a Master can change name and description of a group.")})
    before = audit.state(group)
    group.name, group.description = name, description
    group.enabled = group.enabled if enabled is None else enabled
    group.full_clean()
    group.save()
    audit.changed(actor, group, before)
    return group
