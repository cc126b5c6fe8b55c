"""What a fault-injection run works on: its own servers, the product's processes, a PBX and a campaign.

`open_world` must have run before anything of Django is imported: it says where database and broker are.
"""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Protocol, TypeVar
from urllib.parse import quote
from urllib.request import urlopen

from dialer_project.embedded import location
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.server import EmbeddedServer
from dialer_project.embedded.valkey import EmbeddedValkey
from tests.chain.processes import Processes
from tests.chaos.clock import Clocks
from tests.chaos.disk import SmallDisk
from tests.chaos.pbx import AsteriskPbx, DemoPbx, Pbx
from tests.chaos.wire import Wires
from tests.pbx_lab.lab import PbxLab

T = TypeVar("T")

LEASE_SECONDS = 4
PROCESSES = ("engine", "calls", "jobs", "beat", "web")
ALWAYS_THERE = 30.0
"""Seconds that the run's own questions to database or PBX may take, restarts included."""

TERM_WITHIN = 20.0
"""Seconds for the end of a process after SIGTERM."""


class Peer(Protocol):
    """What a campaign and the checks ask of a run."""

    campaign: int
    pbx: Pbx
    killed: set[str]

    @property
    def registrar(self) -> tuple[str, int]: ...

    @property
    def center(self) -> tuple[str, int]: ...


class World:
    """One run: servers, PBX and processes, each of which can be killed and started again."""

    def __init__(self, folder: Path, disk: SmallDisk, pbx: Pbx) -> None:
        self.folder = folder
        self.disk = disk
        self.postgres = EmbeddedPostgres(folder / "var")
        self.valkey = EmbeddedValkey(folder / "var")
        self.pbx = pbx
        self.killed: set[str] = set()
        """Names of the calls workers that were killed."""
        self.wires = Wires()
        self.clocks = Clocks(folder)
        self.web_port = _free_port()
        self.processes = Processes(folder / "log", {**os.environ, **self._wire_servers()})
        self.disturbed: list[tuple[float, float]] = []
        """Epochs between which clocks were wrong or packets of calls were lost: neither the moments in the records nor
        what the PBX believes of a call's end can be held against each other then."""
        self.campaign = 0

    def _wire_servers(self) -> dict[str, str]:
        """The product reaches its servers through relays; the run's own questions go straight to them."""
        var, wired = self.folder / "var", self.folder / "wire"
        wired.mkdir()
        name = f".s.PGSQL.{location.postgres_port(var)}"
        self.database_wire = self.wires.stream(wired / name, location.run_folder(var) / name)
        self.broker_wire = self.wires.stream(wired / "valkey.sock", location.run_folder(var) / "valkey.sock")
        self.sip_wire = self.wires.datagrams(lambda: self.pbx.sip, Random(1))
        self.center_wire = self.wires.connections(lambda: self.pbx.center)
        run = str(location.run_folder(var))
        return {
            "DATABASE_URL": os.environ["DATABASE_URL"].replace(quote(run), quote(str(wired))),
            "REDIS_URL": os.environ["REDIS_URL"].replace(quote(run), quote(str(wired))),
            "WEB_PORT": str(self.web_port),
        }

    @property
    def registrar(self) -> tuple[str, int]:
        """Where the dialer's ports register."""
        return "127.0.0.1", self.sip_wire.port

    @property
    def center(self) -> tuple[str, int]:
        """Where the engine hears of the contact centre."""
        return "127.0.0.1", self.center_wire.port

    # --- processes and servers --------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Each process has a clock of its own."""
        self.processes.start(name, **self.clocks.environment(name))

    def answers(self) -> bool:
        """Whether the web process does."""
        try:
            with urlopen(f"http://127.0.0.1:{self.web_port}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self, name: str) -> None:
        self.killed.add(f"{socket.gethostname()}:{self.processes.pid(name)}")
        self.processes.kill(name)

    def terminate(self, name: str) -> float:
        """SIGTERM, and kill -9 when it takes too long, as the supervisor does; returns the seconds it took."""
        worker = f"{socket.gethostname()}:{self.processes.pid(name)}"
        took = self.processes.stop(name, TERM_WITHIN)
        if took >= TERM_WITHIN:
            self.killed.add(worker)
        return took

    def restart_server(self, server: EmbeddedServer) -> None:
        """After kill -9: what is left of it may hold its data for a moment."""
        deadline = time.monotonic() + ALWAYS_THERE
        while True:
            try:
                server.process = None
                server.start()
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def close(self) -> None:
        self.database_wire.resume()
        self.broker_wire.resume()
        self.center_wire.resume()
        self.processes.stop_all()
        self.wires.close()
        self.pbx.close()
        self.valkey.stop()
        self.postgres.stop()


@contextmanager
def open_world(lab: PbxLab | None = None) -> Iterator[World]:
    """Servers that keep their promises (fsync), Django on them, the PBX (the demo PBX without a `lab`); no process of
    the product yet."""
    folder = Path(tempfile.mkdtemp(prefix="dialer-chaos-"))
    folder.chmod(0o755)  # as root, the servers run as another user
    var = folder / "var"
    disk = SmallDisk(var)
    os.environ.update(
        DIALER_VAR=str(var),
        SECRET_KEY="only-for-chaos-" + "0123456789" * 4,
        DATABASE_URL=location.database_url(var),
        REDIS_URL=location.redis_url(var),
        LEASE_SECONDS=str(LEASE_SECONDS),
        DJANGO_SETTINGS_MODULE="dialer_project.settings",
    )
    world = World(folder, disk, AsteriskPbx(lab) if lab else DemoPbx(folder / "pbx"))
    try:
        world.postgres.start()
        world.valkey.start()
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        world.pbx.start()
        yield world
    finally:
        world.close()
        disk.close()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(question: Callable[[], T]) -> T:
    """Asks the database, again when its connection was cut, for as long as a restart may take."""
    from django.db import InterfaceError, OperationalError, connection

    deadline = time.monotonic() + ALWAYS_THERE
    while True:
        try:
            return question()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
