"""The lock against guessing passwords, at both doors, and the end of sessions that nobody uses."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Role
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db
TOKEN = "/api/v1/auth/token"


def sign_in(name: str, password: str, language: str = "en", **more: Any) -> str:
    values = {"username": name, "password": password, "language": language}
    answer = Client(**more).post("/login/", values)
    return "in" if answer.status_code == 302 else answer.content.decode()


def guess(name: str, times: int = settings.AXES_FAILURE_LIMIT, **more: Any) -> None:
    for number in range(times):
        assert sign_in(name, f"wrong {number}", HTTP_USER_AGENT=f"browser {number}", **more) != "in"


def test_guessing_locks_name_and_address_at_both_doors_in_the_users_language() -> None:
    user, other = make.make_user(), make.make_user()
    guess(user.username)
    assert "Zu viele falsche Passwörter" in sign_in(user.username, make.PASSWORD, "de")
    assert "Too many wrong passwords. Try again in 15 minutes" in sign_in(user.username, make.PASSWORD)
    body = {"username": user.username, "password": make.PASSWORD}
    answer = APIClient().post(TOKEN, body, format="json", HTTP_ACCEPT_LANGUAGE="fr")
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:dialer:problem:throttled")
    assert "Trop de mots de passe erronés" in answer.json()["detail"]
    assert 0 < int(answer["Retry-After"]) <= 15 * 60
    assert sign_in(other.username, make.PASSWORD) == "in"
    assert sign_in(user.username, make.PASSWORD, REMOTE_ADDR="192.0.2.7") == "in", "their own place is open"


def test_wrong_passwords_at_the_api_lock_the_page_too_and_a_forged_header_helps_nobody() -> None:
    user = make.make_user()
    wrong = {"username": user.username, "password": "wrong"}
    for number in range(settings.AXES_FAILURE_LIMIT):
        answer = APIClient().post(TOKEN, wrong, format="json", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
        assert answer.status_code == 401
    assert "Too many wrong passwords" in sign_in(user.username, make.PASSWORD)


def test_a_name_that_nobody_has_is_locked_alike() -> None:
    guess("nobody")
    assert "Too many wrong passwords" in sign_in("nobody", "x")


def test_trying_on_does_not_lock_for_longer_and_the_lock_opens_by_itself() -> None:
    user = make.make_user()
    guess(user.username)
    began = AccessAttempt.objects.latest("attempt_time").attempt_time
    guess(user.username, 3)
    assert AccessAttempt.objects.latest("attempt_time").attempt_time == began
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert sign_in(user.username, make.PASSWORD) == "in"


def test_a_right_password_begins_the_count_anew_and_no_password_is_kept() -> None:
    user = make.make_user()
    guess(user.username, settings.AXES_FAILURE_LIMIT - 1)
    assert "wrong 1" not in str(list(AccessAttempt.objects.values_list()))
    assert sign_in(user.username, make.PASSWORD) == "in"
    guess(user.username, settings.AXES_FAILURE_LIMIT - 1)
    assert sign_in(user.username, make.PASSWORD) == "in"


def test_masters_see_and_release_locks_and_nobody_else_does() -> None:
    user = make.make_user()
    guess(user.username)
    client = signed_in(make.make_user(Role.MASTER, []))
    page = client.get("/accounts/signinlock/").content.decode()
    assert user.username in page
    assert "locked until" in page
    row = AccessAttempt.objects.filter(username=user.username).first()
    assert row is not None
    values = {"action": "release_chosen", "_selected_action": [row.pk]}
    assert client.post("/accounts/signinlock/", values).status_code == 302
    assert not AccessAttempt.objects.exists()
    assert sign_in(user.username, make.PASSWORD) == "in"
    for role in set(Role) - {Role.MASTER}:
        assert signed_in(make.make_user(role)).get("/accounts/signinlock/").status_code == 403


def test_a_new_password_releases_the_lock() -> None:
    user = make.make_user()
    guess(user.username)
    services.set_password(None, user, "another good pass phrase")
    assert sign_in(user.username, "another good pass phrase") == "in"


# --- idle sessions ------------------------------------------------------------------------------------------


def put_clock_back(client: Client, minutes: float) -> None:
    session = client.session
    session["last_use"] -= minutes * 60
    session.save()


def test_a_session_ends_after_its_time_without_use_and_says_so() -> None:
    client = signed_in(make.make_user())
    put_clock_back(client, settings.SESSION_IDLE_MINUTES - 1)
    assert client.get("/").status_code == 200
    put_clock_back(client, settings.SESSION_IDLE_MINUTES - 1)
    assert client.get("/").status_code == 200, "the use before has wound the clock"
    put_clock_back(client, settings.SESSION_IDLE_MINUTES + 1)
    answer = client.get("/", follow=True)
    assert answer.request["PATH_INFO"] == "/login/"
    assert "signed out after 60 minutes" in answer.content.decode()


def test_a_page_that_refreshes_its_figures_is_no_use() -> None:
    client = signed_in(make.make_user())
    put_clock_back(client, settings.SESSION_IDLE_MINUTES - 1)
    assert client.get("/live/").status_code == 200
    put_clock_back(client, 2)
    assert client.get("/live/").status_code == 302
    assert client.get("/api/v1/auth/me/").status_code in {401, 403}


def test_a_session_of_before_the_clock_gets_one() -> None:
    client = signed_in(make.make_user())
    session = client.session
    del session["last_use"]
    session.save()
    assert client.get("/").status_code == 200
    assert "last_use" in client.session
