"""When a started process counts as ready. Each check is asked again until it says yes."""

import http.client
import re
import socket
from collections.abc import Callable
from pathlib import Path

Check = Callable[[Path, int], bool]
"""Called with the process's log and the size the log had when the process started."""


def says(pattern: str) -> Check:
    """Its log has a line that matches."""
    wanted = re.compile(pattern)

    def check(log: Path, since: int) -> bool:
        with log.open("rb") as file:
            file.seek(since)
            return wanted.search(file.read().decode(errors="replace")) is not None

    return check


def accepts(host: str, port: int) -> Check:
    """Its TCP port takes connections."""

    def check(log: Path, since: int) -> bool:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return False
        return True

    return check


def answers_http(host: str, port: int) -> Check:
    """It answers HTTP, with whatever status."""

    def check(log: Path, since: int) -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=10)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return check
