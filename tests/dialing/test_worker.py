"""The calls worker against a real SIP peer: what is dialed, how often, and what is recorded (I2, I3, I4, I6)."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing import ports
from dialing.attempt import State
from dialing.calls_worker import CallsWorker
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from telephony.models import DialerPort
from tests.dialing.worker_with_ports import calls, eventually, worker_with_ports
from tests.factories import make_attempt, make_campaign, make_lead, make_port, make_queue
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

PBX: dict[str, Any] = {
    "customers": {"ring_s": 0.1, "refuse_after_s": 0.02, "by_number": {"554100000104": "no_answer"}},
    "queues": {"sales": {"pilot": "7000", "agents": 4, "answer_s": 0.1, "talk_s": 0.3, "wrap_up_s": 0.1}},
}


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[DemoPbxReady]:
    with DemoPbxProcess(tmp_path) as process:
        yield process.start(PBX)


@pytest.fixture
def worker(pbx: DemoPbxReady) -> Iterator[CallsWorker]:
    with worker_with_ports(pbx.sip_port, "6001", "6002") as worker:
        yield worker


def campaign(**fields: Any) -> Campaign:
    return make_campaign(queue=make_queue(pilot_number="7000"), **fields)


def attempt(number: str, of: Campaign | None = None) -> CallAttempt:
    return make_attempt(make_lead(of or campaign(), phone_number=number))


@pytest.mark.parametrize(
    ("number", "result", "code"),
    [
        ("554100000100", LeadStatus.SUCCESS, 200),
        ("554100000102", LeadStatus.BUSY, 486),
        ("554100000103", LeadStatus.REFUSED, 603),
        ("554100000105", LeadStatus.FAILED, 404),
        ("554100000106", LeadStatus.SERVICE_TEMPORARY_UNAVAILABLE, 503),
    ],
)
def test_a_call_is_recorded_as_the_peer_saw_it(
    worker: CallsWorker, pbx: DemoPbxReady, number: str, result: str, code: int
) -> None:
    made = attempt(number)
    worker.carry_out(made.pk)
    made.refresh_from_db()
    lead = Lead.objects.get()
    assert (made.state, made.result, made.sip_code) == (State.ENDED, result, code)
    assert (lead.status, lead.attempts) == (result, 1)
    assert made.started_at is not None
    assert made.ended_at is not None
    assert (made.transferred_at is not None) == (result == LeadStatus.SUCCESS)
    assert (made.media_quality is not None) == (result == LeadStatus.SUCCESS)
    assert made.media_quality is None or made.media_quality["packets_out"] > 0
    eventually(lambda: len(calls(pbx)) == 1)
    [call] = calls(pbx)
    assert (call["number"], call["call_id"]) == (number, made.call_id)


def test_i2_a_message_delivered_many_times_dials_once(worker: CallsWorker, pbx: DemoPbxReady) -> None:
    made = attempt("554100000102")
    threads = [threading.Thread(target=worker.carry_out, args=(made.pk,)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    worker.carry_out(made.pk)
    eventually(lambda: calls(pbx))
    time.sleep(0.3)
    assert len(calls(pbx)) == 1
    assert CallAttempt.objects.get().result == LeadStatus.BUSY
    assert worker.ports.counts() == (2, 0)


def test_i3_nothing_is_dialed_for_a_stopped_campaign(worker: CallsWorker, pbx: DemoPbxReady) -> None:
    made = attempt("554100000100")
    Campaign.objects.update(state=Campaign.State.STOPPED)
    worker.carry_out(made.pk)
    assert CallAttempt.objects.get().state == State.WITHDRAWN
    assert calls(pbx) == []


def test_i6_a_stop_cancels_ringing_calls_at_once(worker: CallsWorker, pbx: DemoPbxReady) -> None:
    owner = campaign()
    made = attempt("554100000104", owner)
    thread = threading.Thread(target=worker.carry_out, args=(made.pk,))
    thread.start()
    eventually(lambda: CallAttempt.objects.get().state == State.DIALING)
    time.sleep(0.3)
    lifecycle.stop(owner.pk)
    stopped = time.monotonic()
    thread.join(PATIENCE)
    assert time.monotonic() - stopped < 1
    made.refresh_from_db()
    assert (made.state, made.result, made.ended_by) == (State.ENDED, LeadStatus.FAILED, "cancelled")
    eventually(lambda: calls(pbx))
    assert calls(pbx)[0]["answered_at"] is None


def test_i6_a_stop_is_found_without_its_announcement(
    worker: CallsWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = attempt("554100000104")
    thread = threading.Thread(target=worker.carry_out, args=(made.pk,))
    thread.start()
    eventually(lambda: CallAttempt.objects.get().state == State.DIALING)
    Campaign.objects.update(state=Campaign.State.STOPPED)  # says nothing to anybody
    thread.join(2.5)
    assert CallAttempt.objects.get().ended_by == "cancelled"


def test_i4_without_a_free_port_the_attempt_is_withdrawn(worker: CallsWorker) -> None:
    owner = campaign()
    ringing = [attempt(number, owner) for number in ("554100000104", "554100000204")]
    threads = [threading.Thread(target=worker.carry_out, args=(made.pk,)) for made in ringing]
    for thread in threads:
        thread.start()
    eventually(lambda: worker.ports.counts() == (0, 2))
    third = attempt("554100000100", owner)
    worker.carry_out(third.pk)
    third.refresh_from_db()
    assert third.state == State.WITHDRAWN
    assert "port" in third.reason
    lifecycle.stop(owner.pk)
    for thread in threads:
        thread.join(PATIENCE)
    assert worker.ports.counts() == (2, 0)


def test_waiting_tasks_hold_no_database_connections(worker: CallsWorker) -> None:
    """101 of 200 waiting tasks failed when each kept its connection."""
    owner = campaign()
    threads = [
        threading.Thread(target=worker.carry_out, args=(attempt(number, owner).pk,))
        for number in ("554100000104", "554100000204")
    ]
    with connection.cursor() as cursor:
        before = _connections(cursor)
        for thread in threads:
            thread.start()
        eventually(lambda: worker.ports.counts() == (0, 2))
        eventually(lambda: CallAttempt.objects.filter(state=State.DIALING).count() == 2)
        assert _connections(cursor) <= before + 2
        assert before <= 4 + 2  # four database threads at most, the listener, this test
    lifecycle.stop(owner.pk)
    for thread in threads:
        thread.join(PATIENCE)


def _connections(cursor: Any) -> int:
    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    return int(cursor.fetchone()[0])


def test_i4_a_worker_that_ends_gives_its_ports_back(pbx: DemoPbxReady) -> None:
    make_port(extension="6001", password="pw6001", registrar_port=pbx.sip_port)
    worker = CallsWorker(capacity=5, name="short")
    worker.start()
    eventually(lambda: ports.registered(timezone.now()).count() == 1)
    made = attempt("554100000104")
    thread = threading.Thread(target=worker.carry_out, args=(made.pk,))
    thread.start()
    eventually(lambda: CallAttempt.objects.get().state == State.DIALING)
    worker.drain()
    thread.join(PATIENCE)
    assert CallAttempt.objects.get().ended_by == "cancelled"
    late = attempt("554100000100")
    worker.carry_out(late.pk)
    late.refresh_from_db()
    assert late.state == State.WITHDRAWN
    worker.close()
    port = DialerPort.objects.get()
    assert (port.worker, port.state) == ("", DialerPort.State.OFF)


def test_a_wrong_password_is_shown_at_the_port(pbx: DemoPbxReady) -> None:
    make_port(extension="6001", password="wrong", registrar_port=pbx.sip_port)
    worker = CallsWorker(capacity=1, name="refused")
    worker.start()
    eventually(lambda: DialerPort.objects.get().state == DialerPort.State.FAILED)
    assert DialerPort.objects.get().last_error
    assert worker.ports.counts() == (0, 0)
    worker.close()


def test_a_port_enabled_later_is_picked_up_and_a_disabled_one_let_go(
    worker: CallsWorker, pbx: DemoPbxReady
) -> None:
    DialerPort.objects.filter(extension="6001").update(enabled=False)
    eventually(lambda: worker.ports.counts() == (1, 0))
    DialerPort.objects.filter(extension="6001").update(enabled=True)
    eventually(lambda: worker.ports.counts() == (2, 0))


def test_a_call_without_an_agent_left_is_cancelled_and_says_why(
    worker: CallsWorker, pbx: DemoPbxReady
) -> None:
    made = attempt("554100000104")
    thread = threading.Thread(target=worker.carry_out, args=(made.pk,))
    thread.start()
    eventually(lambda: worker.calls.calls)
    eventually(lambda: CallAttempt.objects.get().state == State.DIALING)
    attempts.recall([made.pk])
    thread.join(PATIENCE)
    made.refresh_from_db()
    assert (made.state, made.result, made.reason) == (State.ENDED, LeadStatus.FAILED, attempts.NOBODY_LEFT)
    assert Lead.objects.get().attempts == 1, "it has rung"
    assert worker.ports.counts() == (2, 0)
