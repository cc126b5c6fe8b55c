"""What stops `up` and other commands before anything is started: one sentence, exit code 1, no traceback."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dialer_project.plain_errors import without_password
from dialer_project.processes.failure import StartError
from dialer_project.processes.ports import free_port, require_free_tcp
from dialer_project.processes.register import Register

PROJECT = Path(__file__).resolve().parents[2]
NOWHERE = "postgresql://somebody:secret@127.0.0.1:1/dialer"


def manage(*words: str, **environ: str) -> tuple[int, str]:
    """Exit code and everything said by a management command."""
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=PROJECT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def sentence(said: str) -> str:
    """The one line that was said, without the elapsed time."""
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1, said
    return re.sub(r"^ +[0-9.]+ s  ", "", lines[0])


@pytest.mark.parametrize("command", ["migrate", "up", "demo"])
def test_an_unreachable_database_is_named_with_the_cure(command: str, tmp_path: Path) -> None:
    port = str(free_port("127.0.0.1", 0, socket.SOCK_STREAM))
    code, said = manage(command, DATABASE_URL=NOWHERE, DIALER_VAR=str(tmp_path), WEB_PORT=port)
    assert code == 1
    text = sentence(said)
    assert "The database postgresql://somebody@127.0.0.1:1/dialer can't be used" in text
    assert "Check DATABASE_URL" in text
    assert "secret" not in said


def test_an_unreachable_broker_is_named_with_the_cure(
    tmp_path: Path, process_environment: dict[str, str]
) -> None:
    port = str(free_port("127.0.0.1", 0, socket.SOCK_STREAM))
    environ = {**process_environment, "REDIS_URL": "redis://127.0.0.1:1/0", "DIALER_VAR": str(tmp_path)}
    code, said = manage("up", **environ, WEB_PORT=port)
    assert code == 1
    assert "The broker redis://127.0.0.1:1/0 can't be used" in sentence(said)


def test_a_command_without_running_servers_says_how_to_start_them(tmp_path: Path) -> None:
    code, said = manage("migrate", DATABASE_URL="", DIALER_VAR=str(tmp_path))
    assert code == 1
    assert "Start the dialer first (`make up` or `make demo`)" in sentence(said)


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    code, said = manage("migrate", DATABASE_URL="mysql://x/y")
    assert code == 1
    assert "DATABASE_URL begins with 'mysql'" in sentence(said)


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    code, said = manage("migrate", "--traceback", DATABASE_URL=NOWHERE)
    assert code == 1
    assert "Traceback" in said


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = manage("up", DATABASE_URL="", REDIS_URL="", DIALER_VAR=str(tmp_path), WEB_PORT=str(port))
    assert code == 1
    text = sentence(said)
    assert f"Port {port} on 127.0.0.1, meant for the web site, is in use." in text
    assert "WEB_PORT=" in text
    assert not (tmp_path / "postgres").exists()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartError, match=r"can't listen on 192\.0\.2\.1 port 8000"):
        require_free_tcp("192.0.2.1", 8000, "the web site", "WEB_PORT")


def test_a_preferred_port_that_is_taken_gives_a_free_one() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port, socket.SOCK_DGRAM) != port
    assert free_port("127.0.0.1", port, socket.SOCK_DGRAM) == port


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    first, second = Register(tmp_path), Register(tmp_path)
    first.open()
    with pytest.raises(StartError, match=rf"runs already in this folder \(process {os.getpid()}\)"):
        second.open()
    first.close()
    assert second.open() == 0
    second.close()


def test_a_process_id_given_to_another_program_is_never_signalled(tmp_path: Path) -> None:
    innocent = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    try:
        (tmp_path / "processes.json").write_text(f"[[{innocent.pid}, 12345]]")  # another start time
        register = Register(tmp_path)
        assert register.open() == 0
        register.close()
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_an_address_is_shown_without_its_password() -> None:
    assert without_password("postgresql://a:b@h:5/n?x=1") == "postgresql://a@h:5/n?x=1"
    assert without_password("redis://:b@h:5/0") == "redis://@h:5/0"
    assert without_password("unix:///a/b") == "unix:///a/b"
