"""What a fault-injection run works on: its own servers, the product's processes, the demo PBX and a campaign.

`open_world` must have run before anything of Django is imported: it says where database and broker are.
"""

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Protocol, TypeVar
from urllib.parse import quote
from urllib.request import urlopen

from dialer_project.embedded import location
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.server import EmbeddedServer
from dialer_project.embedded.valkey import EmbeddedValkey
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from tests.chain.processes import Processes
from tests.chaos.clock import Clocks
from tests.chaos.disk import SmallDisk
from tests.chaos.wire import Wires

T = TypeVar("T")

AGENTS = 6
PORTS = 10
LEASE_SECONDS = 4
PROCESSES = ("engine", "calls", "jobs", "beat", "web")
ALWAYS_THERE = 30.0
"""Seconds that the run's own questions to database or PBX may take, restarts included."""

TERM_WITHIN = 20.0
"""Seconds for the end of a process after SIGTERM."""

PBX: dict[str, Any] = {
    "users": {str(6001 + n): f"pw{6001 + n}" for n in range(PORTS)},
    # Calls whose dialer was killed end soon: nobody can hang them up any more.
    "bridge_hang_up_s": 1.0,
    "customers": {
        "ring_s": [0.1, 0.8],
        "refuse_after_s": [0.02, 0.2],
        "speak_after_s": [0.1, 0.4],
        "ring_timeout_s": 2.5,
        "patience_s": 4.0,
        "hang_up_after_s": 1.0,
    },
    "queues": {
        "sales": {
            "pilot": "7000",
            "agents": AGENTS,
            "answer_s": 0.1,
            "talk_s": [0.3, 1.0],
            "wrap_up_s": [0.1, 0.3],
            "max_wait_s": 4.0,
        }
    },
    "ivrs": {},
}


class Peer(Protocol):
    """What a campaign and the checks ask of a run."""

    campaign: int
    pbx: DemoPbxReady | None

    @property
    def registrar(self) -> tuple[str, int]: ...

    def stats(self) -> dict[str, Any]: ...


class World:
    """One run: servers, PBX and processes, each of which can be killed and started again."""

    def __init__(self, folder: Path, disk: SmallDisk) -> None:
        self.folder = folder
        self.disk = disk
        self.postgres = EmbeddedPostgres(folder / "var")
        self.valkey = EmbeddedValkey(folder / "var")
        self.pbx_process = DemoPbxProcess(folder / "pbx")
        self.pbx: DemoPbxReady | None = None
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
        self.sip_wire = self.wires.datagrams(self._pbx_address, Random(1))
        run = str(location.run_folder(var))
        return {
            "DATABASE_URL": os.environ["DATABASE_URL"].replace(quote(run), quote(str(wired))),
            "REDIS_URL": os.environ["REDIS_URL"].replace(quote(run), quote(str(wired))),
            "WEB_PORT": str(self.web_port),
        }

    def _pbx_address(self) -> tuple[str, int]:
        assert self.pbx is not None
        return self.pbx.host, self.pbx.sip_port

    @property
    def registrar(self) -> tuple[str, int]:
        """Where the dialer's ports register."""
        return "127.0.0.1", self.sip_wire.port

    # --- the PBX ----------------------------------------------------------------------------------------

    def start_pbx(self) -> None:
        """On the ports that it had before, with its log going on."""
        again = {"sip_port": self.pbx.sip_port, "events_port": self.pbx.events_port} if self.pbx else {}
        self.pbx_process = DemoPbxProcess(self.folder / "pbx")
        self.pbx = self.pbx_process.start({**PBX, **again})

    def stats(self) -> dict[str, Any]:
        """The PBX's own counters."""
        assert self.pbx is not None
        return pbx_stats(self.pbx)

    def calls(self) -> list[dict[str, Any]]:
        """The PBX's log: every INVITE dialog that has ended."""
        assert self.pbx is not None
        lines = self.pbx.log.read_text().splitlines() if self.pbx.log.exists() else []
        return [call for call in map(json.loads, lines) if call["event"] == "call"]

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
        self.processes.stop_all()
        self.wires.close()
        self.pbx_process.stop()
        self.valkey.stop()
        self.postgres.stop()


@contextmanager
def open_world() -> Iterator[World]:
    """Servers that keep their promises (fsync), Django on them, the PBX; no process of the product yet."""
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
    world = World(folder, disk)
    try:
        world.postgres.start()
        world.valkey.start()
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        world.start_pbx()
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


def pbx_stats(pbx: DemoPbxReady) -> dict[str, Any]:
    with socket.create_connection((pbx.host, pbx.events_port), 5) as connection:
        connection.settimeout(5)
        connection.sendall(b'{"command": "stats"}\n')
        with connection.makefile("rb") as lines:
            for line in lines:
                event = json.loads(line)
                if event["type"] == "reply":
                    return dict(event["stats"])
    raise ConnectionError("the PBX said nothing")


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
