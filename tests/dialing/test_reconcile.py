"""What no rule allows is found and put right, and nothing else is touched (I4)."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from dialing import attempt as attempts
from dialing import ports, reconcile, reports, tallies, worker_upkeep
from dialing.attempt import State
from dialing.calls_worker import CallsWorker
from dialing.claim import claim_leads
from dialing.models import ProcessReport, Repair, Tally
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from telephony.models import DialerPort
from telephony.sip.account import SipAccount
from tests.dialing.worker_with_ports import eventually, worker_with_ports
from tests.factories import make_attempt, make_campaign, make_lead, make_leads, make_port
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db


def repairs() -> dict[str, float]:
    return dict(Tally.objects.filter(name=tallies.REPAIRS).values_list("label", "value"))


# --- the tables ---------------------------------------------------------------------------------------


def test_i4_a_lead_in_a_call_without_an_attempt_goes_where_its_last_attempt_left_it() -> None:
    campaign = make_campaign(max_attempts=2)
    waits = make_lead(campaign, pool=Lead.Pool.CLAIMED)
    retried = make_lead(campaign, pool=Lead.Pool.CLAIMED, attempts=1, status=LeadStatus.BUSY)
    used_up = make_lead(campaign, pool=Lead.Pool.CLAIMED, attempts=2, status=LeadStatus.BUSY)
    reached = make_lead(campaign, pool=Lead.Pool.CLAIMED, attempts=1, status=LeadStatus.SUCCESS)
    in_a_call = make_attempt(make_lead(campaign)).lead
    assert in_a_call is not None
    assert reconcile.leaks(timezone.now()).leads_without_attempt == 4
    assert reconcile.reconcile() == 4
    pools = {lead.pk: lead.pool for lead in Lead.objects.all()}
    assert [pools[lead.pk] for lead in (waits, retried, used_up, reached, in_a_call)] == [
        Lead.Pool.WAITING,
        Lead.Pool.WAITING,
        Lead.Pool.DONE,
        Lead.Pool.DONE,
        Lead.Pool.CLAIMED,
    ]
    assert repairs() == {Repair.LEAD_FREED: 4}
    assert reconcile.reconcile() == 0


def test_i1_a_lead_with_an_open_attempt_can_be_claimed_by_nobody() -> None:
    campaign = make_campaign()
    attempt = make_attempt(make_lead(campaign))
    Lead.objects.update(pool=Lead.Pool.WAITING)
    assert reconcile.reconcile() == 1
    assert Lead.objects.get().pool == Lead.Pool.CLAIMED
    assert claim_leads(campaign.pk, 5, timezone.now()) == []
    assert CallAttempt.objects.get() == attempt
    assert repairs() == {Repair.LEAD_HELD: 1}


def test_a_port_whose_record_names_no_worker_is_free() -> None:
    mine = make_port()
    ports.keep_ports("worker", 5, timezone.now())
    ports.record_registration("worker", mine.pk, DialerPort.State.REGISTERED, "pbx:5060", "")
    stray = make_port(state=DialerPort.State.REGISTERED)
    assert reconcile.reconcile() == 1
    stray.refresh_from_db()
    mine.refresh_from_db()
    assert (stray.state, mine.state) == (DialerPort.State.OFF, DialerPort.State.REGISTERED)


def test_the_reconciler_ends_no_attempt_however_old_its_lease() -> None:
    """Only `finish` and recovery by lease end attempts."""
    make_attempt(lease_until=timezone.now() - timedelta(days=1))
    assert reconcile.reconcile() == 0
    assert CallAttempt.objects.get().ended_at is None
    assert reconcile.leaks(timezone.now()).attempts_without_lease == 1


@pytest.mark.django_db(transaction=True)
def test_the_reconciler_repairs_nothing_while_calls_are_claimed_and_ended_beside_it() -> None:
    """Races: every state in between is a transaction's own, so a look from outside never finds anything."""
    campaign = make_campaign(retry_delay=1, max_attempts=100)
    make_leads(campaign, 20)
    port_ids = [make_port().pk for _ in range(4)]
    done, looks, wrong = threading.Event(), [0], [0]

    def look() -> None:
        try:
            while not done.is_set():
                wrong[0] += reconcile.reconcile()
                looks[0] += 1
        finally:
            connection.close()

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(12):
            for port, attempt in zip(port_ids, claim_leads(campaign.pk, 4, timezone.now()), strict=True):
                assert attempts.start(attempt, "worker", port)
                assert attempts.finish(attempt, attempts.Outcome(LeadStatus.BUSY, timezone.now()))
            Lead.objects.update(next_attempt_at=timezone.now())
    finally:
        done.set()
        looker.join()
    assert looks[0] > 3
    assert wrong[0] == 0
    assert not Tally.objects.filter(name=tallies.REPAIRS).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_reconcilers_one_looks() -> None:
    make_lead(pool=Lead.Pool.CLAIMED)
    other: list[int] = []

    def second() -> None:
        other.append(reconcile.reconcile())
        connection.close()

    with transaction.atomic():
        assert reconcile.reconcile() == 1
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert other == [0]


# --- a calls worker -----------------------------------------------------------------------------------


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[DemoPbxReady]:
    config = {"customers": {"ring_s": 0.05}, "queues": {"sales": {"pilot": "7000", "agents": 1}}}
    with DemoPbxProcess(tmp_path) as process:
        yield process.start(config)


@pytest.fixture
def worker(pbx: DemoPbxReady, monkeypatch: pytest.MonkeyPatch) -> Iterator[CallsWorker]:
    monkeypatch.setattr(reports, "EVERY", 0.2)
    monkeypatch.setattr(worker_upkeep, "RENEW_ATTEMPTS_EVERY", 0.2)
    with worker_with_ports(pbx.sip_port, "6001") as worker:
        yield worker


class Nobody:
    """A listener that has lost interest."""

    def on_ringing(self, code: int) -> None: ...
    def on_answered(self) -> None: ...
    def on_transfer(self, transfer: object) -> None: ...
    def on_ended(self, ending: object) -> None: ...


@pytest.mark.django_db(transaction=True)
def test_i4_a_call_that_nobody_carries_is_hung_up_and_counted(worker: CallsWorker, pbx: DemoPbxReady) -> None:
    account = SipAccount("6001", "pw6001", pbx.host, pbx.sip_port, "udp")
    asyncio.run_coroutine_threadsafe(
        worker.calls.agent.invite(account, "0412345670", Nobody()),
        worker.calls.loop,
    ).result(PATIENCE)
    eventually(lambda: "call_hung_up" in repairs())
    eventually(lambda: worker.calls.agent.active_calls == 0)
    call = next(line for line in map(json.loads, pbx.log.read_text().splitlines()) if line["event"] == "call")
    assert call["number"] == "0412345670"
    eventually(lambda: ProcessReport.objects.get().numbers["dialogs_without_attempt"] == 0)
    assert ProcessReport.objects.get().numbers["sockets"] == 0


@pytest.mark.django_db(transaction=True)
def test_i4_a_thread_that_waits_for_a_call_that_is_gone_gives_its_port_back(worker: CallsWorker) -> None:
    campaign = make_campaign(amd_enabled=False)
    attempt = make_attempt(make_lead(campaign, phone_number="554100000104"))
    task = threading.Thread(target=lambda: worker.carry_out(attempt.pk))
    worker.calls._begin = lambda call: None  # type: ignore[method-assign]  # the loop loses the call
    task.start()
    eventually(lambda: CallAttempt.objects.get().state == State.DIALING)
    assert worker.ports.counts() == (0, 1)
    CallAttempt.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    attempts.finish(attempt.pk, attempts.Outcome(LeadStatus.UNKNOWN, timezone.now(), ended_by="recovery"))
    task.join(PATIENCE)
    assert not task.is_alive()
    assert worker.ports.counts() == (1, 0)
    eventually(lambda: repairs() == {Repair.WAIT_ENDED: 1})


@pytest.mark.django_db(transaction=True)
def test_i4_a_socket_without_a_call_is_closed(worker: CallsWorker) -> None:
    worker.calls.loop.call_soon_threadsafe(worker.calls.agent.media.open)
    eventually(lambda: Repair.SOCKET_CLOSED in repairs())
    assert worker.calls.agent.media.open_sessions == 0


@pytest.mark.django_db(transaction=True)
def test_a_call_under_way_is_left_alone_and_its_numbers_are_told(
    worker: CallsWorker, pbx: DemoPbxReady
) -> None:
    campaign = make_campaign(amd_enabled=False, ring_timeout=20)
    attempt = make_attempt(make_lead(campaign, phone_number="554100000104"), prompted_at=timezone.now())
    task = threading.Thread(target=lambda: worker.carry_out(attempt.pk))
    task.start()
    eventually(
        lambda: (
            (report := ProcessReport.objects.filter(kind="calls").first()) and report.numbers["dialogs"] == 1
        )
    )
    seen = ProcessReport.objects.get().reported_at
    eventually(lambda: ProcessReport.objects.get().reported_at > seen + timedelta(seconds=0.7))
    numbers = ProcessReport.objects.get().numbers
    assert (numbers["calls"], numbers["ports_taken"], numbers["sockets"]) == (1, 1, 1)
    assert (numbers["dialogs_without_attempt"], numbers["sockets_without_call"]) == (0, 0)
    assert repairs() == {}
    promptness = Tally.objects.filter(name=tallies.PROMPTNESS)
    assert promptness.get(label="count").value == 1
    worker.drain()
    task.join(PATIENCE)
    assert not task.is_alive()


# --- counting -----------------------------------------------------------------------------------------


def test_counts_of_all_processes_add_up_and_survive_a_lost_database(monkeypatch: pytest.MonkeyPatch) -> None:
    tallies.flush()
    tallies.count("results", "BUSY", 2)
    with monkeypatch.context() as patch:
        patch.setattr(tallies, "_add", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tallies.flush()
    tallies.count("results", "BUSY")
    tallies.flush()
    tallies.count("results", "BUSY")
    tallies.flush()
    assert Tally.objects.get(name="results", label="BUSY").value == 4
