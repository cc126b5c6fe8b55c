"""What may be done to users, and by whom (SPEC 2). `actor` None is the operator at the shell."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, group_rights, scope
from accounts.models import Role, SignInLock, User
from accounts.scope import Action

if TYPE_CHECKING:
    from groups.models import DialerGroup


@transaction.atomic
def create_user(
    actor: User | None,
    *,
    username: str,
    password: str,
    first_name: str,
    last_name: str,
    role: str,
    groups: Collection["DialerGroup"] = (),
) -> User:
    """A new user with a first password. A Manager gives roles below Master and only their own groups."""
    if actor is not None:
        scope.require(actor, Action.ADD, User)
    user = User(username=username, first_name=first_name, last_name=last_name, role=role)
    _check_role_and_groups(actor, role, groups, before=())
    _check_password(password, user)
    user.set_password(password)
    user.full_clean()
    user.save()
    user.dialer_groups.set(groups)
    group_rights.derive(user)
    audit.created(actor, user)
    return user


@transaction.atomic
def update_user(
    actor: User | None,
    user: User,
    *,
    username: str,
    first_name: str,
    last_name: str,
    role: str,
    groups: Collection["DialerGroup"],
    is_active: bool = True,
) -> User:
    """Changes all but the password. The last active Master stays a Master and active."""
    if actor is not None:
        scope.require(actor, Action.CHANGE, user)
    current = User.objects.select_for_update().get(pk=user.pk)
    if current.role == Role.MASTER and (role != Role.MASTER or not is_active):
        _require_another_master(current)
    was, before = audit.state(current), list(current.dialer_groups.all())
    if actor is not None and actor.role != Role.MASTER:
        mine = set(actor.dialer_groups.all())
        groups = [*groups, *(group for group in before if group not in mine and group not in groups)]
    _check_role_and_groups(actor, role, groups, before)
    current.username, current.first_name, current.last_name = username, first_name, last_name
    current.role, current.is_active = role, is_active
    current.full_clean(exclude=["password"])
    current.save()
    current.dialer_groups.set(groups)
    group_rights.derive(current)
    audit.changed(actor, current, was)
    return current


@transaction.atomic
def set_password(actor: User | None, user: User, password: str) -> None:
    """Sets or resets a password; only a Master can (SPEC 2). Open sessions of the user end, and locks open."""
    if actor is not None and actor.role != Role.MASTER:
        raise PermissionDenied(_("Only a Master can set or reset a password."))
    _check_password(password, user)
    was = audit.state(user)
    user.set_password(password)
    user.save(update_fields=["password"])
    audit.changed(actor, user, was)
    SignInLock.objects.filter(username=user.username).delete()


@transaction.atomic
def delete_user(actor: User, user: User) -> None:
    """Deletes a user; neither oneself nor the last active Master."""
    scope.require(actor, Action.DELETE, user)
    if user.pk == actor.pk:
        raise ValidationError(_("You can't delete yourself."))
    if user.role == Role.MASTER:
        _require_another_master(user)
    audit.deleted(actor, user)
    user.delete()


def _require_another_master(user: User) -> None:
    masters = User.objects.select_for_update().filter(role=Role.MASTER, is_active=True)
    if {master.pk for master in masters} <= {user.pk}:
        raise ValidationError(_("This is the last active Master: it can be neither deleted nor demoted."))


def _check_role_and_groups(
    actor: User | None, role: str, groups: Collection["DialerGroup"], before: Collection["DialerGroup"]
) -> None:
    if role != Role.MASTER and not groups:
        raise ValidationError({"groups": _("Choose at least one dialer group.")})
    if actor is None or actor.role == Role.MASTER:
        return
    if role == Role.MASTER:
        raise ValidationError({"role": _("Only a Master can make a Master.")})
    mine = set(actor.dialer_groups.all())
    if foreign := [group.name for group in groups if group not in mine and group not in before]:
        raise ValidationError({"groups": _("You are not in: %(names)s.") % {"names": ", ".join(foreign)}})


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
