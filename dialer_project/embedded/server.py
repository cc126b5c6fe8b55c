"""What the two embedded servers share: one starter at a time, finding a running one, ending our own."""

import fcntl
import importlib.util
import os
import signal
import subprocess
import time
from pathlib import Path

from dialer_project.embedded import account, location
from dialer_project.embedded.account import EmbeddedError
from dialer_project.processes.spawn import Account, command_line, is_alive, last_lines

START_SECONDS = 30.0


class EmbeddedServer:
    """One server of one data folder. `start` finds it running or starts it; `stop` ends what we started.

    The folder is locked while a server starts, so two processes never start it twice.
    """

    NAME = ""
    STOP_SIGNALS: tuple[tuple[signal.Signals, float], ...] = ()
    """Signals to end it with, and how many seconds each has."""

    def __init__(self, var: Path) -> None:
        self.var = var.absolute()
        self.log = self.var / "log" / f"{self.NAME}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @property
    def started_here(self) -> bool:
        return self.process is not None

    @property
    def label(self) -> str:
        return "PostgreSQL" if self.NAME == "postgres" else "Valkey"

    def start(self) -> None:
        """Ready when this returns. Raises EmbeddedError."""
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Starts it unless it runs already; `wait` must follow."""
        if self.started_here and self.process and self.process.poll() is None:
            return
        self.process = None
        account.choose(self.var, self._must_reach())  # before anything is written
        self._take_lock()
        try:
            if not self._runs():
                self.process = self._launch()
        except BaseException:
            self._drop_lock()
            raise

    def wait(self) -> None:
        """Blocks until it answers; raises EmbeddedError with the end of its log when it does not."""
        deadline = time.monotonic() + START_SECONDS
        try:
            while not self._answers():
                if self.process and self.process.poll() is not None:
                    raise self._failure(f"stopped at once (exit code {self.process.returncode})")
                if time.monotonic() > deadline:
                    raise self._failure(f"did not answer within {START_SECONDS:.0f} s")
                time.sleep(0.02)
            self._prepare()
        except BaseException:
            self.stop()
            raise
        finally:
            self._drop_lock()

    def stop(self) -> None:
        """Ends the server if this object started it; data are kept."""
        process, self.process = self.process, None
        self._drop_lock()
        if process is None:
            return
        for number, seconds in self.STOP_SIGNALS:
            if process.poll() is None:
                process.send_signal(number)
            try:
                process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                continue
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    # --- what a server fills in -----------------------------------------------------------------------
    def _must_reach(self) -> list[Path]:
        raise NotImplementedError

    def _launch(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _answers(self) -> bool:
        """Whether it serves requests now."""
        raise NotImplementedError

    def _running_pid(self) -> int | None:
        """Process id of the server of this folder, running or about to."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Work on the running server before it is handed out."""

    # --- shared steps -----------------------------------------------------------------------------------
    def _runs(self) -> bool:
        """Finds a server of this folder. One that is just ending is waited for."""
        deadline = time.monotonic() + START_SECONDS
        while (pid := self._running_pid()) is not None:
            if self._answers():
                return True
            if time.monotonic() > deadline:
                raise self._failure(f"runs already (process {pid}) and does not answer")
            time.sleep(0.05)
        return False

    def _own_folder(self, path: Path) -> Account | None:
        """Makes a folder below var/ that only the server's user may enter."""
        who = account.choose(self.var, self._must_reach())
        location.make_var(self.var)
        path.mkdir(mode=0o700, exist_ok=True)
        account.give(path, who)
        return who

    def _environ(self) -> dict[str, str]:
        """Ours without PG*, which would change what PostgreSQL does."""
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")}

    def _failure(self, what: str) -> EmbeddedError:
        return EmbeddedError(
            f"The embedded {self.label} {what}. The end of its log {self.log}:{last_lines(self.log)}"
        )

    def _take_lock(self) -> None:
        self._own_folder(location.run_folder(self.var))
        path = location.run_folder(self.var) / f"{self.NAME}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                os.close(descriptor)
                raise EmbeddedError(
                    f"Another process has been starting {self.label} in {self.var} for {START_SECONDS:.0f} s. End it first."
                ) from None
            self._lock = descriptor
            return

    def _drop_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def read_pid(path: Path, words: str) -> int | None:
    """The process id in the first line of a file, if that process lives and `words` is in its command line."""
    try:
        pid = int(path.read_text().split(maxsplit=1)[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
    if not is_alive(pid):
        return None
    found = command_line(pid)
    return pid if not found or words in found else None


def wheel_folder(module: str, inside: str) -> Path:
    """A folder of an installed wheel, found without running the wheel's code."""
    spec = importlib.util.find_spec(module)
    places = list(spec.submodule_search_locations or []) if spec else []
    folders = [folder for place in places for folder in Path(place).glob(inside)]
    if not folders:
        raise EmbeddedError(
            f"The package {module} is not installed here, or has no build for this machine. "
            "Run `make venv`, or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return folders[0]
