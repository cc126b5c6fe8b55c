"""The processes that a calls worker has beside it, each at the other end of a socket."""

import socket
import subprocess
import sys
import time
from pathlib import Path

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
_STEADY_S = 60.0
_ROOT = Path(__file__).parents[1]


def start(module: str, *arguments: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The module as a process, and our end of the socket whose number is its first argument.

    Raises OSError when there is no room for another process or socket.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", module, str(theirs.fileno()), *arguments]
        try:
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=_ROOT)
        except OSError:
            ours.close()
            raise
    return process, ours


class Pauses:
    """Before a process that died is started again: each twice as long, until one has worked for a minute."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE_S
        self._began_at = time.monotonic()

    def started(self) -> None:
        self._began_at = time.monotonic()

    def next(self) -> float:
        """Seconds."""
        if time.monotonic() - self._began_at > _STEADY_S:
            self._next = FIRST_PAUSE_S
        pause, self._next = self._next, min(2 * self._next, LONGEST_PAUSE_S)
        return pause
