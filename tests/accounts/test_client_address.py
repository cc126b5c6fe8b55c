"""Whose address counts: the peer's, or what a trusted proxy says of it."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from accounts.client_address import client_address
from dialer_project import env


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),  # anybody can write the header
        ("10.0.0.5", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.5", "192.0.2.1, 198.51.100.7", "198.51.100.7"),  # the first was the client's own invention
        ("10.0.0.5", "198.51.100.7, 192.168.3.4", "198.51.100.7"),  # two proxies
        ("10.0.0.5", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.5", "[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:10.0.0.5", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.5", "unknown", "10.0.0.5"),
        ("10.0.0.5", "", "10.0.0.5"),
        ("", "198.51.100.7", None),
    ],
)
def test_only_trusted_proxies_are_believed(
    settings: Settings, peer: str, forwarded: str, address: str | None
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.5", "192.168.0.0/16"]
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR=peer)
    assert client_address(request) == address


def test_a_wrong_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.5, proxy.example.com")
    with pytest.raises(ImproperlyConfigured, match=r"proxy\.example\.com"):
        env.networks("TRUSTED_PROXIES")
