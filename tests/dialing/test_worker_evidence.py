"""What the detector heard in a call over RTP is kept with the attempt, and the campaign's settings hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Campaign
from dialing.calls_worker import CallsWorker
from leads import evidence
from leads.models import AmdEvidence, CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from tests.dialing.worker_with_ports import eventually, worker_with_ports
from tests.factories import make_attempt, make_campaign, make_lead, make_queue

pytestmark = pytest.mark.django_db(transaction=True)

PBX: dict[str, Any] = {
    "customers": {"ring_s": 0.1, "refuse_after_s": 0.02},
    "queues": {"sales": {"pilot": "7000", "agents": 4, "answer_s": 0.1, "talk_s": 0.3, "wrap_up_s": 0.1}},
}


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[DemoPbxReady]:
    with DemoPbxProcess(tmp_path) as process:
        yield process.start(PBX)


@pytest.fixture
def worker(pbx: DemoPbxReady) -> Iterator[CallsWorker]:
    with worker_with_ports(pbx.sip_port, "6001") as worker:
        yield worker


def attempt(number: str, **fields: Any) -> CallAttempt:
    values: dict[str, Any] = {"amd_enabled": True, "queue": make_queue(pilot_number="7000"), **fields}
    return make_attempt(make_lead(make_campaign(**values), phone_number=number))


def test_a_machines_call_keeps_its_times_and_its_sound(worker: CallsWorker) -> None:
    evidence.change_policy(None, keep_sound="MACHINES")
    made = attempt("554100000101")
    worker.carry_out(made.pk)
    made.refresh_from_db()
    assert (made.result, made.amd_verdict) == (LeadStatus.AMD, "MACHINE")
    assert (made.transferred_at, made.ended_by) == (None, "local"), "the dialer hung up"
    assert made.lead is not None
    assert (made.lead.status, made.lead.attempts, made.lead.pool) == ("AMD", 1, Lead.Pool.WAITING)
    eventually(AmdEvidence.objects.exists)
    kept = AmdEvidence.objects.get(attempt=made)
    assert made.amd_decision_ms is not None
    assert kept.heard["heard_ms"] == made.amd_decision_ms
    assert kept.heard["speech"]
    assert max(kept.heard["machine"]) > 0.5
    assert kept.sound is not None
    assert 0 <= len(kept.sound) / 8 - made.amd_decision_ms <= 500  # up to when the verdict was heard of


def test_a_call_that_is_not_analysed_has_no_evidence(worker: CallsWorker) -> None:
    evidence.change_policy(None, keep_sound="ALL")
    for made in (attempt("554100000100", amd_enabled=False), attempt("554100000102")):
        worker.carry_out(made.pk)
    assert not AmdEvidence.objects.exists()


def test_a_machines_call_lasts_as_long_as_the_campaign_says(worker: CallsWorker) -> None:
    made = attempt("554100000101", amd_profile=Campaign.AmdProfile.FAST, amd_shortest_call=6)
    worker.carry_out(made.pk)
    made.refresh_from_db()
    assert made.result == LeadStatus.AMD
    assert made.answered_at is not None
    assert made.ended_at is not None
    assert (made.ended_at - made.answered_at).total_seconds() >= 6


def test_evidence_that_cannot_be_written_costs_nothing_else(worker: CallsWorker) -> None:
    made = attempt("554100000101")
    table = AmdEvidence._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
    try:
        worker.carry_out(made.pk)
        worker.books.close()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")
    made.refresh_from_db()
    assert made.result == LeadStatus.AMD
    assert worker.ports.counts() == (1, 0)
    assert not AmdEvidence.objects.exists()
