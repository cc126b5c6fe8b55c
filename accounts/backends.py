"""Sign-in and model permissions from the role; no permission rows are clicked together."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts import scope
from accounts.models import Role, User


class RoleBackend(ModelBackend):
    """Authenticates with a password and answers Django's `has_perm` from `scope.RIGHTS`.

    `get_user` runs for each request of an open session, so the lock-out by disabled groups (G 6.3) ends
    sessions at once.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and not is_locked_out(user)

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Of a role; about one object scope is asked, and about a dialer group django-guardian's backend."""
        app_label, _, codename = perm.partition(".")
        action, _, model = codename.partition("_")
        if action not in set(scope.Action) or not user_obj.is_active:
            return False
        if obj is not None:
            of_its_kind = obj._meta.label_lower == f"{app_label}.{model}" != "groups.dialergroup"
            return of_its_kind and scope.allowed(user_obj, action, obj)
        rights = scope.RIGHTS.get(f"{app_label}.{model}", {})
        return scope.Action(action) in rights.get(getattr(user_obj, "role", ""), frozenset())

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        role = getattr(user_obj, "role", "")
        return user_obj.is_active and any(
            rights.get(role) for label, rights in scope.RIGHTS.items() if label.split(".")[0] == app_label
        )


def is_locked_out(user: User) -> bool:
    """Campaign Administrators and Supervisors without an enabled group can't sign in (G 6.3)."""
    if user.role in {Role.MASTER, Role.MANAGER}:
        return False
    return not user.dialer_groups.filter(enabled=True).exists()
