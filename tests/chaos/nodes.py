"""`python -m tests.chaos.nodes`: two hosts of the product, one of which loses its power and comes back.

Needs root. Each host is a network namespace with web, engine, calls and jobs worker and beat; PostgreSQL, Valkey and
the demo PBX are reached over a bridge, by TCP and UDP. Everything lives in namespaces of this run, which go with it.
Prints one JSON line; exit status 1 when something that must hold did not, 3 where namespaces can't be had.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dialer_project.embedded import location
from dialer_project.embedded.postgres import EmbeddedPostgres
from dialer_project.embedded.valkey import EmbeddedValkey
from tests.chain.processes import Processes
from tests.chaos.pbx import AGENTS, PORTS, DemoPbx, Pbx
from tests.chaos.world import LEASE_SECONDS, ask

OWN_NETWORK = "CHAOS_OWN_NETWORK"
HUB = "10.77.0.1"
IP = shutil.which("ip") or "/sbin/ip"
CAPACITY = 6
"""Ports of one host's calls worker: fewer than there are, more than half."""
PARTS = ("engine", "calls", "jobs", "beat", "web")
LEADER_WITHIN = 5.0
"""Seconds (DESIGN 1)."""


class HubPostgres(EmbeddedPostgres):
    """Also on the bridge."""

    def _listening(self) -> dict[str, str]:
        return {**super()._listening(), "listen_addresses": HUB}

    def admit_nodes(self) -> None:
        with (self.data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {HUB}/24 trust\n")


class HubValkey(EmbeddedValkey):
    def _configuration(self) -> str:
        local = super()._configuration().replace("port 0\n", f"port 6379\nbind {HUB}\nprotected-mode no\n")
        assert "protected-mode" in local
        return local


class Node:
    """One host: a namespace with an address, and its processes."""

    def __init__(self, name: str, address: str, folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.address = address
        _ip("netns", "add", name)
        _ip("link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", f"v{name}", "master", "hub", "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        self.processes = Processes(folder / name, environment, (IP, "netns", "exec", name))

    def start(self) -> None:
        for part in PARTS:
            self.processes.start(f"{part}-{self.name}")

    def lose_power(self) -> None:
        """The cable first: nobody hears a goodbye."""
        _ip("link", "set", f"v{self.name}", "down")
        for part in PARTS:
            self.processes.kill(f"{part}-{self.name}")

    def come_back(self) -> None:
        _ip("link", "set", f"v{self.name}", "up")
        self.start()

    def workers(self) -> set[str]:
        """As rows name them."""
        return {f"{socket.gethostname()}:{self.processes.pid(f'calls-{self.name}')}"}


def main() -> int:
    if OWN_NETWORK not in os.environ:
        _enter_own_network()
        return 3
    _ip("link", "set", "lo", "up")
    _ip("link", "add", "hub", "type", "bridge")
    _ip("addr", "add", f"{HUB}/24", "dev", "hub")
    _ip("link", "set", "hub", "up")
    with tempfile.TemporaryDirectory(prefix="dialer-nodes-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        figures = Run(folder).go()
    print(json.dumps(figures))  # noqa: T201 - the command's answer
    return int(bool(figures["wrong"]))


def _enter_own_network() -> None:
    """Runs this command again in network and mounts of its own; returns when that can't be."""
    command = ["unshare", "-n", "-m", "--propagation", "private"]
    try:
        tried = subprocess.run(
            [*command, "ip", "link", "add", "try", "type", "bridge"], capture_output=True, check=False
        )
    except FileNotFoundError:
        tried = None
    if os.geteuid() or tried is None or tried.returncode:
        sys.stderr.write("Two hosts need root, unshare, ip and a kernel with bridges.\n")
        return
    os.environ[OWN_NETWORK] = "1"
    prepared = 'mkdir -p /run/netns && mount -t tmpfs nodes /run/netns && exec "$@"'
    os.execvp("unshare", [*command, "sh", "-c", prepared, "sh", sys.executable, "-m", "tests.chaos.nodes"])


class Run:
    """Servers, two nodes and a campaign; satisfies what `campaign` and `checks` ask of a world."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        var = folder / "var"
        self.postgres, self.valkey = HubPostgres(var), HubValkey(var)
        self.pbx: Pbx = DemoPbx(folder / "pbx", HUB)
        self.campaign = 0
        self.killed: set[str] = set()
        port = location.postgres_port(var)
        os.environ.update(
            DIALER_VAR=str(var),
            SECRET_KEY="only-for-chaos-" + "0123456789" * 4,
            DATABASE_URL=location.database_url(var),
            REDIS_URL=location.redis_url(var),
            LEASE_SECONDS=str(LEASE_SECONDS),
            DJANGO_SETTINGS_MODULE="dialer_project.settings",
        )
        self._of_nodes = {
            **os.environ,
            "DATABASE_URL": f"postgresql://dialer@{HUB}:{port}/dialer",
            "REDIS_URL": f"redis://{HUB}:6379/0",
            "PORTS_PER_WORKER": str(CAPACITY),
            "WEB_PORT": "8000",
        }

    @property
    def registrar(self) -> tuple[str, int]:
        return self.pbx.sip

    @property
    def center(self) -> tuple[str, int]:
        return self.pbx.center

    def go(self) -> dict[str, Any]:
        self.postgres.start()
        self.postgres.admit_nodes()
        self.postgres.stop()
        self.postgres.start()
        self.valkey.start()
        try:
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            self.pbx.start()
            nodes = [
                Node("a", "10.77.0.2", self.folder, self._of_nodes),
                Node("b", "10.77.0.3", self.folder, self._of_nodes),
            ]
            try:
                return self._story(*nodes)
            except BaseException:
                sys.stderr.write("\n".join(node.processes.report() for node in nodes))
                raise
            finally:
                for node in nodes:
                    node.processes.stop_all()
        finally:
            self.pbx.close()
            self.valkey.stop()
            self.postgres.stop()

    def _story(self, a: Node, b: Node) -> dict[str, Any]:
        from django.utils import timezone

        from dialing.ports import registered
        from leads.models import CallAttempt
        from tests.chaos import campaign

        leads = campaign.Leads(campaign.make(self).pk, 30, self.pbx.prefix)
        a.start()
        _until(lambda: _leader() == a.address, 40, "node a leads")
        b.start()
        campaign.wait_for_ports(60)
        shared = _ports_of_workers()
        leads.keep_coming()
        campaign.start(self.campaign)
        by_worker = CallAttempt.objects.exclude(call_id="").exclude(ended_at=None)
        for node in (a, b):
            _until(
                lambda node=node: by_worker.filter(worker__in=node.workers()).count() >= AGENTS,
                60,
                "both nodes call",
                leads,
            )
        self.killed |= a.workers()
        lost = list(CallAttempt.objects.filter(ended_at=None).values_list("pk", flat=True))
        a.lose_power()
        began = time.monotonic()
        leader_s = _until(lambda: _leader() == b.address, 30, "node b leads", leads)
        over = timezone.now()
        _until(
            lambda: not CallAttempt.objects.filter(pk__in=lost, ended_at=None).exists(),
            40,
            "its calls end",
            leads,
        )
        recovered_s = time.monotonic() - began
        _until(lambda: by_worker.filter(started_at__gt=over).count() >= AGENTS, 40, "node b calls on", leads)
        alone = registered(timezone.now()).count()
        a.come_back()
        _until(lambda: registered(timezone.now()).count() == PORTS, 60, "node a takes its ports back", leads)
        again = _ports_of_workers()
        _until(lambda: by_worker.filter(worker__in=a.workers()).count() >= 3, 60, "node a calls again", leads)
        _until(lambda: campaign.is_at_rest(self.campaign), 120, "the campaign ends")
        time.sleep(LEASE_SECONDS)
        return {
            "leader_change_s": round(leader_s, 1),
            "calls_of_the_lost_node_ended_s": round(recovered_s, 1),
            "ports_of_each_worker": [shared, alone, again],
            "attempts": CallAttempt.objects.exclude(started_at=None).count(),
            "calls_in_the_log": len(self.pbx.calls()),
            "wrong": self._wrong(leader_s, shared, alone, again),
        }

    def _wrong(self, leader_s: float, shared: list[int], alone: int, again: list[int]) -> list[str]:
        from tests.chaos import checks

        calls = self.pbx.calls()
        wrong = checks.rows_and_calls(calls, self.killed, []) + checks.counts() + checks.pool()
        wrong += checks.kept_counts() + checks.at_rest(self)
        if leader_s > LEADER_WITHIN:
            wrong.append(f"the leader changed after {leader_s:.1f} s")
        if (
            sum(shared) != PORTS
            or len(shared) != 2
            or sum(again) != PORTS
            or len(again) != 2
            or alone != CAPACITY
        ):
            wrong.append(f"ports of the workers: {shared}, then {alone}, then {again}")
        return wrong


def _leader() -> str:
    """The address of the host whose engine holds the lock, or nothing."""
    from django.db import connection

    from dialing.engine.leader import LOCK

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT host(client_addr) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory'"
            " AND granted AND (classid::bigint << 32 | objid::bigint) = %s",
            [LOCK],
        )
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _ports_of_workers() -> list[int]:
    from django.db.models import Count

    from telephony.models import DialerPort

    held = DialerPort.objects.exclude(worker="").values("worker").annotate(held=Count("pk")).order_by("-held")
    return [row["held"] for row in held]


def _until(condition: Any, within: float, what: str, leads: Any = None) -> float:
    """Waits, and keeps leads coming; returns the seconds."""
    began, turn = time.monotonic(), 0
    while not ask(condition):
        if time.monotonic() - began > within:
            raise TimeoutError(f"it did not come about within {within:.0f} s: {what}")
        if leads is not None and turn % 10 == 0:
            ask(leads.keep_coming)
        turn += 1
        time.sleep(0.1)
    return time.monotonic() - began


def _ip(*words: str) -> None:
    subprocess.run([IP, *words], check=True)


if __name__ == "__main__":
    sys.exit(main())
