"""The address of who asks, behind trusted proxies or not."""

from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The peer; when that is one of `TRUSTED_PROXIES`, the last address of X-Forwarded-For that is none of them.

    What stands further left in X-Forwarded-For is anybody's word: the client itself may have written it.
    """
    address = request.META.get("REMOTE_ADDR") or None
    forwarded = [word.strip() for word in request.headers.get("X-Forwarded-For", "").split(",")]
    while address is not None and forwarded and _is_trusted(address):
        before = _without_port(forwarded.pop())
        if before is None:
            break
        address = before
    return address if address is not None and _parsed(address) is not None else None


def _is_trusted(address: str) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(
        parsed in ip_network(proxy, strict=False) for proxy in settings.TRUSTED_PROXIES
    )


def _without_port(word: str) -> str | None:
    """`10.1.2.3:4711` and `[2001:db8::1]:4711` are written by some proxies."""
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    parsed = _parsed(word)
    return str(parsed) if parsed is not None else None


def _parsed(address: str) -> Any:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
