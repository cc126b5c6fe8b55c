"""Processes that stand still, and whether a server still runs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dialer_project.embedded.server import EmbeddedServer


def family(pid: int) -> list[int]:
    """The process and its children, the parent first; any thread may have started one."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [pid, *(int(child) for task in tasks for child in task.read_text().split())]


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """SIGSTOP to all of them, SIGCONT in the end."""
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            _signal(pid, signal.SIGCONT)


def runs(server: EmbeddedServer) -> bool:
    return server.process is not None and server.process.poll() is None


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # a backend may have ended meanwhile
        os.kill(pid, number)
