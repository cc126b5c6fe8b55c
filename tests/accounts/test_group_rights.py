"""Object permissions on dialer groups: always what role and membership say by SPEC 2, whatever was changed last."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from accounts import group_rights, scope, services
from accounts.models import GroupRight, Role, User
from groups.models import DialerGroup
from groups.services import create_group, update_group
from tests import factories as make

pytestmark = pytest.mark.django_db

# SPEC 2, said once more by hand.
TABLE: dict[str, set[str]] = {
    Role.MASTER: {"view_dialergroup", "change_dialergroup", "view_users", "manage_users"},
    Role.MANAGER: {"view_dialergroup", "change_dialergroup", "view_users", "manage_users"},
    Role.CAMPAIGN_ADMINISTRATOR: {"view_campaigns", "manage_campaigns"},
    Role.CAMPAIGN_SUPERVISOR: {"view_campaigns"},
}
ALL = {*group_rights.MEANING, "add_dialergroup", "delete_dialergroup"}


def assert_as_the_table_says() -> None:
    """Asks django-guardian through `has_perm`, for every user, group and permission."""
    for user in User.objects.all():
        own = set(user.dialer_groups.all())
        for group in DialerGroup.objects.all():
            inside = user.is_active and (group in own or user.role == Role.MASTER)
            has = {name for name in ALL if user.has_perm(f"groups.{name}", group)}
            assert has == (TABLE[user.role] if inside else set()), (user.role, inside)


def update(user: User, **changes: Any) -> User:
    fields = {"username": user.username, "first_name": "A", "last_name": "B", "role": user.role}
    groups = changes.pop("groups", list(user.dialer_groups.all()))
    return services.update_user(None, user, groups=groups, **{**fields, **changes})


@pytest.mark.parametrize("role", Role.values)
def test_rights_follow_every_change_of_role_membership_and_state(role: str) -> None:
    north, south = create_group(None, name="North"), create_group(None, name="South")
    services.create_user(
        None, username="root", password=make.PASSWORD, first_name="A", last_name="B", role=Role.MASTER
    )
    user = services.create_user(
        None, username="eva", password=make.PASSWORD, first_name="A", last_name="B", role=role, groups=[north]
    )
    assert_as_the_table_says()
    user = update(user, groups=[north, south])
    assert_as_the_table_says()
    user = update(user, groups=[south])
    assert_as_the_table_says()
    for other in Role.values:
        user = update(user, role=other)
        assert_as_the_table_says()
    user = update(user, role=role)
    update_group(None, south, name="South", description="", enabled=False)
    assert_as_the_table_says()
    create_group(None, name="East")
    assert_as_the_table_says()
    user = update(user, is_active=False)
    assert not GroupRight.objects.filter(user=user).exists()
    assert_as_the_table_says()
    user = update(user, is_active=True)
    assert_as_the_table_says()
    services.delete_user(User.objects.get(username="root"), user)
    assert set(GroupRight.objects.values_list("user__username", flat=True)) == {"root"}


def test_the_operators_first_master_and_users_of_an_earlier_version_have_their_rights() -> None:
    make.make_group()
    User.objects.create_superuser("root", make.PASSWORD, first_name="A", last_name="B")
    assert_as_the_table_says()
    for role in Role:
        make.make_user(role)
    make.make_user(is_active=False)
    derived = sorted(GroupRight.objects.values_list("user", "content_object", "permission"))
    group_rights.derive(*User.objects.all())
    derived = sorted(GroupRight.objects.values_list("user", "content_object", "permission"))
    GroupRight.objects.all().delete()
    import_module("accounts.migrations.0005_group_rights").derive_rights(apps, None)
    assert sorted(GroupRight.objects.values_list("user", "content_object", "permission")) == derived
    assert_as_the_table_says()


def test_scope_reads_the_rights_and_nothing_beside_them() -> None:
    """Taking the right away takes the rows away: membership alone opens nothing."""
    campaign = make.make_campaign()
    ana = make.make_user(groups=[campaign.group])
    assert scope.allowed(ana, "change", campaign)
    assert ana.has_perm("campaigns.change_campaign", campaign)
    GroupRight.objects.filter(user=ana, permission__codename="manage_campaigns").delete()
    assert scope.allowed(ana, "view", campaign)
    assert not scope.allowed(ana, "change", campaign)
    assert not User.objects.get(pk=ana.pk).has_perm("campaigns.change_campaign", campaign)
    GroupRight.objects.filter(user=ana).delete()
    assert not scope.allowed(ana, "view", campaign)
