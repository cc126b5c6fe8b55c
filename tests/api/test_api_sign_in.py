"""Tokens, sessions, lock-out (SPEC 3) and CSRF at the API."""

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from accounts import services
from accounts.models import ApiToken, Role, User
from groups.services import update_group
from tests.api.api_world import client_of
from tests.factories import PASSWORD, make_group, make_user, put_into_groups

pytestmark = pytest.mark.django_db
TOKEN, ME = "/api/v1/auth/token", "/api/v1/auth/me/"


@pytest.fixture(autouse=True)
def no_remembered_failures() -> None:
    cache.clear()


def sign_in(username: str, password: str = PASSWORD) -> APIClient:
    client = APIClient()
    answer = client.post(TOKEN, {"username": username, "password": password}, format="json")
    assert answer.status_code == 200, answer.content
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    return client


def disable(user: User) -> None:
    for group in user.dialer_groups.all():
        update_group(None, group, name=group.name, description="", enabled=False)


def test_a_token_opens_the_api_until_it_is_revoked() -> None:
    user = make_user(groups=[make_group(name="North")])
    client = sign_in(user.username)
    me = client.get(ME).json()
    assert (me["username"], me["role"], me["groups"][0]["name"]) == (user.username, user.role, "North")
    assert client.delete(TOKEN).status_code == 204
    answer = client.get(ME)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:dialer:problem:authentication_failed")


def test_the_keyword_token_does_as_well_and_only_a_digest_is_kept() -> None:
    user = make_user()
    secret = (
        APIClient()
        .post(TOKEN, {"username": user.username, "password": PASSWORD}, format="json")
        .json()["token"]
    )
    assert APIClient().get(ME, HTTP_AUTHORIZATION=f"Token {secret}").status_code == 200
    assert secret not in str(ApiToken.objects.values_list())


def test_a_new_password_ends_the_tokens() -> None:
    user = make_user()
    client = sign_in(user.username)
    services.set_password(None, user, "another good pass phrase")
    assert client.get(ME).status_code == 401


def test_a_deactivated_or_deleted_user_has_no_token() -> None:
    user, gone = make_user(), make_user()
    clients = [sign_in(user.username), sign_in(gone.username)]
    User.objects.filter(pk=user.pk).update(is_active=False)
    gone.delete()
    assert [client.get(ME).status_code for client in clients] == [401, 401]


@pytest.mark.parametrize("role", [Role.CAMPAIGN_ADMINISTRATOR, Role.CAMPAIGN_SUPERVISOR])
def test_locked_out_users_neither_get_nor_use_a_token_nor_a_session(role: Role) -> None:
    user = make_user(role)
    program, browser = sign_in(user.username), APIClient()
    browser.force_login(user)
    assert browser.get(ME).status_code == 200
    disable(user)
    refused = APIClient().post(TOKEN, {"username": user.username, "password": PASSWORD}, format="json")
    assert refused.status_code == 401
    assert (program.get(ME).status_code, browser.get(ME).status_code) == (401, 401)
    put_into_groups(user, make_group())
    assert program.get(ME).status_code == 200, "with one enabled group they can"


@pytest.mark.parametrize("role", [Role.MASTER, Role.MANAGER])
def test_masters_and_managers_are_never_locked_out(role: Role) -> None:
    user = make_user(role)
    disable(user)
    assert sign_in(user.username).get(ME).status_code == 200


def test_a_session_needs_the_csrf_token_and_a_program_does_not() -> None:
    user = make_user(Role.MASTER)
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(user)
    answer = browser.post("/api/v1/groups/", {"name": "South"}, format="json")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert "CSRF" in answer.json()["detail"]
    program = client_of(user, enforce_csrf_checks=True)
    assert program.post("/api/v1/groups/", {"name": "South"}, format="json").status_code == 201


def test_wrong_passwords_are_braked_for_that_name_only() -> None:
    user, other = make_user(), make_user()
    client = APIClient()
    wrong = {"username": user.username, "password": "wrong"}
    codes = [client.post(TOKEN, wrong, format="json").status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    answer = client.post(TOKEN, {**wrong, "password": PASSWORD}, format="json")
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:dialer:problem:throttled")
    assert int(answer["Retry-After"]) > 0
    forged = client.post(TOKEN, wrong, format="json", HTTP_X_FORWARDED_FOR="192.0.2.1")
    assert forged.status_code == 429
    sign_in(other.username)


def test_a_stale_token_in_the_header_does_not_keep_from_signing_in() -> None:
    user = make_user()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Bearer stale")
    body = {"username": user.username, "password": PASSWORD}
    assert client.post(TOKEN, body, format="json").status_code == 200
    assert client.get(ME).status_code == 401
