"""Private servers for a test run (loaded by `-p tests.services`, before Django reads its settings).

PostgreSQL and Valkey live in a folder of this run, so a run disturbs neither a demo nor another run. Valkey
starts with the first test, PostgreSQL when a test asks for the database. `DATABASE_URL` and `REDIS_URL` of the
environment are put aside; to test against servers of your own set `TEST_DATABASE_URL` and `TEST_REDIS_URL`.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from dialer_project.embedded import location
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.valkey import EmbeddedValkey
from dialer_project.processes.spawn import is_alive

_PREFIX = "dialer-test-"


def _make_folder() -> Path:
    """A short path, so that sockets fit; folders of runs that were killed are removed first."""
    parent = Path(tempfile.gettempdir())
    for old in parent.glob(f"{_PREFIX}*"):
        pid = re.match(rf"{_PREFIX}(\d+)-", old.name)
        if pid and not is_alive(int(pid[1])) and old.stat().st_uid == os.geteuid():
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    folder.chmod(0o755)  # as root, the servers run as another user
    return folder


_OWNER = os.getpid()
VAR = _make_folder()
POSTGRES = EmbeddedPostgres(VAR, durable=False)
VALKEY = EmbeddedValkey(VAR)

os.environ["DIALER_VAR"] = str(VAR)
os.environ["SECRET_KEY"] = "only-for-tests-" + "0123456789" * 4
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or location.database_url(VAR)
os.environ["REDIS_URL"] = os.environ.get("TEST_REDIS_URL") or location.redis_url(VAR)


def start_postgres() -> None:
    """Idempotent."""
    if "TEST_DATABASE_URL" not in os.environ:
        POSTGRES.start()


def start_valkey() -> None:
    """Idempotent."""
    if "TEST_REDIS_URL" not in os.environ:
        VALKEY.start()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Valkey answers in some 50 ms, so every run has it; of several test processes, each its own."""
    if session.items and not session.config.option.collectonly:
        start_valkey()


def pytest_unconfigure() -> None:
    """Runs after Ctrl-C too. (After kill -9 the kernel ends the servers, the next run removes the folder.)"""
    if os.getpid() != _OWNER:
        return
    VALKEY.stop()
    POSTGRES.stop()
    shutil.rmtree(VAR, ignore_errors=True)
