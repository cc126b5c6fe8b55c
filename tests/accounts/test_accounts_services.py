"""Users, roles and the lock-out by disabled groups (SPEC 2 and 3)."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InternalError, connection, transaction
from django.db.models import ProtectedError
from django.db.utils import IntegrityError
from django.test import Client

from accounts import scope, services
from accounts.models import Role, User
from groups.models import DialerGroup
from groups.services import create_group, update_group
from tests.factories import PASSWORD, make_campaign, make_group, make_lead, make_user

pytestmark = pytest.mark.django_db

PASS = "correct horse battery"


def new_user(actor: User | None, **fields: Any) -> User:
    values: dict[str, Any] = {
        "username": "nova",
        "password": PASS,
        "first_name": "Nova",
        "last_name": "Pessoa",
        "role": Role.CAMPAIGN_SUPERVISOR,
    }
    return services.create_user(actor, **{**values, **fields})


def test_a_manager_creates_users_below_master_in_own_groups() -> None:
    group = make_group()
    manager = make_user(Role.MANAGER, groups=[group])
    user = new_user(manager, groups=[group])
    assert user.check_password(PASS)
    assert list(user.dialer_groups.all()) == [group]
    wrong: dict[str, Any]
    for wrong in ({"role": Role.MASTER, "groups": [group]}, {"groups": [make_group()]}, {"groups": []}):
        with pytest.raises(ValidationError):
            new_user(manager, username="other", **wrong)


@pytest.mark.parametrize("role", [Role.CAMPAIGN_ADMINISTRATOR, Role.CAMPAIGN_SUPERVISOR])
def test_campaign_roles_create_nobody(role: Role) -> None:
    user = make_user(role)
    with pytest.raises(PermissionDenied):
        new_user(user, groups=list(user.dialer_groups.all()))


def test_only_masters_set_passwords() -> None:
    group = make_group()
    user = make_user(groups=[group])
    with pytest.raises(PermissionDenied):
        services.set_password(make_user(Role.MANAGER, groups=[group]), user, PASS)
    with pytest.raises(ValidationError):
        services.set_password(make_user(Role.MASTER, groups=[]), user, "123")
    services.set_password(make_user(Role.MASTER, groups=[]), user, PASS)
    assert User.objects.get(pk=user.pk).check_password(PASS)


def test_the_last_active_master_can_be_neither_deleted_nor_demoted() -> None:
    master = make_user(Role.MASTER, groups=[])
    asleep = make_user(Role.MASTER, groups=[], is_active=False)
    fields: dict[str, Any] = {"username": master.username, "first_name": "A", "last_name": "B"}
    with pytest.raises(ValidationError):
        services.update_user(None, master, role=Role.MANAGER, groups=[make_group()], **fields)
    with pytest.raises(ValidationError):
        services.update_user(None, master, role=Role.MASTER, groups=[], is_active=False, **fields)
    second = make_user(Role.MASTER, groups=[])
    services.delete_user(second, master)
    with pytest.raises(ValidationError):
        services.delete_user(second, second)
    services.delete_user(second, asleep)


def test_a_manager_touches_neither_masters_nor_strangers() -> None:
    group = make_group()
    manager = make_user(Role.MANAGER, groups=[group])
    master = make_user(Role.MASTER, groups=[group])
    for target in (master, make_user()):
        with pytest.raises(PermissionDenied):
            services.delete_user(manager, target)


def test_a_manager_leaves_a_users_foreign_groups_as_they_are() -> None:
    mine, foreign = make_group(), make_group()
    manager = make_user(Role.MANAGER, groups=[mine])
    user = make_user(groups=[mine, foreign])
    services.update_user(
        manager, user, username="x", first_name="A", last_name="B", role=user.role, groups=[mine]
    )
    assert set(user.dialer_groups.all()) == {mine, foreign}


@pytest.mark.parametrize(
    ("role", "locked"),
    [
        (Role.MASTER, False),
        (Role.MANAGER, False),
        (Role.CAMPAIGN_ADMINISTRATOR, True),
        (Role.CAMPAIGN_SUPERVISOR, True),
    ],
)
def test_disabling_all_groups_locks_campaign_roles_out_at_once(
    client: Client, role: Role, locked: bool
) -> None:
    group, other = make_group(), make_group()
    user = make_user(role, groups=[group, other])
    assert client.login(username=user.username, password=PASSWORD)
    update_group(None, group, name=group.name, description="", enabled=False)
    assert client.login(username=user.username, password=PASSWORD), "one enabled group is enough"
    update_group(None, other, name=other.name, description="", enabled=False)
    assert (client.get("/").status_code == 302) is locked, "open sessions stop working"
    assert client.login(username=user.username, password=PASSWORD) is not locked


def test_groups_are_never_deleted_by_any_door() -> None:
    group = make_group()
    with pytest.raises(ProtectedError):
        group.delete()
    with pytest.raises(ProtectedError):
        DialerGroup.objects.all().delete()
    with (
        pytest.raises((InternalError, IntegrityError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM groups_dialergroup")
    assert DialerGroup.objects.get() == group


def test_masters_make_groups_and_managers_only_switch_them() -> None:
    group = make_group()
    manager = make_user(Role.MANAGER, groups=[group])
    update_group(manager, group, name=group.name, description=group.description, enabled=False)
    assert not DialerGroup.objects.get(pk=group.pk).enabled
    with pytest.raises(ValidationError):
        update_group(manager, group, name="Renamed", description="", enabled=True)
    with pytest.raises(PermissionDenied):
        create_group(manager, name="Mine")
    stranger = make_group()
    with pytest.raises(PermissionDenied):
        update_group(manager, stranger, name=stranger.name, description="", enabled=False)


def test_i9_scope_shows_each_role_only_its_groups_rows() -> None:
    campaign = make_campaign()
    make_lead(campaign)
    for role in Role:
        insider = make_user(role, groups=[campaign.group])
        outsider = make_user(role)
        for model in (type(campaign), *(rel.related_model for rel in campaign._meta.related_objects)):
            rows = model._default_manager.all()
            assert not scope.visible(outsider, rows).exists(), (role, model)
            assert scope.visible(insider, rows).exists() <= scope.may(insider, "view", model)
    assert scope.visible(make_user(groups=[campaign.group]), type(campaign).objects.all()).get() == campaign


def test_a_manager_sees_the_users_of_their_groups_once_and_no_masters() -> None:
    first, second = make_group(), make_group()
    manager = make_user(Role.MANAGER, groups=[first, second])
    user = make_user(groups=[first, second])
    make_user(Role.MASTER, groups=[first])
    make_user()
    seen = scope.visible(manager, User.objects.order_by("id"))
    assert list(seen) == [manager, user]
