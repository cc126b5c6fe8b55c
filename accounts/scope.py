"""The one place that says who sees and does what (SPEC 2, invariant I9).

Two questions, asked at every door:

- `may(user, action, model)`: does the role allow `action` on this kind of object at all?
- `visible(user, queryset)`: which rows? A model names the way to its dialer group in `GROUP_PATH`
  (`"group"`, `"campaign__group"`); one without `GROUP_PATH` is not bound to groups. One with `OWNER_PATH` shows
  everybody but Masters their own rows. In which groups the user has
  the right is read from the object permissions that `accounts.group_rights` derives from role and membership.

`allowed(user, action, obj)` answers both for one object.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db.models import F, Lookup, Model, QuerySet
from django.utils.translation import gettext as _

from accounts.models import GroupRight, Role, User

M = TypeVar("M", bound=Model)


class Action(StrEnum):
    VIEW = "view"
    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"
    OPERATE = "operate"
    """Start and stop a campaign."""


_VIEW = frozenset({Action.VIEW})
_EDIT = frozenset({Action.VIEW, Action.ADD, Action.CHANGE, Action.DELETE})
_RUN = _EDIT | {Action.OPERATE}

# Per model: what each role may do. A model that is not listed is nobody's.
RIGHTS: Mapping[str, Mapping[str, frozenset[Action]]] = {
    "accounts.user": {Role.MASTER: _EDIT, Role.MANAGER: _EDIT},
    "accounts.change": {Role.MASTER: _VIEW},
    "accounts.signinlock": {Role.MASTER: frozenset({Action.VIEW, Action.DELETE})},
    "groups.dialergroup": {
        Role.MASTER: frozenset({Action.VIEW, Action.ADD, Action.CHANGE}),
        Role.MANAGER: frozenset({Action.VIEW, Action.CHANGE}),
    },
    "campaigns.campaign": {
        Role.CAMPAIGN_ADMINISTRATOR: _RUN,
        Role.CAMPAIGN_SUPERVISOR: _VIEW,
    },
    "campaigns.schedule": {
        Role.CAMPAIGN_ADMINISTRATOR: _EDIT,
        Role.CAMPAIGN_SUPERVISOR: _VIEW,
    },
    "leads.lead": {Role.CAMPAIGN_ADMINISTRATOR: _EDIT},
    "leads.leadcount": {Role.CAMPAIGN_ADMINISTRATOR: _VIEW},
    "leads.leadupload": {Role.CAMPAIGN_ADMINISTRATOR: frozenset({Action.VIEW, Action.ADD})},
    "leads.callattempt": {Role.CAMPAIGN_ADMINISTRATOR: _VIEW},
    "leads.amdevidence": {Role.CAMPAIGN_ADMINISTRATOR: _VIEW},
    "leads.amdlabel": {Role.CAMPAIGN_ADMINISTRATOR: _EDIT, Role.CAMPAIGN_SUPERVISOR: _VIEW},
    "leads.evidencepolicy": {Role.MASTER: frozenset({Action.VIEW, Action.CHANGE})},
    "dnc.dncservice": {
        Role.MASTER: _EDIT,
        Role.MANAGER: _VIEW,
        Role.CAMPAIGN_ADMINISTRATOR: _VIEW,
        Role.CAMPAIGN_SUPERVISOR: _VIEW,
    },
    "dnc.dncnumber": {
        Role.MASTER: frozenset({Action.VIEW, Action.ADD, Action.DELETE}),
        Role.MANAGER: frozenset({Action.VIEW, Action.ADD}),
        Role.CAMPAIGN_ADMINISTRATOR: frozenset({Action.VIEW, Action.ADD}),
    },
    "dnc.dncupload": {
        Role.MASTER: frozenset({Action.VIEW, Action.ADD}),
        Role.MANAGER: frozenset({Action.VIEW, Action.ADD}),
        Role.CAMPAIGN_ADMINISTRATOR: frozenset({Action.VIEW, Action.ADD}),
    },
    "dnc.dncremoval": {Role.MASTER: _VIEW},
    "telephony.carrier": {Role.MASTER: _EDIT},
    "telephony.dialerport": {Role.MASTER: _EDIT},
    "telephony.resultrule": {Role.MASTER: _EDIT},
    "telephony.contactcenter": {Role.MASTER: _EDIT},
    "telephony.queue": {
        Role.MASTER: _EDIT,
        Role.MANAGER: _VIEW,
        Role.CAMPAIGN_ADMINISTRATOR: _VIEW,
        Role.CAMPAIGN_SUPERVISOR: _VIEW,
    },
}


def may(user: Any, action: Action | str, model: type[Model] | Model) -> bool:
    """Whether the user's role allows `action` on this kind of object."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return Action(action) in RIGHTS.get(model._meta.label_lower, {}).get(user.role, frozenset())


def groups_where(user: User, action: Action | str, model: type[Model]) -> QuerySet[Any, Any]:
    """Ids of the dialer groups in which the user may do `action` to rows of `model`, as a subquery."""
    rights = GroupRight.objects.filter(user=user, permission__codename=_group_right(action, model))
    ids: QuerySet[Any, Any] = rights.values("content_object")
    return ids


def _group_right(action: Action | str, model: type[Model]) -> str:
    """The object permission on a group that `action` on the group's rows of `model` takes."""
    label = model._meta.label_lower
    if label == "groups.dialergroup":
        return f"{Action(action)}_dialergroup"
    if label == "accounts.user":
        return "view_users" if action == Action.VIEW else "manage_users"
    return "view_campaigns" if action == Action.VIEW else "manage_campaigns"


class _IsAnyOf(Lookup):
    """`value = ANY (array)`, for which PostgreSQL works out the array first.

    Of rows whose group is IN a subquery it expects a few, however many there are: it sorts a million call records
    for one page instead of walking an index.
    """

    lookup_name = "any_of"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        value, value_parameters = self.process_lhs(compiler, connection)
        array, array_parameters = self.process_rhs(compiler, connection)
        return f"{value} = ANY {array}", (*value_parameters, *array_parameters)


def visible(user: Any, queryset: QuerySet[M], action: Action | str = Action.VIEW) -> QuerySet[M]:
    """The rows of `queryset` to which the user may do `action`: those of their groups, all for a Master."""
    model = queryset.model
    if not may(user, action, model):
        return queryset.none()
    path, owner = getattr(model, "GROUP_PATH", None), getattr(model, "OWNER_PATH", None)
    if owner is not None and user.role != Role.MASTER:
        queryset = queryset.filter(**{owner: user})
    if path is None or user.role == Role.MASTER:
        return queryset
    if model._meta.label_lower == "accounts.user":
        queryset = queryset.exclude(role=Role.MASTER)
    groups = groups_where(user, action, model)
    if path == "dialer_groups":  # a membership in two shared groups must not give two rows
        through = model.objects.filter(dialer_groups__in=groups)  # type: ignore[attr-defined]
        return queryset.filter(pk__in=through.values("pk"))
    return queryset.filter(_IsAnyOf(F(path), ArraySubquery(groups)))


def allowed(user: Any, action: Action | str, obj: Model) -> bool:
    """Whether the user may do `action` to this very object."""
    manager: Any = type(obj)._default_manager
    return visible(user, manager.filter(pk=obj.pk), action).exists()


def require(user: Any, action: Action | str, target: type[Model] | Model) -> None:
    """Raises PermissionDenied unless the user may do `action` to the object (or kind of object)."""
    fine = may(user, action, target) if isinstance(target, type) else allowed(user, action, target)
    if not fine:
        name = target._meta.verbose_name
        raise PermissionDenied(_("Your role or your groups do not allow this for %(kind)s.") % {"kind": name})
