"""The supervisor with small processes of its own: nothing is left, order is kept, crashes are told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dialer_project.processes.failure import StartError
from dialer_project.processes.readiness import says
from dialer_project.processes.spawn import is_alive, shorten_log
from dialer_project.processes.supervisor import Process, StopRequested, Supervisor

PROJECT = Path(__file__).resolve().parents[2]

WITH_GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
print("grandchild", child.pid, "ready", flush=True)
time.sleep(600)
"""
STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
TELLS_ITS_END = """
import signal, sys, time
def end(number, frame):
    with open(sys.argv[1], "a") as file: file.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(15, end)
print("ready", flush=True)
while True: time.sleep(0.05)
"""


def python(name: str, code: str, *words: str, stop_order: int = 0, stop_seconds: float = 5.0) -> Process:
    return Process(
        name,
        [sys.executable, "-c", code, *words],
        ready=says("ready"),
        ready_seconds=20,
        stop_order=stop_order,
        stop_seconds=stop_seconds,
    )


def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "var", PROJECT, said.append)
    supervisor.register.open()
    yield supervisor
    supervisor.hurry = True
    supervisor.stop()


def log(tmp_path: Path, name: str) -> Path:
    return tmp_path / "var" / "log" / f"{name}.log"


def test_stop_ends_grandchildren_too(tmp_path: Path, supervisor: Supervisor) -> None:
    supervisor.start([python("parent", WITH_GRANDCHILD)])
    grandchild = int(log(tmp_path, "parent").read_text().split()[1])
    assert is_alive(grandchild)
    supervisor.stop()
    wait_for(lambda: not is_alive(grandchild))


def test_what_ignores_sigterm_is_killed_in_time(supervisor: Supervisor) -> None:
    supervisor.start([python("stubborn", STUBBORN, stop_seconds=0.3)])
    began = time.monotonic()
    supervisor.stop()
    assert time.monotonic() - began < 5


def test_processes_end_in_their_order(tmp_path: Path, supervisor: Supervisor) -> None:
    ends = tmp_path / "ends"
    wanted = [("third", 2), ("first", 0), ("second", 1)]
    supervisor.start(
        [python(name, TELLS_ITS_END, str(ends), name, stop_order=order) for name, order in wanted]
    )
    supervisor.stop()
    assert ends.read_text().split() == ["first", "second", "third"]


def test_a_crashed_process_is_started_again_and_told(
    tmp_path: Path, supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer_project.processes.supervisor._FIRST_PAUSE", 0.05)
    supervisor.start(
        [python("worker", "import os, time; print(os.getpid(), 'ready', flush=True); time.sleep(600)")]
    )
    text = log(tmp_path, "worker")
    first = int(text.read_text().split()[0])
    os.kill(first, signal.SIGKILL)

    def again() -> bool:
        supervisor.watch()
        return text.read_text().count("ready") == 2

    wait_for(again)
    assert len(said) == 1
    assert "The process 'worker' ended unexpectedly (signal SIGKILL); it is started again" in said[0]


def test_back_off_grows_while_a_process_keeps_crashing(
    supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialer_project.processes.supervisor._LONGEST_PAUSE", 4.0)
    supervisor.start([python("broken", "print('ready', flush=True); raise SystemExit('no luck')")])
    for _ in range(3):
        child = supervisor._children[0]
        assert child.popen is not None
        child.popen.wait()
        supervisor.watch()
        child.restart_at = 0.0
        supervisor.watch()
    waits = [line.split("again in ")[1].split(" s")[0] for line in said]
    assert waits == ["1", "2", "4"]
    assert "no luck" in said[0]


def test_a_process_that_does_not_start_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    with pytest.raises(
        StartError, match=r"(?s)process 'broken' stopped at once \(exit code 1\).*a plain reason"
    ):
        supervisor.start([python("broken", "raise SystemExit('a plain reason')")])


def test_a_process_that_is_never_ready_is_given_up(tmp_path: Path, supervisor: Supervisor) -> None:
    silent = Process(
        "silent", [sys.executable, "-c", "import time; time.sleep(600)"], says("x"), ready_seconds=0.3
    )
    with pytest.raises(StartError, match="'silent' was not ready within 0 s"):
        supervisor.start([silent])


def test_ctrl_c_is_noticed_while_waiting(supervisor: Supervisor) -> None:
    supervisor.stopping = True
    with pytest.raises(StopRequested):
        supervisor.start([python("slow", "import time; time.sleep(600)")])


def test_a_killed_supervisor_leaves_nothing(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(PROJECT)!r})
from tests.processes.test_supervisor import *
supervisor = Supervisor(Path(sys.argv[1]), PROJECT, print)
supervisor.register.open()
supervisor.start([python("plain", "import os, time; print(os.getpid(), 'ready', flush=True); time.sleep(600)")])
supervisor.start([python("stubborn", "import os; print(os.getpid(), flush=True); " + STUBBORN)])
print("up", flush=True)
time.sleep(600)
"""
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    killed = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "var")], stdout=subprocess.PIPE, cwd=PROJECT, env=environ
    )
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"up\n"
    pids = [int(log(tmp_path, name).read_text().split()[0]) for name in ("plain", "stubborn")]
    killed.kill()
    killed.communicate()

    wait_for(lambda: not is_alive(pids[0]))  # the kernel told it
    assert is_alive(pids[1])  # ... and this one does not listen
    following = Supervisor(tmp_path / "var", PROJECT, print)
    assert following.register.open() == 1
    wait_for(lambda: not is_alive(pids[1]))
    following.stop()


def test_a_long_log_is_put_aside_under_its_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer_project.processes.spawn._LOG_LIMIT", 10)
    path = tmp_path / "web.log"
    with path.open("a") as writer:
        writer.write("a long first part\n")
        writer.flush()
        shorten_log(path)
        writer.write("second")
    assert path.read_text() == "second"
    assert (tmp_path / "web.log.1").read_text() == "a long first part\n"
