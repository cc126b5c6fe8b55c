"""The embedded PostgreSQL and Valkey: start, stop, kill -9, two at once, long paths."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import redis

from dialer_project import env
from dialer_project.embedded import location
from dialer_project.embedded.account import EmbeddedError
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.processes.spawn import is_alive
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from tests.embedded.conftest import Servers

PROJECT = Path(__file__).resolve().parents[2]

START_BOTH = """
import sys, time
from pathlib import Path
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.valkey import EmbeddedValkey
postgres, valkey = EmbeddedPostgres(Path(sys.argv[1]), durable=False), EmbeddedValkey(Path(sys.argv[1]))
valkey.begin(); postgres.start(); valkey.wait()
print(*(server.process.pid if server.process else 0 for server in (postgres, valkey)), flush=True)
sys.stdin.readline()
valkey.stop(); postgres.stop()
"""


def execute(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, f"still alive: {[pid for pid in pids if is_alive(pid)]}"
        time.sleep(0.02)


def starter(var: Path) -> "subprocess.Popen[str]":
    """Another process that starts both servers and keeps them until its stdin gets a line."""
    return subprocess.Popen(
        [sys.executable, "-c", START_BOTH, str(var)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> None:
    process.communicate("\n", timeout=30)


def pids_of(process: "subprocess.Popen[str]") -> list[int]:
    """Of the servers that it started, 0 for one that it found running."""
    assert process.stdout is not None
    return [int(word) for word in process.stdout.readline().split()]


def test_a_second_start_keeps_the_data(folder: Path, servers: "Servers") -> None:
    postgres, valkey = servers.postgres(folder / "var"), servers.valkey(folder / "var")
    began = time.monotonic()
    valkey.begin()
    postgres.start()
    valkey.wait()
    assert time.monotonic() - began < 20  # 0.7 s on an idle machine
    execute(postgres.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(valkey.url).set("kept", "42")
    valkey.stop()
    postgres.stop()

    postgres, valkey = servers.postgres(folder / "var"), servers.valkey(folder / "var")
    valkey.start()
    postgres.start()
    assert execute(postgres.url, "SELECT answer FROM kept") == [(42,)]
    assert redis.Redis.from_url(valkey.url).get("kept") == b"42"
    assert execute(postgres.url, "SHOW timezone") == [("UTC",)]
    assert execute(postgres.url, "SELECT pg_encoding_to_char(encoding) FROM pg_database LIMIT 1") == [
        ("UTF8",)
    ]


def test_nothing_of_the_servers_is_open_to_other_users(installed: Path, servers: "Servers") -> None:
    servers.postgres(installed).start()
    for name in ("run", "postgres"):
        assert (installed / name).stat().st_mode & 0o077 == 0


def test_durable_unless_a_test_asks_otherwise(installed: Path) -> None:
    postgres = EmbeddedPostgres(installed)
    postgres.start()
    try:
        assert execute(postgres.url, "SHOW fsync") == [("on",)]
        assert execute(postgres.url, "SHOW max_connections") == [("200",)]
    finally:
        postgres.stop()


def test_acknowledged_commits_survive_kill_9_of_both_servers(installed: Path, servers: "Servers") -> None:
    """I8."""
    postgres, valkey = servers.postgres(installed), servers.valkey(installed)
    valkey.start()
    postgres.start()
    execute(postgres.url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    redis.Redis.from_url(valkey.url).set("kept", "1")
    for server in (postgres, valkey):
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()

    postgres.start()
    valkey.start()
    assert execute(postgres.url, "SELECT count(*) FROM kept") == [(1000,)]
    assert redis.Redis.from_url(valkey.url).get("kept") == b"1"


def test_a_lock_file_whose_process_id_is_another_program_now_does_not_block(
    installed: Path, servers: "Servers"
) -> None:
    postgres = servers.postgres(installed)
    postgres.start()
    assert postgres.process is not None
    os.kill(postgres.process.pid, signal.SIGKILL)
    postgres.process.wait()
    pid_file = installed / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")  # we live, and are no postgres

    postgres.start()
    assert execute(postgres.url, "SELECT 1") == [(1,)]


def test_a_second_process_uses_the_running_servers_and_does_not_end_them(
    installed: Path, servers: "Servers"
) -> None:
    postgres, valkey = servers.postgres(installed), servers.valkey(installed)
    valkey.start()
    postgres.start()

    second = starter(installed)
    assert pids_of(second) == [0, 0]
    finish(second)

    assert execute(postgres.url, "SELECT 1") == [(1,)]
    assert redis.Redis.from_url(valkey.url).ping()


def test_two_starts_at_once_give_one_server_each(folder: Path) -> None:
    first, second = starter(folder / "var"), starter(folder / "var")
    started = [pids_of(first), pids_of(second)]
    assert sorted(bool(pids[0]) for pids in started) == [False, True]
    assert sorted(bool(pids[1]) for pids in started) == [False, True]
    finish(first)
    finish(second)
    wait_until_gone([pid for pids in started for pid in pids if pid])


def test_servers_end_with_a_launcher_that_is_killed(installed: Path) -> None:
    launcher = starter(installed)
    pids = pids_of(launcher)
    assert all(pids)
    launcher.kill()
    launcher.communicate()
    wait_until_gone(pids)


def test_a_path_too_long_for_a_socket_gets_loopback_ports_with_a_password(
    folder: Path, servers: "Servers"
) -> None:
    var = folder / ("deep" * 30) / "var"
    assert location.valkey_socket(var) is None
    postgres, valkey = servers.postgres(var), servers.valkey(var)
    valkey.start()
    postgres.start()

    assert "@127.0.0.1:" in postgres.url
    assert execute(postgres.url, "SELECT 1") == [(1,)]
    assert redis.Redis.from_url(valkey.url).ping()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        execute(postgres.url.replace(location.server_password(var), "guessed"), "SELECT 1")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=location.valkey_port(var)).ping()


@pytest.mark.parametrize("name", ["my dialer 100% é", "a, b"])
def test_a_path_with_blanks_and_signs_works(name: str, folder: Path, servers: "Servers") -> None:
    var = folder / name / "var"
    postgres, valkey = servers.postgres(var), servers.valkey(var)
    valkey.start()
    postgres.start()
    assert execute(postgres.url, "SELECT 1") == [(1,)]
    assert redis.Redis.from_url(valkey.url).ping()
    assert env.database(postgres.url)["HOST"] in {str(var / "run"), "127.0.0.1"}


def test_a_failing_start_shows_the_end_of_the_log(folder: Path, servers: "Servers") -> None:
    postgres = servers.postgres(folder / "var")
    postgres.start()
    postgres.stop()
    (folder / "var" / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match=r"(?s)embedded PostgreSQL stopped at once.*incompatible"):
        postgres.start()
    assert not postgres.started_here
