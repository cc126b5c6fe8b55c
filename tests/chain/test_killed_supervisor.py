"""A calls worker whose supervisor is killed, and whose database goes away with it, as embedded ones do."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from dialer_project.processes.register import signal_group
from dialer_project.processes.spawn import is_alive, last_lines
from dialing import ports, recovery
from dialing.attempt import State
from dialing.engine.publisher import Publisher
from dialing.leases import database_time
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess
from tests.chain.processes import PROJECT, wait_until
from tests.dialing.test_worker import PBX, attempt
from tests.dialing.worker_with_ports import calls
from tests.factories import make_port
from tests.patience import PATIENCE

pytestmark = [pytest.mark.chain, pytest.mark.django_db(transaction=True)]

NEVER_ANSWERS = "554100000104"

SUPERVISOR = """
import sys, time
from pathlib import Path
import django
django.setup()
from dialer_project.processes import product
from dialer_project.processes.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), Path.cwd(), print)
supervisor.start([process for process in product.processes() if process.name == "calls"])
print(supervisor._children[0].popen.pid, flush=True)
time.sleep(600)
"""


@contextmanager
def no_database() -> Iterator[None]:
    """As if PostgreSQL had ended, for everybody."""
    name = connection.settings_dict["NAME"]
    connection.close()
    elsewhere = {**connection.get_connection_params(), "dbname": "postgres"}
    for key in ("cursor_factory", "context", "prepare_threshold"):
        elsewhere.pop(key, None)
    with psycopg.connect(**elsewhere, autocommit=True) as server:
        allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format
        server.execute(allow(sql.Identifier(name), sql.SQL("false")))
        try:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            server.execute(allow(sql.Identifier(name), sql.SQL("true")))


def test_i4_a_calls_worker_ends_with_its_killed_supervisor_and_hangs_up(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str
) -> None:
    """It went on insisting on a database that nobody would start again, and its calls went on too."""
    environ = {**process_environment, "DJANGO_SETTINGS_MODULE": "dialer_project.settings"}
    log = tmp_path / "log" / "calls.log"

    def said() -> str:
        return last_lines(log, 20)

    with DemoPbxProcess(tmp_path / "pbx") as pbx_process:
        pbx = pbx_process.start(PBX)
        make_port(extension="6001", password="pw6001", registrar_port=pbx.sip_port)
        supervisor = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=PROJECT,
            env=environ,
        )
        assert supervisor.stdout is not None
        worker = int(supervisor.stdout.readline())
        try:
            wait_until(lambda: ports.registered(database_time()).count() == 1, PATIENCE, said)
            made = attempt(NEVER_ANSWERS)
            Publisher().publish([made.pk])
            wait_until(lambda: CallAttempt.objects.get().state == State.DIALING, PATIENCE, said)
            with no_database():
                supervisor.kill()
                wait_until(lambda: not is_alive(worker), PATIENCE, said)
                wait_until(lambda: calls(pbx), PATIENCE, said)
                wait_until(
                    lambda: not _others_in_group(worker), PATIENCE, said
                )  # the detector's process and others
        finally:
            supervisor.kill()
            supervisor.communicate()
            signal_group(worker, signal.SIGKILL)
    assert calls(pbx)[0]["answered_at"] is None
    assert recovery.recover_attempts(database_time() + timedelta(hours=1)) == 1
    assert CallAttempt.objects.get().result == LeadStatus.UNKNOWN
    assert Lead.objects.get().attempts == 1


def _others_in_group(leader: int) -> list[int]:
    return [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if _group(pid) == leader]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid) if is_alive(pid) else None
    except ProcessLookupError:
        return None
