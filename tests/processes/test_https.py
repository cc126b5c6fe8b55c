"""HTTPS on port 9443 in production (SPEC 11): the shipped front, and what the product does behind it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Role
from tests.api.api_world import client_of
from tests.factories import make_user

PROJECT = Path(__file__).resolve().parents[2]


def settings_of(**environment: str) -> list[str]:
    """The settings that hang on HTTPS, as a process with this environment has them."""
    ask = (
        "from django.conf import settings as s; "
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_PROXY_SSL_HEADER)"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=PROJECT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "dialer_project.settings", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split(maxsplit=2)


def test_the_front_listens_with_tls_on_9443_and_tells_the_product_so() -> None:
    front = (PROJECT / "deploy" / "nginx" / "dialer.conf").read_text()
    assert re.findall(r"listen (.+);", front) == ["9443 ssl"], "and on no port without TLS"
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in front
    assert re.search(r"client_max_body_size 512m;", front), "files of 500 MB pass"
    origin = (PROJECT / "deploy" / "systemd" / "dialer.env.example").read_text()
    assert "HTTPS=1" in origin
    assert ":9443" in origin


@pytest.mark.parametrize(("flag", "secure"), [("1", "True"), ("0", "False")])
def test_cookies_travel_over_tls_alone_when_the_front_has_it(flag: str, secure: str) -> None:
    session, csrf, header = settings_of(HTTPS=flag)
    assert (session, csrf) == (secure, secure)
    assert ("HTTP_X_FORWARDED_PROTO" in header) == (secure == "True")


@pytest.mark.django_db
def test_links_of_the_api_are_https_behind_the_front(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["dialer.example.com"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    master = make_user(Role.MASTER, [])
    make_user()
    front = {"host": "dialer.example.com:9443", "x-forwarded-proto": "https"}
    answer = client_of(master).get("/api/v1/users?page_size=1", headers=front).json()
    assert answer["next"] == "https://dialer.example.com:9443/api/v1/users?page=2&page_size=1"
