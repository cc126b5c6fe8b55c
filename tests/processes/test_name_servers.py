"""SIP_DNS_SERVERS, as people write it."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from dialer_project import env


def test_name_servers_have_a_port_or_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIP_DNS_SERVERS", "10.0.0.53, 10.0.1.53:5353,fd00::53,[fd00::54]:5354")
    assert env.servers("SIP_DNS_SERVERS", 53) == [
        ("10.0.0.53", 53), ("10.0.1.53", 5353), ("fd00::53", 53), ("fd00::54", 5354),
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", ["dns.example.com", "10.0.0.53:x", "10.0.0.53:70000"])
def test_a_wrong_name_server_is_named(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIP_DNS_SERVERS", wrong)
    with pytest.raises(ImproperlyConfigured, match=wrong):
        env.servers("SIP_DNS_SERVERS", 53)
