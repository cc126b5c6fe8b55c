"""One sentence for what stops a command for a reason outside the program. Anything else is a fault of ours."""

from urllib.parse import urlsplit, urlunsplit

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import OperationalError

from accounts.database_away import is_away
from dialer_project import env
from dialer_project.embedded.account import EmbeddedError
from dialer_project.processes.failure import StartError


def explain(error: BaseException) -> str | None:
    """What failed, why and what to do; None for an error that needs its traceback."""
    if isinstance(error, StartError | EmbeddedError):
        return str(error)
    if isinstance(error, ImproperlyConfigured):
        return f"A setting is wrong: {error} (docs/settings.md lists all settings.)"
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    if isinstance(error, OperationalError):
        return _database(error)
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return _broker(error)
    return None


def _database(error: OperationalError) -> str | None:
    if not is_away(error):
        return None
    reason = _first_line(error)
    if env.text("DATABASE_URL", ""):
        return (
            f"The database {without_password(settings.DATABASE_URL)} can't be used: {reason} "
            "Check DATABASE_URL, or unset it to use the embedded PostgreSQL."
        )
    return (
        f"The embedded PostgreSQL of {settings.VAR_DIR} can't be used: {reason} "
        "Start the dialer first (`make up` or `make demo`), or set DATABASE_URL."
    )


def _broker(error: Exception) -> str:
    reason = _first_line(error)
    if env.text("REDIS_URL", ""):
        return (
            f"The broker {without_password(settings.REDIS_URL)} can't be used: {reason} "
            "Check REDIS_URL, or unset it to use the embedded Valkey."
        )
    return (
        f"The embedded Valkey of {settings.VAR_DIR} can't be used: {reason} "
        "Start the dialer first (`make up` or `make demo`), or set REDIS_URL."
    )


def without_password(url: str) -> str:
    """The address as it may stand on a screen."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    line = text.splitlines()[0].removeprefix("connection is bad: ").removeprefix("connection failed: ")
    return line if line.endswith(".") else f"{line}."
