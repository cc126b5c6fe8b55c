"""Starts the product's processes, restarts what crashes, and ends everything in order."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dialer_project.embedded.server import EmbeddedServer
from dialer_project.processes.failure import StartError
from dialer_project.processes.readiness import Check
from dialer_project.processes.register import Register, signal_group
from dialer_project.processes.spawn import last_lines, shorten_log, spawn

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_LOGS_EVERY = 60.0
_STEADY_SECONDS = 60.0
"""A process that lived so long starts its back-off anew."""


@dataclass(frozen=True)
class Process:
    """One process of the product: how it starts, when it is ready, how long it may take to end."""

    name: str
    command: Sequence[str]
    ready: Check | None = None
    ready_seconds: float = 60.0
    stop_order: int = 0
    """Processes of a lower order end first; those of one order end together."""
    stop_seconds: float = 10.0
    death_signal: signal.Signals = signal.SIGTERM
    """What the kernel sends it when the supervisor is killed."""
    environ: Mapping[str, str] = field(default_factory=dict)


class _Child:
    def __init__(self, process: Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.popen: subprocess.Popen[bytes] | None = None
        self.log_size = 0
        self.started_at = 0.0
        self.pause = _FIRST_PAUSE
        self.restart_at = 0.0

    def is_ready(self) -> bool:
        return self.process.ready is None or self.process.ready(self.log, self.log_size)


class StopRequested(Exception):  # noqa: N818 - an operator's wish, not an error
    """Ctrl-C, SIGTERM or a closed terminal."""


class Supervisor:
    """Owns the children from `start` to `stop`. Everything happens in the caller's (main) thread.

    `say` gets a sentence for each thing that an operator should know.
    """

    def __init__(self, var: Path, cwd: Path, say: Callable[[str], None]) -> None:
        self.register = Register(var)
        self.stopping = False
        """Set by a first Ctrl-C: `check_stop` raises at the next safe point."""
        self.hurry = False
        """Set by a second Ctrl-C: end everything at once."""
        self._var, self._cwd, self._say = var, cwd, say
        self._children: list[_Child] = []
        self._servers: list[EmbeddedServer] = []
        self._logs_at = 0.0

    def adopt(self, server: EmbeddedServer) -> None:
        """An embedded server: ended last, in reverse order of adoption, and started again when it dies."""
        self._servers.append(server)

    def start(self, processes: Iterable[Process]) -> None:
        """Starts all at once and waits until each is ready. Raises StartError, naming the one that is not."""
        new = [_Child(process, self._var / "log" / f"{process.name}.log") for process in processes]
        for child in new:
            self._children.append(child)
            self._spawn(child)
        for child in new:
            self._wait_ready(child)

    def watch(self) -> None:
        """One look at everything: to be called about each second."""
        for server in self._servers:
            if server.process and server.process.poll() is not None:
                self._say(f"{server.label} ended unexpectedly (log: {server.log}); it is started again.")
                server.start()
        now = time.monotonic()
        for child in self._children:
            if child.popen is not None and child.popen.poll() is not None:
                self._note_crash(child, now)
            if child.popen is None and now >= child.restart_at:
                self._spawn(child)
        if now >= self._logs_at:
            self._logs_at = now + _LOGS_EVERY
            for log in [*(child.log for child in self._children), *(server.log for server in self._servers)]:
                shorten_log(log)

    def check_stop(self) -> None:
        """Raises StopRequested once somebody asked for the end."""
        if self.stopping:
            raise StopRequested

    @property
    def has_started_something(self) -> bool:
        return bool(self._children) or any(server.started_here for server in self._servers)

    def stop(self) -> None:
        """Ends every child and every server that was started here; returns when all are gone."""
        for order in sorted({child.process.stop_order for child in self._children}):
            self._end([child for child in self._children if child.process.stop_order == order])
        self._children.clear()
        for server in reversed(self._servers):
            server.stop()
        self._servers.clear()
        self.register.close()

    # --- one child ------------------------------------------------------------------------------------
    def _spawn(self, child: _Child) -> None:
        child.log_size = child.log.stat().st_size if child.log.exists() else 0
        child.popen = spawn(
            child.process.command,
            log=child.log,
            cwd=self._cwd,
            environ={**os.environ, "PYTHONUNBUFFERED": "1", **child.process.environ},
            death_signal=child.process.death_signal,
        )
        child.log_size = min(child.log_size, child.log.stat().st_size)  # the log may have been put aside
        child.started_at = time.monotonic()
        self.register.add(child.popen.pid)

    def _wait_ready(self, child: _Child) -> None:
        deadline = child.started_at + child.process.ready_seconds
        name = child.process.name
        while not child.is_ready():
            self.check_stop()
            assert child.popen is not None
            if (code := child.popen.poll()) is not None:
                raise StartError(
                    f"The process {name!r} stopped at once ({_how(code)}). {self._log_end(child)}"
                )
            if time.monotonic() > deadline:
                raise StartError(
                    f"The process {name!r} was not ready within {child.process.ready_seconds:.0f} s. {self._log_end(child)}"
                )
            time.sleep(0.05)

    def _note_crash(self, child: _Child, now: float) -> None:
        assert child.popen is not None
        if now - child.started_at > _STEADY_SECONDS:
            child.pause = _FIRST_PAUSE
        self._say(
            f"The process {child.process.name!r} ended unexpectedly ({_how(child.popen.returncode)}); it is started "
            f"again in {child.pause:.0f} s. {self._log_end(child, 3)}"
        )
        self._forget(child)
        child.restart_at = now + child.pause
        child.pause = min(child.pause * 2, _LONGEST_PAUSE)

    def _log_end(self, child: _Child, count: int = 8) -> str:
        return f"The end of its log {child.log}:{last_lines(child.log, count)}"

    def _end(self, children: list[_Child]) -> None:
        """SIGTERM, wait, SIGKILL: to the process first, at the end to its whole group."""
        for child in children:
            if child.popen and child.popen.poll() is None:
                child.popen.send_signal(signal.SIGTERM)
        now = time.monotonic()
        for child in children:
            deadline = now + child.process.stop_seconds
            while (
                child.popen and child.popen.poll() is None and time.monotonic() < deadline and not self.hurry
            ):
                time.sleep(0.02)
            self._forget(child)

    def _forget(self, child: _Child) -> None:
        """Kills what is left of a child's group and reaps the child."""
        if child.popen is None:
            return
        signal_group(child.popen.pid, signal.SIGKILL)
        child.popen.wait()
        self.register.remove(child.popen.pid)
        child.popen = None


def _how(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
