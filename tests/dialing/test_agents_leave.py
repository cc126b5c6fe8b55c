"""Agents of a real PBX sign out while calls are on their way to them: engine, calls worker, SIP, queue, summary."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns import selectors
from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing.attempt import State
from dialing.calls_worker import CallsWorker
from dialing.engine.loop import Engine
from dialing.records import Records
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from telephony.models import Queue
from tests.dialing.test_engine import Messages, eventually, while_running
from tests.dialing.worker_with_ports import calls, worker_with_ports
from tests.factories import make_campaign, make_contact_center, make_lead
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

AGENTS = ("7101", "7102")
ANSWERS, NEVER_ANSWERS, ANSWERS_TOO = "554100000100", "554100000104", "554100000200"
PBX: dict[str, Any] = {
    "customers": {"ring_s": 0.1, "by_number": {NEVER_ANSWERS: "no_answer"}},
    "queues": {
        "sales": {
            "pilot": "7000",
            "agents": [{"id": agent, "name": agent} for agent in AGENTS],
            "answer_s": 0.1,
            "talk_s": 0.3,
            "wrap_up_s": 0.1,
            "max_wait_s": 2.0,
        }
    },
}


class ToWorker(Messages):
    """A broker that brings each message to the calls worker of this process."""

    def __init__(self, worker: CallsWorker) -> None:
        super().__init__()
        self._worker = worker

    def publish(self, attempt_ids: list[int]) -> None:
        super().publish(attempt_ids)
        for attempt in attempt_ids:
            threading.Thread(target=self._worker.carry_out, args=(attempt,), daemon=True).start()


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[DemoPbxReady]:
    with DemoPbxProcess(tmp_path) as process:
        yield process.start(PBX)


@pytest.fixture
def worker(pbx: DemoPbxReady) -> Iterator[CallsWorker]:
    with worker_with_ports(pbx.sip_port, "6001", "6002") as worker:
        yield worker


def campaign(pbx: DemoPbxReady) -> Campaign:
    """What is said is listened to for two seconds, so that agents can leave between answer and transfer."""
    center = make_contact_center(settings={"host": pbx.host, "port": pbx.events_port})
    queue = Queue.objects.create(contact_center=center, name="sales", pilot_number="7000")
    return make_campaign(queue=queue, pilot_number="7000", amd_enabled=True, amd_longest_analysis=2000)


def change(pbx: DemoPbxReady, verb: str, *agents: str) -> None:
    with socket.create_connection((pbx.host, pbx.events_port), 5) as connection:
        for agent in agents:
            connection.sendall(json.dumps({"command": verb, "agent": agent}).encode() + b"\n")
        replies = connection.makefile("rb")
        done = 0
        while done < len(agents):
            done += json.loads(replies.readline())["type"] == "reply"


def test_i5_calls_whose_agents_leave_are_cancelled_or_passed_on_and_counted_when_nobody_takes_them(
    pbx: DemoPbxReady, worker: CallsWorker
) -> None:
    owner, records = campaign(pbx), Records("test", threads=2)
    made = [make_lead(owner, phone_number=number) for number in (ANSWERS, NEVER_ANSWERS)]

    def of(lead: Lead) -> CallAttempt:
        return CallAttempt.objects.get(lead=lead)

    def is_in(lead: Lead, state: str) -> bool:
        return CallAttempt.objects.filter(lead=lead, state=state).exists()

    async def story() -> None:
        answers, rings = made
        await eventually(lambda: is_in(answers, State.ANSWERED) and is_in(rings, State.DIALING))
        await asyncio.to_thread(change, pbx, "sign_out", *AGENTS)
        await eventually(lambda: is_in(rings, State.ENDED))
        await eventually(lambda: is_in(answers, State.ENDED))
        third = await asyncio.to_thread(make_lead, owner, phone_number=ANSWERS_TOO)
        made.append(third)
        await asyncio.to_thread(change, pbx, "sign_in", AGENTS[0])
        await eventually(lambda: is_in(third, State.ANSWERED))
        await asyncio.to_thread(change, pbx, "sign_out", AGENTS[0])
        await eventually(lambda: is_in(third, State.TRANSFERRING))
        await asyncio.to_thread(change, pbx, "sign_in", AGENTS[0])
        await eventually(lambda: is_in(third, State.ENDED))

    while_running(lambda: Engine(records, ToWorker(worker)), story, longest=4 * PATIENCE)
    records.close()

    abandoned, recalled, taken = [of(lead) for lead in made]
    assert (recalled.result, recalled.ended_by) == (LeadStatus.FAILED, "cancelled")
    assert (recalled.reason, recalled.abandoned) == (attempts.NOBODY_LEFT, False)
    assert recalled.lead is not None
    assert recalled.ended_at is not None
    due = recalled.ended_at + timedelta(minutes=owner.retry_delay)
    assert (recalled.lead.attempts, recalled.lead.next_attempt_at) == (1, due), "it has rung"

    assert (abandoned.result, abandoned.abandoned) == (LeadStatus.FAILED, True)
    assert abandoned.answered_at is not None
    assert "480" in abandoned.reason, "nobody took it in the queue"
    assert (taken.result, taken.abandoned) == (LeadStatus.SUCCESS, False)
    answered = selectors.summary(owner).answered
    assert (answered.persons, answered.abandoned) == (2, 1)

    log = {call["number"]: call for call in calls(pbx)}
    assert log[NEVER_ANSWERS]["answered_at"] is None
    assert {number: log[number]["transfer_result"] for number in (ANSWERS, ANSWERS_TOO)} == {
        ANSWERS: "480",
        ANSWERS_TOO: "connected",
    }
