"""SPEC 2 and 3 by the sentence: what a user and a group have, who makes the first Master, no door out for a group."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts import services
from accounts.models import Role, User
from dialer_project.processes import preparation
from groups.models import DialerGroup
from groups.services import create_group, update_group
from tests.api.api_world import json_client
from tests.factories import PASSWORD, make_group, make_user
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


def person(role: str, *groups: DialerGroup, **fields: Any) -> dict[str, Any]:
    values = {"username": "nova", "password": PASSWORD, "first_name": "Nova", "last_name": "Pessoa"}
    return {**values, "role": role, "groups": list(groups), **fields}


@pytest.mark.parametrize("role", Role.values)
def test_a_user_has_at_least_one_group_and_a_master_may_have_none(role: str) -> None:
    master = make_user(Role.MASTER, [])
    first, second = make_group(), make_group()
    made = services.create_user(master, **person(role, first, second))
    assert set(made.dialer_groups.all()) == {first, second}
    alone = person(role, username="alone")
    if role == Role.MASTER:
        assert services.create_user(master, **alone).dialer_groups.count() == 0
        return
    with pytest.raises(ValidationError) as refusal:
        services.create_user(master, **alone)
    assert set(refusal.value.message_dict) == {"groups"}


@pytest.mark.parametrize("missing", ["username", "password", "first_name", "last_name", "role"])
def test_a_user_has_all_that_the_guide_names(missing: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        services.create_user(None, **{**person(Role.MASTER, make_group()), missing: ""})
    assert missing in refusal.value.message_dict
    assert not User.objects.exists()


def test_a_master_sees_changes_and_deletes_users_of_every_group_and_every_role() -> None:
    master = make_user(Role.MASTER, [])
    others = [make_user(role) for role in Role] + [make_user(Role.MASTER, [])]
    client = json_client(master)
    listed = {row["id"] for row in client.get("/api/v1/users").json()["results"]}
    assert listed == {master.pk, *(user.pk for user in others)}
    for user in others:
        address = f"/api/v1/users/{user.pk}"
        assert client.patch(address, {"last_name": "Changed"}).json()["last_name"] == "Changed"
        assert client.delete(address).status_code == 204
    assert User.objects.get() == master


def test_a_master_puts_users_into_groups_and_takes_them_out() -> None:
    first, second = make_group(), make_group()
    user = make_user(groups=[first])
    client = json_client(make_user(Role.MASTER, []))
    for groups in ([second.pk], [first.pk, second.pk]):
        answer = client.patch(f"/api/v1/users/{user.pk}", {"groups": groups})
        assert sorted(answer.json()["groups"]) == sorted(groups)
    assert set(user.dialer_groups.all()) == {first, second}


def test_a_manager_changes_and_deletes_the_users_of_their_groups() -> None:
    group = make_group()
    client = json_client(make_user(Role.MANAGER, [group]))
    user = make_user(groups=[group])
    address = f"/api/v1/users/{user.pk}"
    assert client.patch(address, {"role": Role.CAMPAIGN_SUPERVISOR}).json()["role"] == "CAMPAIGN_SUPERVISOR"
    assert client.patch(address, {"role": Role.MASTER}).status_code == 400
    assert client.delete(address).status_code == 204


def test_the_name_of_a_user_and_of_a_group_is_taken_once() -> None:
    make_user(username="nova")
    with pytest.raises(ValidationError) as refusal:
        services.create_user(None, **person(Role.MASTER))
    assert set(refusal.value.message_dict) == {"username"}
    north, south = create_group(None, name="North", description="Cold"), create_group(None, name="South")
    assert (north.description, north.enabled, south.description) == ("Cold", True, "")
    with pytest.raises(ValidationError) as refusal:
        create_group(None, name="North")
    assert set(refusal.value.message_dict) == {"name"}
    with pytest.raises(ValidationError) as refusal:
        update_group(None, south, name="North", description="", enabled=True)
    assert set(refusal.value.message_dict) == {"name"}


def test_the_set_up_makes_the_first_master_and_no_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_MASTER_USER", "boss")
    made = preparation.first_master()
    assert made is not None
    username, password = made
    master = User.objects.get()
    assert (username, master.username, master.role) == ("boss", "boss", Role.MASTER)
    assert Client().login(username=username, password=password)
    assert preparation.first_master() is None
    assert User.objects.count() == 1


def test_the_first_masters_password_may_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIALER_MASTER_PASSWORD", PASSWORD)
    made = preparation.first_master()
    assert made is not None
    assert PASSWORD not in made, "it is not shown"
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize("role", Role.values)
def test_no_role_deletes_a_group_by_page_or_api(role: str) -> None:
    group = make_group()
    user = make_user(role, [group])
    browser, client = signed_in(user), json_client(user)
    page = f"/groups/dialergroup/{group.pk}/"
    assert browser.get(f"{page}delete/").status_code == 403
    assert browser.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    marked = {"action": "delete_selected", "_selected_action": str(group.pk), "post": "yes"}
    assert browser.post("/groups/dialergroup/", marked).status_code in {200, 302, 403}
    assert client.delete(f"/api/v1/groups/{group.pk}").status_code in {403, 405}
    assert DialerGroup.objects.get() == group
    if role in {Role.MASTER, Role.MANAGER}:
        assert "delete/" not in browser.get(f"{page}change/").content.decode(), "nor is it offered"
