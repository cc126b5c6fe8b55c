"""`manage.py demo` for real: from an empty folder to the first call, Ctrl-C, and again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer_project.processes.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.chain


class Run:
    """One demo in the foreground of a process of its own; what it said so far is in `said`."""

    def __init__(self, var: Path, web_port: int) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        self._output = var.parent / "said.txt"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo"],
                cwd=PROJECT,
                env={**kept, "DIALER_VAR": str(var), "WEB_PORT": str(web_port)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_for(self, *texts: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not all(text in self.said for text in texts):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def end(self) -> int:
        """Ctrl-C, as a terminal sends it."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def processes_of(var: Path) -> list[str]:
    """Command lines of living processes that work on this data folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ, command = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"DIALER_VAR={var}".encode() in environ.split(b"\0") and command:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    assert processes_of(tmp_path / "var") == []


def test_the_demo_calls_ends_without_a_trace_and_goes_on(var: Path) -> None:
    web_port = free_port("127.0.0.1", 0, socket.SOCK_STREAM)
    sign_ins = []
    for turn in (1, 2):
        run = Run(var, web_port)
        try:
            run.wait_for("The first call was placed", "The dialer is at", "Demo STARTED")
            url = f"http://127.0.0.1:{web_port}/"
            assert url in run.said
            with urllib.request.urlopen(f"{url}healthz", timeout=10) as answer:
                assert answer.status == 200
            assert ("is new" if turn == 1 else "goes on") in run.said
            assert len(processes_of(var)) >= 8
            assert run.end() == 0
        finally:
            if run.process.poll() is None:
                os.killpg(run.process.pid, signal.SIGKILL)
        assert processes_of(var) == []
        assert "Everything that was started has ended" in run.said
        assert "Traceback" not in run.said
        sign_ins.append([line for line in run.said.splitlines() if line.endswith(("Master", "Supervisor"))])
    assert sign_ins[0] == sign_ins[1]
    assert len(sign_ins[0]) == 2
