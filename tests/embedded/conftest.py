"""Data folders for embedded servers, on short paths that the servers' user may enter."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.server import EmbeddedServer
from dialer_project.embedded.valkey import EmbeddedValkey


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="embedded-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="package")
def installed() -> Iterator[Path]:
    """A data folder whose PostgreSQL is set up already, shared by tests that leave it usable."""
    path = Path(tempfile.mkdtemp(prefix="embedded-"))
    path.chmod(0o755)
    postgres = EmbeddedPostgres(path / "var", durable=False)
    postgres.start()
    postgres.stop()
    yield path / "var"
    shutil.rmtree(path, ignore_errors=True)


class Servers:
    """Makes servers of a data folder and stops them at the end of the test."""

    def __init__(self) -> None:
        self._made: list[EmbeddedServer] = []

    def postgres(self, var: Path) -> EmbeddedPostgres:
        server = EmbeddedPostgres(var, durable=False)
        self._made.append(server)
        return server

    def valkey(self, var: Path) -> EmbeddedValkey:
        server = EmbeddedValkey(var)
        self._made.append(server)
        return server

    def stop(self) -> None:
        for server in self._made:
            server.stop()


@pytest.fixture
def servers(folder: Path) -> Iterator[Servers]:  # ended before the folder is removed
    made = Servers()
    yield made
    made.stop()
