"""The installation's list of running processes: one `up` a folder, and no survivors of a killed one.

`var/processes.json` names each child by process id and kernel start time, so a number that was given to
another program meanwhile is never signalled.
"""

import fcntl
import json
import os
import signal
import time
from pathlib import Path

from dialer_project.embedded import location
from dialer_project.processes.failure import StartError
from dialer_project.processes.spawn import is_alive


class Register:
    """Holds the folder's lock while an `up` or `demo` runs."""

    def __init__(self, var: Path) -> None:
        self._list = var / "processes.json"
        self._lock_path = var / "up.lock"
        self._lock: int | None = None
        self._entries: dict[int, int] = {}

    def open(self) -> int:
        """Takes the folder; ends what a killed predecessor left and returns how many that were.

        Raises StartError when the dialer runs here already.
        """
        location.make_var(self._list.parent)
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            raise StartError(
                f"The dialer runs already in this folder (process {pid or 'unknown'}). End it first: Ctrl-C in its "
                f"terminal, or `kill {pid or 'PID'}`."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._lock = descriptor
        return self._end_leftovers()

    def close(self) -> None:
        if self._lock is not None:
            self._list.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def add(self, pid: int) -> None:
        self._entries[pid] = start_time(pid) or 0
        self._write()

    def remove(self, pid: int) -> None:
        self._entries.pop(pid, None)
        self._write()

    def _write(self) -> None:
        draft = self._list.with_suffix(".new")
        draft.write_text(json.dumps(list(self._entries.items())))
        draft.replace(self._list)

    def _end_leftovers(self) -> int:
        try:
            entries = [(int(pid), int(started)) for pid, started in json.loads(self._list.read_text())]
        except (OSError, ValueError, TypeError):
            return 0
        alive = [pid for pid, started in entries if started and start_time(pid) == started and is_alive(pid)]
        for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0)):
            for pid in filter(is_alive, alive):
                signal_group(pid, number)
            deadline = time.monotonic() + seconds
            while any(map(is_alive, alive)) and time.monotonic() < deadline:
                time.sleep(0.05)
        return len(alive)


def start_time(pid: int) -> int | None:
    """When the kernel started the process, in clock ticks since boot (proc(5)); None where that can't be read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def signal_group(pid: int, number: signal.Signals) -> None:
    """Signals a child and everything in its process group; gone ones are fine."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return
