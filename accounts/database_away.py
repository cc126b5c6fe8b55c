"""Whether an error says that the database can't be reached, at whatever door it came up.

Such a request was fine and so is the program: it is answered with 503 and when to ask again, not with 500.
"""

from django.db import InterfaceError, OperationalError

RETRY_AFTER = 5
"""Seconds after which to ask again: a restart of PostgreSQL takes about as long."""
_CLASSES = {"08", "28", "3D", "53", "57"}
"""SQLSTATE: connection, authorisation, no such database, no more connections or space, operator's intervention."""
_CANCELLED = "57014"
"""A statement that was cancelled or took too long: the connection itself is fine."""


def is_away(error: BaseException | None) -> bool:
    """Only errors of the connection itself; a statement's error is a fault of ours."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or (state[:2] in _CLASSES and state != _CANCELLED)
