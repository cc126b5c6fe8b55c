"""What each user may do in each dialer group, as django-guardian's object permissions.

Nobody clicks them together: `derive` writes them from role and membership, in the transaction that changes either.
`accounts.scope` reads them for every row it shows, and `user.has_perm("groups.view_dialergroup", group)` answers
from the same rows. A Master has them in every group, anybody else in the groups they are in, a disabled user in
none. A disabled group takes none away: what is started there goes on, and is stopped by its people (SPEC 3).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Model

from accounts import scope
from accounts.models import GroupRight, Role, User
from accounts.scope import Action

MEANING: Mapping[str, tuple[str, Action]] = {
    "view_dialergroup": ("groups.dialergroup", Action.VIEW),
    "change_dialergroup": ("groups.dialergroup", Action.CHANGE),
    "view_users": ("accounts.user", Action.VIEW),
    "manage_users": ("accounts.user", Action.CHANGE),
    "view_campaigns": ("campaigns.campaign", Action.VIEW),
    "manage_campaigns": ("campaigns.campaign", Action.CHANGE),
}
"""Object permission on a group -> the line of `scope.RIGHTS` that gives it to a role."""


def of_role(role: str) -> set[str]:
    """The permissions that a role has in its groups."""
    return {name for name, (kind, action) in MEANING.items() if action in scope.RIGHTS[kind].get(role, ())}


def derive(*users: User) -> None:
    """Makes the rows of these users what role and membership say; others' rows stay untouched."""
    wanted = set()
    for user in users:
        names = of_role(user.role) if user.is_active else set()
        wanted |= {(user.pk, group, name) for group in _groups(user) for name in names} if names else set()
    rows = GroupRight.objects.filter(user__in=users)
    known = {
        tuple(values): pk
        for pk, *values in rows.values_list("pk", "user", "content_object", "permission__codename")
    }
    if surplus := [pk for key, pk in known.items() if key not in wanted]:
        GroupRight.objects.filter(pk__in=surplus).delete()
    if missing := wanted - known.keys():
        permissions = _permissions()
        GroupRight.objects.bulk_create(
            [
                GroupRight(user_id=user, content_object_id=group, permission_id=permissions[name])
                for user, group, name in sorted(missing)
            ],
            ignore_conflicts=True,
        )


def group_created(group: Model) -> None:
    """A new group is every Master's."""
    names, permissions = of_role(Role.MASTER), _permissions()
    masters = User.objects.filter(role=Role.MASTER, is_active=True).values_list("pk", flat=True)
    GroupRight.objects.bulk_create(
        [
            GroupRight(user_id=master, content_object_id=group.pk, permission_id=permissions[name])
            for master in masters
            for name in sorted(names)
        ],
        ignore_conflicts=True,
    )


def _groups(user: User) -> Iterable[Any]:
    if user.role == Role.MASTER:
        every: Any = User._meta.get_field("dialer_groups").related_model
        ids: Iterable[Any] = every._default_manager.values_list("pk", flat=True)
        return ids
    return user.dialer_groups.values_list("pk", flat=True)


def _permissions() -> dict[str, int]:
    known = Permission.objects.filter(content_type__app_label="groups", codename__in=MEANING)
    return dict(known.values_list("codename", "pk"))
