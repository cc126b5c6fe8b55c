"""Two calls workers with more threads than ports: no message is taken for which there is no port."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from dialing import attempt as attempts
from dialing import ports
from dialing.attempt import State
from dialing.engine.publisher import Publisher
from dialing.leases import database_time
from dialing.reports import process_name
from leads.models import CallAttempt, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess
from tests.chain.processes import Processes, running, wait_until
from tests.dialing.test_worker import PBX, attempt, campaign
from tests.dialing.worker_with_ports import calls
from tests.factories import make_port
from tests.patience import PATIENCE

pytestmark = [pytest.mark.chain, pytest.mark.django_db(transaction=True)]

NOBODY_ANSWERS = ("554100000104", "554100000204")
BUSY = tuple(f"5541000003{tens}2" for tens in range(10, 16))


def test_messages_beyond_the_ports_wait_in_the_queue_for_whoever_has_one_first(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str
) -> None:
    """They were taken by idle threads, which gave up after a second, while other workers had free ports."""
    environment = {**process_environment, "PORTS_PER_WORKER": "8"}
    with DemoPbxProcess(tmp_path / "pbx") as pbx_process:
        pbx = pbx_process.start(
            {**PBX, "customers": {"ring_s": 0.1, "by_number": {NOBODY_ANSWERS[1]: "no_answer"}}}
        )
        with running(tmp_path, environment, "calls-a", "calls-b") as processes:
            for name, extension in (("calls-a", "6001"), ("calls-b", "6002")):
                make_port(
                    extension=extension,
                    password=f"pw{extension}",
                    registrar_port=pbx.sip_port,
                    worker=_name(processes, name),
                    lease_until=database_time() + timedelta(minutes=1),
                )
            wait_until(lambda: ports.registered(database_time()).count() == 2, 30, processes.report)
            owner = campaign(ring_timeout=60)
            made = [attempt(number, owner).pk for number in (*NOBODY_ANSWERS, *BUSY)]
            ringing, waiting = made[:2], made[2:]
            Publisher().publish(ringing)
            wait_until(_dialing(2), 30, lambda: f"{_story()}\n{processes.report()}")
            with redis.Redis.from_url(empty_valkey) as client:
                Publisher().publish(waiting)
                time.sleep(1.5)
                assert client.llen("calls") == len(waiting)
                attempts.recall(ringing[:1])
                wait_until(lambda: _open() == 1, PATIENCE, processes.report)
                assert client.llen("calls") == 0
            attempts.recall(ringing)
            wait_until(lambda: _open() == 0, PATIENCE, processes.report)
    results = list(CallAttempt.objects.order_by("pk").values_list("state", "result"))
    assert results == [(State.ENDED, LeadStatus.FAILED)] * 2 + [(State.ENDED, LeadStatus.BUSY)] * 6
    assert len(calls(pbx)) == 8


def _story() -> str:
    return str(list(CallAttempt.objects.values_list("state", "result", "reason", "worker")))


def _open() -> int:
    return CallAttempt.objects.filter(ended_at=None).count()


def _name(processes: Processes, name: str) -> str:
    """As the worker calls itself, and its ports its own."""
    return f"{process_name().partition(':')[0]}:{processes.pid(name)}"


def _dialing(count: int) -> Callable[[], bool]:
    return lambda: CallAttempt.objects.filter(state=State.DIALING).count() == count
