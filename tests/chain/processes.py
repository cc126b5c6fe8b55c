"""The product's own processes, started by a test on the test's database and Valkey, with the demo PBX as peer."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen, TimeoutExpired

from dialer_project.processes.spawn import last_lines, spawn

PROJECT = Path(__file__).resolve().parents[2]

COMMANDS: Mapping[str, list[str]] = {
    "engine": ["manage.py", "run_engine"],
    "beat": ["-m", "celery", "-A", "dialer_project", "beat", "-l", "INFO"],
    "calls": ["-m", "celery", "-A", "dialer_project", "worker", "-Q", "calls", "-P", "threads"],
    "jobs": ["-m", "celery", "-A", "dialer_project", "worker", "-Q", "jobs", "-P", "threads", "-c", "2"],
}
WEB = [
    "-m",
    "granian",
    "--interface",
    "wsgi",
    "--host",
    "127.0.0.1",
    "--workers",
    "1",
    "--blocking-threads",
    "2",
]
"""A web process; its port comes from WEB_PORT of its environment."""
_QUIET = ["--without-gossip", "--without-mingle", "-l", "INFO"]


class Processes:
    """Some of `COMMANDS`, with their logs in `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str], prefix: Sequence[str] = ()) -> None:
        """`prefix`: words before each command, which say where it runs."""
        self._prefix = prefix
        self._folder = folder
        self._environment = environment
        self._running: dict[str, Popen[bytes]] = {}

    def start(self, name: str, **extra: str) -> None:
        """`extra`: more of its environment."""
        kind = name.partition("-")[0]
        environment = {**self._environment, **extra}
        command = [*self._prefix, sys.executable, *COMMANDS.get(kind, WEB)]
        if kind == "web":
            command += ["--port", environment["WEB_PORT"], "dialer_project.wsgi:application"]
        if kind == "calls":
            command += ["-c", environment.get("PORTS_PER_WORKER", "64")]
        if "worker" in command:
            command += [*_QUIET, "-n", f"{name}@%h"]
        self._running[name] = spawn(command, log=self.log(name), cwd=PROJECT, environ=environment)

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def ended(self) -> list[str]:
        """Processes that ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def exit_status(self, name: str) -> int | None:
        """None while it runs."""
        return self._running[name].poll()

    def kill(self, name: str) -> None:
        """As a crash: kill -9, of its children too, as a supervisor ends what a dead process leaves."""
        process = self._running.pop(name)
        process.kill()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str, within: float = 15.0) -> float:
        """SIGTERM; returns the seconds it took."""
        began = time.monotonic()
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(within)
        except TimeoutExpired:
            process.kill()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its children too, as `kill` does
            process.wait()
        return time.monotonic() - began

    def stop_all(self) -> None:
        for process in self._running.values():
            process.terminate()
        for name in list(self._running):
            self.stop(name)

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def said(self, name: str) -> str:
        log = self.log(name)
        return log.read_text(errors="replace") if log.exists() else ""

    def report(self) -> str:
        """The ends of all logs, for a failed test."""
        return "\n".join(f"{log.stem}:{last_lines(log, 12)}" for log in sorted(self._folder.glob("*.log")))


@contextmanager
def running(folder: Path, environment: Mapping[str, str], *names: str) -> Iterator[Processes]:
    processes = Processes(folder, environment)
    try:
        for name in names:
            processes.start(name)
        yield processes
    finally:
        processes.stop_all()


def wait_until(condition: Callable[[], object], within: float, otherwise: Callable[[], str]) -> None:
    """Looks 20 times a second; AssertionError with what `otherwise` tells after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)
