"""A small campaign through the real processes, compared with the demo PBX's own call log, lead by lead."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.announce import announce
from campaigns.models import Campaign, Schedule
from dialing.ports import registered
from dnc.models import DncNumber
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from telephony.models import ContactCenter, Queue
from tests.chain.processes import Processes, running, wait_until
from tests.factories import (
    embedded_dnc,
    make_campaign,
    make_contact_center,
    make_group,
    make_lead,
    make_port,
)

pytestmark = [pytest.mark.chain, pytest.mark.django_db(transaction=True)]

PBX: dict[str, Any] = {
    "users": {str(6001 + n): f"pw{6001 + n}" for n in range(6)},
    "customers": {
        "ring_s": 0.2,
        "refuse_after_s": 0.05,
        "speak_after_s": 0.2,
        "ring_timeout_s": 1.0,
        "second_call": {"2": "human"},
    },
    "queues": {
        "sales": {
            "pilot": "7000",
            "agents": [{"id": str(7101 + n), "name": f"Agent {n}"} for n in range(4)],
            "answer_s": 0.1,
            "talk_s": 0.5,
            "wrap_up_s": 0.2,
        }
    },
}

# Last digit of the number -> what the customer does (telephony/demo_pbx/customers.py) -> the result of SPEC 6.
RESULTS = {
    "0": LeadStatus.SUCCESS,
    "1": LeadStatus.AMD,
    "2": LeadStatus.BUSY,
    "3": LeadStatus.REFUSED,
    "4": LeadStatus.FAILED,
    "5": LeadStatus.FAILED,
    "6": LeadStatus.SERVICE_TEMPORARY_UNAVAILABLE,
    "8": LeadStatus.SUCCESS,
    "9": LeadStatus.SUCCESS,
}


def prepare(pbx: DemoPbxReady) -> Campaign:
    """Ports, a contact centre, and 24 leads: two of each kind, four of whom are on the do-not-call list."""
    for user, password in PBX["users"].items():
        make_port(extension=user, password=password, registrar_port=pbx.sip_port)
    center = make_contact_center(settings={"host": pbx.host, "port": pbx.events_port})
    campaign = make_campaign(
        group=make_group(name="chain"),
        queue=Queue.objects.create(contact_center=center, name="sales", pilot_number="7000"),
        amd_enabled=True,
        dnc_service=embedded_dnc(),
        max_attempts=2,
        ring_timeout=20,
        started=False,
    )
    Schedule.objects.update(state=Schedule.State.NOT_RUNNING)
    for tens in (10, 20):
        for digit in range(10):
            make_lead(campaign, phone_number=f"55410000{tens + digit:04}")
    for number in range(30, 34):
        make_lead(campaign, phone_number=f"55410000{number:04}")
        DncNumber.objects.create(number=int(f"55410000{number:04}"))
    return campaign


def calls(pbx: DemoPbxReady) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in pbx.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == "call"]


def start(campaign: Campaign) -> None:
    """What the start button does."""
    Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.STARTED)
    lifecycle.after_start(campaign.pk)


def leads_at_rest() -> bool:
    """Everybody was called and has a result, and the last reservation is gone."""
    return not (
        Lead.objects.filter(status=LeadStatus.NOT_CALLED).exists()
        or Lead.objects.filter(pool=Lead.Pool.WAITING, next_attempt_at__lte=timezone.now()).exists()
        or CallAttempt.objects.filter(ended_at=None).exists()
    )


def test_a_small_campaign_ends_with_the_results_that_the_peer_saw(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str
) -> None:
    with DemoPbxProcess(tmp_path / "pbx") as pbx_process:
        pbx = pbx_process.start(PBX)
        campaign = prepare(pbx)
        with running(tmp_path, process_environment, "engine", "calls", "jobs", "beat") as processes:
            wait_until(lambda: registered(timezone.now()).count() == 6, 20, processes.report)
            start(campaign)
            wait_until(leads_at_rest, 40, lambda: unfinished(processes))
            compare(calls(pbx), attempt=1)
            make_retries_due(campaign)
            wait_until(leads_at_rest, 30, lambda: unfinished(processes))
            compare(calls(pbx), attempt=2)
            assert_nothing_is_left(processes)


def make_retries_due(campaign: Campaign) -> None:
    """As if the retry delay had passed."""
    waiting = Lead.objects.filter(pool=Lead.Pool.WAITING)
    assert {lead.status for lead in waiting} == set(RESULTS.values()) - {LeadStatus.SUCCESS}
    for lead in waiting:
        ended = CallAttempt.objects.get(lead=lead, result=lead.status).ended_at
        assert ended is not None
        assert lead.next_attempt_at == ended + timedelta(minutes=campaign.retry_delay)
    waiting.update(next_attempt_at=timezone.now())
    announce("leads", campaign=campaign.pk)


def compare(log: list[dict[str, Any]], attempt: int) -> None:
    """Each dialed attempt is one call of the log, and the other way round; results and counts agree."""
    dialed = CallAttempt.objects.exclude(started_at=None)
    by_call_id = {call["call_id"]: call for call in log}
    assert len(by_call_id) == len(log) == dialed.count()
    for made in dialed.select_related("lead"):
        call = by_call_id[made.call_id]
        assert call["number"] == made.phone_number
        assert call["call_count"] == made.number
        assert made.result == expected(call), (made.result, made.reason, call)
        assert (made.answered_at is not None) == (call["answered_at"] is not None)
        assert (made.transferred_at is not None) == (call["transfer_at"] is not None)
    counts = Counter(call["number"] for call in log)
    for lead in Lead.objects.all():
        assert lead.attempts == counts[lead.phone_number] <= attempt
        is_listed = int(lead.phone_number) in set(DncNumber.objects.values_list("pk", flat=True))
        assert (lead.status == LeadStatus.DO_NOT_CALL) == is_listed
        if is_listed:
            assert counts[lead.phone_number] == 0


def expected(call: dict[str, Any]) -> str:
    """The result that the peer's record of a call asks for."""
    if call["customer"] == "hangs_up":
        return LeadStatus.SUCCESS if call["transfer_at"] else LeadStatus.FAILED
    if call["call_count"] == 2 and call["number"][-1] == "2":
        return LeadStatus.SUCCESS
    return RESULTS[call["number"][-1]]


def assert_nothing_is_left(processes: Processes) -> None:
    """I4: no open attempt, no claimed lead, no message; all ports are free and the contact centre is connected."""
    assert not Lead.objects.filter(pool=Lead.Pool.CLAIMED).exists()
    assert registered(timezone.now()).count() == 6
    assert ContactCenter.objects.get().state == ContactCenter.State.CONNECTED
    assert processes.stop("engine") < 1.5
    for name in ("engine", "calls", "jobs", "beat"):
        assert "Traceback" not in processes.said(name), processes.said(name)


def unfinished(processes: Processes) -> str:
    """For a run that did not end: the leads, the open attempts and the logs."""
    leads = list(Lead.objects.values_list("phone_number", "status", "pool", "attempts"))
    attempts = list(CallAttempt.objects.values_list("phone_number", "state", "result", "reason"))
    return "\n".join([*map(str, leads), *map(str, attempts), processes.report()])
