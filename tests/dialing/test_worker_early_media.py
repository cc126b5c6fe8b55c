"""What the network plays before the answer, over SIP and RTP: kept with the attempt, and part of its result."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.models import Campaign
from dialing.calls_worker import CallsWorker
from leads.models import CallAttempt, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from telephony.models import ResultRule
from tests.dialing.worker_with_ports import eventually, worker_with_ports
from tests.factories import (
    installed_result_rules,
    make_attempt,
    make_campaign,
    make_lead,
    make_queue,
)

pytestmark = pytest.mark.django_db(transaction=True)

VACANT, BUSY, RINGS = "554100000201", "554100000202", "554100000203"
SECONDS = 3.5
PBX: dict[str, Any] = {
    "customers": {
        "by_number": {VACANT: "vacant_number", BUSY: "busy_tone", RINGS: "declined"},
        "early_media_s": SECONDS,
        "ring_s": 0.1,
    }
}


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[DemoPbxReady]:
    with DemoPbxProcess(tmp_path) as process:
        yield process.start(PBX)


@pytest.fixture
def worker(pbx: DemoPbxReady) -> Iterator[CallsWorker]:
    installed_result_rules()
    with worker_with_ports(pbx.sip_port, "6001") as worker:
        yield worker


def called(worker: CallsWorker, number: str, **fields: Any) -> CallAttempt:
    values: dict[str, Any] = {"queue": make_queue(pilot_number="7000"), **fields}
    made = make_attempt(make_lead(make_campaign(**values), phone_number=number))
    worker.carry_out(made.pk)
    made.refresh_from_db()
    return made


def lasted(attempt: CallAttempt) -> float:
    assert attempt.started_at is not None
    assert attempt.ended_at is not None
    return (attempt.ended_at - attempt.started_at).total_seconds()


def test_a_vacant_number_is_told_by_its_tone_and_the_call_runs_its_course(worker: CallsWorker) -> None:
    attempt = called(worker, VACANT)
    assert (attempt.result, attempt.sip_code) == (LeadStatus.FAILED, 480)
    assert attempt.early_media == "SIT_VACANT_CODE"
    why = attempt.early_media_why
    assert why is not None
    assert why["code"] == "three_tones_and_speech"
    assert (why["first"], why["second"], why["third"]) == pytest.approx((985, 1371, 1777), abs=6)
    assert attempt.early_media_cause.endswith(f"{why['speech']} s of speech")
    assert lasted(attempt) >= SECONDS - 0.1
    assert worker.calls.detection.open_calls == 0


def test_a_campaign_may_give_up_on_the_tone(worker: CallsWorker) -> None:
    attempt = called(worker, VACANT, early_end=Campaign.EarlyEnd.SIT, amd_enabled=False)
    assert (attempt.result, attempt.ended_by) == (LeadStatus.FAILED, "cancelled")
    assert attempt.reason == "given up for what was heard before the answer"
    assert lasted(attempt) < SECONDS - 0.5
    assert attempt.early_media == "SIT_VACANT_CODE"


def test_the_result_follows_the_sound_as_the_table_says(worker: CallsWorker) -> None:
    ResultRule.objects.get_or_create(heard="BUSY", defaults={"result": "BUSY"})
    eventually(lambda: (None, None, "BUSY") in worker.calls.results)
    attempt = called(worker, BUSY, early_end=Campaign.EarlyEnd.ANNOUNCEMENT)
    assert (attempt.result, attempt.sip_code, attempt.early_media) == (LeadStatus.BUSY, 480, "BUSY")
    assert re.fullmatch(r"42\d Hz, [45]\d0 ms long", attempt.early_media_cause)
    worker.calls.results = {(480, None): worker.calls.results[(480, None)]}
    assert called(worker, BUSY).result == LeadStatus.FAILED


def test_a_call_that_only_rings_has_heard_nothing(worker: CallsWorker) -> None:
    attempt = called(worker, RINGS)
    assert (attempt.result, attempt.early_media, attempt.early_media_cause) == (LeadStatus.REFUSED, "", "")
    assert attempt.early_media_why is None
