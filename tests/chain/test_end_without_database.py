"""A calls worker that is told to end while the database is away, or stands still."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from dialing import ports, recovery
from dialing.attempt import State
from dialing.engine.publisher import Publisher
from dialing.leases import database_time
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess
from tests import services
from tests.chain.processes import running, wait_until
from tests.chaos.signals import family, stopped
from tests.dialing.test_worker import PBX, attempt
from tests.dialing.worker_with_ports import calls
from tests.factories import make_port
from tests.patience import PATIENCE

pytestmark = [pytest.mark.chain, pytest.mark.django_db(transaction=True)]

STOP_S = 6
FEW_S = 3.0
NEVER_ANSWERS, BUSY = "554100000104", "554100000102"


@contextmanager
def away() -> Iterator[None]:
    services.POSTGRES.stop()
    try:
        yield
    finally:
        services.POSTGRES.start()


@contextmanager
def standing_still() -> Iterator[None]:
    """Connections stay open, and nothing answers."""
    process = services.POSTGRES.process
    assert process is not None
    with stopped(family(process.pid)):
        yield


@pytest.mark.skipif("TEST_DATABASE_URL" in __import__("os").environ, reason="stops PostgreSQL")
@pytest.mark.parametrize("database", [away, standing_still])
def test_i4_a_worker_told_to_end_while_the_database_is_gone_ends_in_time(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str, database: type[object]
) -> None:
    """Its tasks insisted on their records for ever, and it waited for its tasks."""
    environment = {**process_environment, "PORTS_PER_WORKER": "2", "CALLS_STOP_SECONDS": str(STOP_S)}
    with DemoPbxProcess(tmp_path / "pbx") as pbx_process:
        pbx = pbx_process.start(PBX)
        for user in ("6001", "6002"):
            make_port(extension=user, password=f"pw{user}", registrar_port=pbx.sip_port)
        with running(tmp_path, environment, "calls") as processes:
            wait_until(lambda: ports.registered(database_time()).count() == 2, 40, processes.report)
            made = attempt(NEVER_ANSWERS)
            Publisher().publish([made.pk])
            wait_until(lambda: CallAttempt.objects.get().state == State.DIALING, PATIENCE, processes.report)
            time.sleep(0.3)
            connection.close()
            with database():  # type: ignore[attr-defined]
                took = processes.stop("calls", within=3 * STOP_S)
                said = processes.said("calls")
            assert took < STOP_S + FEW_S, said
        wait_until(lambda: calls(pbx), 3, lambda: "the call is still up")
    assert calls(pbx)[0]["answered_at"] is None, "it was cancelled"
    assert CallAttempt.objects.get().ended_at is None
    assert recovery.recover_attempts(database_time() + timedelta(hours=1)) == 1
    assert CallAttempt.objects.get().result == LeadStatus.UNKNOWN
    assert Lead.objects.get().attempts == 1
