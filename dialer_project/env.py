"""Readers of environment variables that fail loudly, each naming the variable and the cure.

Every secret `X` can be given as a file named by `X_FILE` (container secrets).
"""

import os
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """Value of `name`, or the content of the file named by `name_FILE`; raises when neither is set."""
    if name in os.environ:
        return os.environ[name]
    file_name = os.environ.get(f"{name}_FILE")
    if file_name:
        try:
            return Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{name}_FILE names {file_name}, which can't be read: {error.strerror}."
            ) from error
    if default is None:
        raise ImproperlyConfigured(f"Set the environment variable {name} (or {name}_FILE).")
    return default


def flag(name: str, default: bool) -> bool:
    """`1 true yes on` or `0 false no off`."""
    value = text(name, "1" if default else "0").strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; use 1 or 0.")


def integer(name: str, default: int, lowest: int = 0) -> int:
    """A whole number not below `lowest`."""
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; use a whole number.") from None
    if number < lowest:
        raise ImproperlyConfigured(f"{name} is {number}; the lowest value is {lowest}.")
    return number


def words(name: str, default: str = "") -> list[str]:
    """A list separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def networks(name: str) -> list[str]:
    """Addresses and networks separated by commas: `10.0.0.5,192.168.0.0/16`."""
    for word in (found := words(name)):
        try:
            ip_network(word, strict=False)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} has {word!r}; use addresses or networks as 10.0.0.5,192.168.0.0/16."
            ) from None
    return found


def servers(name: str, port: int) -> list[tuple[str, int]]:
    """Addresses separated by commas, each with a port or `port`: `10.0.0.53,10.0.1.53:5353,[fd00::53]:53`."""
    found: list[tuple[str, int]] = []
    for word in words(name):
        try:
            parts = urlsplit(f"//{word}" if word.count(":") < 2 or "[" in word else f"//[{word}]")
            found.append((str(ip_address(parts.hostname or "")), parts.port or port))
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} has {word!r}; use addresses as 10.0.0.53 or 10.0.0.53:{port}."
            ) from None
    return found


CONNECTION_LIVES_S = 60
"""A connection to the database serves one request or job after the other for so long: a new one costs PostgreSQL some
7 ms of processor, as much as a page."""


def database(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for `postgresql://user:password@host:port/name?host=/socket/folder`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured(
            f"DATABASE_URL begins with {parts.scheme or 'nothing'!r}; only postgresql://user:password@host:port/name works."
        )
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise ImproperlyConfigured(
            "DATABASE_URL has no database name: postgresql://user:password@host:port/name."
        )
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("DATABASE_URL has a port that is not a number.") from None
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or ""),
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": CONNECTION_LIVES_S,
        "OPTIONS": {"connect_timeout": 5, **options},
    }
