"""Starting one child process so that it can always be ended, whatever happens to us."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer_project.processes import exec_child

_LOG_LIMIT = 20 * 1024 * 1024


@dataclass(frozen=True)
class Account:
    """The user a child runs as; `capability` is a Linux capability number it keeps, or -1."""

    uid: int
    gid: int
    capability: int = -1


def open_log(path: Path) -> int:
    """Descriptor that appends to a log; one that grew too long is shortened first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shorten_log(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)


def shorten_log(path: Path) -> None:
    """A log past 20 MB becomes `<name>.1`. Copied and emptied: its writer appends to the same file."""
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    environ: Mapping[str, str] | None = None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Starts `command` in a session (and process group) of its own, its output appended to `log`.

    The kernel sends it `death_signal` when we die, by kill -9 too. That is bound to the calling thread, so
    call this from the main thread, or from one that lives as long as the child.
    """
    who = account or Account(-1, -1)
    shim = [sys.executable, "-I", "-S", exec_child.__file__, str(os.getpid()), str(int(death_signal))]
    output = open_log(log)
    try:
        return subprocess.Popen(
            [*shim, str(who.uid), str(who.gid), str(who.capability), *command],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(os.environ if environ is None else environ),
            start_new_session=True,
        )
    finally:
        os.close(output)


def is_alive(pid: int) -> bool:
    """Whether a process has this id (zombies count as dead)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return sys.platform != "linux"
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def command_line(pid: int) -> str:
    """Words of a process's command line separated by blanks; empty where it can't be read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, indented, to stand below a sentence about its process."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in lines[-count:])
