"""Faults that bit once in a fault-injection run (`make chaos`), each made by hand."""

import pkgutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from dialing import attempt as attempts
from dialing import ports, recovery
from dialing.attempt import State
from dialing.calls_worker import CallsWorker
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from telephony.models import DialerPort
from tests.dialing.test_worker import PBX, attempt
from tests.dialing.worker_with_ports import calls, eventually, worker_with_ports
from tests.factories import make_attempt, make_port
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

NEVER_ANSWERS = "554100000104"


@pytest.fixture
def quick_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialing.worker_upkeep.RENEW_ATTEMPTS_EVERY", 0.2)
    monkeypatch.setattr("dialing.port_keeper.RENEW_PORTS_EVERY", 0.2)


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[DemoPbxReady]:
    with DemoPbxProcess(tmp_path) as process:
        yield process.start(PBX)


@pytest.fixture
def worker(quick_leases: None, pbx: DemoPbxReady) -> Iterator[CallsWorker]:
    with worker_with_ports(pbx.sip_port, "6001") as worker:
        yield worker


def after_the_gate(worker: CallsWorker, happens: Callable[[], object], patch: pytest.MonkeyPatch) -> None:
    """What happens when the attempt is DIALING, before the loop hears of the call."""
    submit = worker.starts.submit

    def submitted(work: Any, *args: Any) -> Future[Any]:
        start = submit(work, *args)
        start.add_done_callback(lambda _start: happens())
        return start

    patch.setattr(worker.starts, "submit", submitted)


def assert_not_dialed(made: CallAttempt, reason: str, pbx: DemoPbxReady) -> None:
    """No INVITE left, nothing is counted, and the lead waits as before."""
    made.refresh_from_db()
    lead = Lead.objects.get()
    assert (made.state, made.number, made.started_at) == (State.WITHDRAWN, None, None)
    assert reason in made.reason
    assert (lead.attempts, lead.pool) == (0, Lead.Pool.WAITING)
    time.sleep(0.3)
    assert calls(pbx) == []


def test_i6_a_worker_that_stood_still_after_the_gate_does_not_dial(
    worker: CallsWorker, pbx: DemoPbxReady
) -> None:
    made = attempt(NEVER_ANSWERS)
    worker.calls.loop.call_soon_threadsafe(time.sleep, 1.5)  # a SIGSTOP, a host without a CPU to spare
    worker.carry_out(made.pk)
    assert_not_dialed(made, "stood still", pbx)
    assert worker.ports.counts() == (1, 0)


def test_i6_a_stop_heard_between_gate_and_invite_sends_no_invite(
    worker: CallsWorker, pbx: DemoPbxReady, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = attempt(NEVER_ANSWERS)
    loop, stop = worker.calls.loop, worker.calls.campaign_stopped
    after_the_gate(worker, lambda: loop.call_soon_threadsafe(stop, made.campaign_id), monkeypatch)
    worker.carry_out(made.pk)
    assert_not_dialed(made, "stopped", pbx)


def test_i4_a_shutdown_between_gate_and_invite_sends_no_invite(
    worker: CallsWorker, pbx: DemoPbxReady, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = attempt(NEVER_ANSWERS)
    after_the_gate(worker, worker.drain, monkeypatch)
    worker.carry_out(made.pk)
    assert_not_dialed(made, "shutting down", pbx)


def test_i2_a_call_whose_attempt_recovery_has_ended_is_cancelled(
    worker: CallsWorker, pbx: DemoPbxReady
) -> None:
    """The worker stood still longer than its lease: the lead may be called by another one at any moment."""
    made = attempt(NEVER_ANSWERS)
    thread = threading.Thread(target=worker.carry_out, args=(made.pk,))
    thread.start()
    eventually(lambda: CallAttempt.objects.get().state == State.DIALING)
    time.sleep(0.3)
    assert recovery.recover_attempts(timezone.now() + timedelta(hours=1)) == 1
    thread.join(PATIENCE)
    assert not thread.is_alive()
    eventually(lambda: calls(pbx))
    assert calls(pbx)[0]["answered_at"] is None
    assert CallAttempt.objects.get().ended_by == "recovery"


def test_i4_ports_whose_lease_ran_out_while_the_worker_stood_still_come_back(worker: CallsWorker) -> None:
    """They were leased again and still registered, and nobody said so: no call was made any more."""
    recovery.free_ports(timezone.now() + timedelta(hours=1))
    assert DialerPort.objects.get().state == DialerPort.State.OFF
    eventually(lambda: ports.registered(timezone.now()).count() == 1, within=2)


def test_only_the_worker_that_started_an_attempt_takes_it_back() -> None:
    made = make_attempt()
    assert attempts.start(made.pk, "mine", make_port().pk)
    assert not attempts.take_back(made.pk, "other", "no")
    assert attempts.take_back(made.pk, "mine", "no")
    assert not attempts.take_back(made.pk, "mine", "no")
    assert Lead.objects.get().attempts == 0


@pytest.mark.parametrize("faulty", ["dialing.port_keeper.PortKeeper._hold", "telephony.sip.line.Line.keep"])
def test_i4_a_fault_of_ours_while_ports_are_kept_is_not_the_end_of_them(
    quick_leases: None, pbx: DemoPbxReady, monkeypatch: pytest.MonkeyPatch, faulty: str
) -> None:
    """One unforeseen error, and the worker kept no port any more, without a word, until somebody started it anew."""
    module, _, name = faulty.rpartition(".")
    owner = pkgutil.resolve_name(module)
    sound: Any = getattr(owner, name)
    faults: list[str] = []

    def once(*args: Any) -> Any:
        if not faults:
            faults.append(name)
            raise RuntimeError("a fault of ours")
        return sound(*args)

    monkeypatch.setattr(owner, name, once)
    with worker_with_ports(pbx.sip_port, "6001") as worker:
        eventually(lambda: faults and ports.registered(timezone.now()).count() == 1)
        eventually(lambda: worker.ports.counts() == (1, 0))
        worker.carry_out(attempt("554100000102").pk)
    assert CallAttempt.objects.get().result == LeadStatus.BUSY


def test_i4_a_fault_of_ours_while_leases_are_renewed_is_not_the_end_of_them(
    worker: CallsWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = worker.upkeep._active.events
    faults: list[float] = []

    def once() -> Any:
        if faults:
            return active()
        faults.append(time.monotonic())
        raise RuntimeError("a fault of ours")

    made = attempt(NEVER_ANSWERS)
    thread = threading.Thread(target=worker.carry_out, args=(made.pk,))
    thread.start()
    eventually(lambda: CallAttempt.objects.get().state == State.DIALING)
    monkeypatch.setattr(worker.upkeep._active, "events", once)
    eventually(lambda: faults)
    CallAttempt.objects.update(lease_until=timezone.now())
    eventually(lambda: CallAttempt.objects.get().lease_until > timezone.now() + timedelta(seconds=5))
    worker.drain()
    thread.join(PATIENCE)
