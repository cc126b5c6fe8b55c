"""The whole product with a real Asterisk as network and contact centre: what the database says against what AMI said."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Schedule
from dialing.ports import registered
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.contact_center.asterisk_ami.messages import Message
from telephony.models import ContactCenter, Queue
from tests.chain.processes import Processes, running, wait_until
from tests.contact_center.lab import SETTINGS, SIP_PORT, WRAP_UP_S, AmiLog, running_lab
from tests.factories import make_campaign, make_contact_center, make_group, make_lead, make_port

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]

logger = logging.getLogger(__name__)

PORTS, AGENTS, LEADS = 8, 4, 24

# Last digit -> what the lab's customer does -> the result of SPEC 6. 7 hangs up 2 s after the answer.
RESULTS = {
    "0": {LeadStatus.SUCCESS},
    "1": {LeadStatus.AMD},
    "2": {LeadStatus.BUSY},
    "3": {LeadStatus.REFUSED},
    "4": {LeadStatus.FAILED},
    "5": {LeadStatus.FAILED},
    "6": {LeadStatus.SERVICE_TEMPORARY_UNAVAILABLE},
    "7": {LeadStatus.SUCCESS, LeadStatus.FAILED},
    "8": {LeadStatus.SUCCESS, LeadStatus.AMD},
    "9": {LeadStatus.SUCCESS},
}


@contextmanager
def ami_log() -> Iterator[AmiLog]:
    """A log in a thread of its own, while the test waits for processes."""
    log, stop, loop = AmiLog(), asyncio.Event(), asyncio.new_event_loop()
    ready = threading.Event()

    async def keep() -> None:
        async with log:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(keep(),))
    thread.start()
    assert ready.wait(5)
    try:
        yield log
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def prepare() -> Campaign:
    for number in range(6001, 6001 + PORTS):
        make_port(extension=str(number), password=f"pw{number}", registrar_port=SIP_PORT)
    center = make_contact_center(kind=ContactCenter.Kind.ASTERISK_AMI, settings=SETTINGS)
    campaign = make_campaign(
        group=make_group(name="asterisk"),
        queue=Queue.objects.create(contact_center=center, name="sales", pilot_number="7000"),
        pilot_number="7000",
        amd_enabled=True,
        ring_timeout=5,
        max_attempts=1,
        started=False,
    )
    Schedule.objects.update(state=Schedule.State.NOT_RUNNING)
    run = int(time.time()) % 100_000
    for number in range(LEADS):
        make_lead(campaign, phone_number=f"05{run:05}{number:03}")
    return campaign


def all_called() -> bool:
    return (
        not Lead.objects.filter(status=LeadStatus.NOT_CALLED).exists()
        and not CallAttempt.objects.filter(ended_at=None).exists()
    )


def test_a_campaign_through_asterisk(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str
) -> None:
    with running_lab(), ami_log() as log:
        campaign = prepare()
        with running(tmp_path, process_environment, "engine", "calls", "jobs", "beat") as processes:
            wait_until(lambda: registered(timezone.now()).count() == PORTS, 20, processes.report)
            Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.STARTED)
            lifecycle.after_start(campaign.pk)
            wait_until(all_called, 150, lambda: unfinished(processes))
            assert ContactCenter.objects.get().state == ContactCenter.State.CONNECTED
            assert Queue.objects.filter(name="menu", kind=Queue.Kind.IVR, pilot_number="8000").exists()
        for name in ("engine", "calls"):
            assert "Traceback" not in processes.said(name), processes.said(name)
            assert SETTINGS["password"] not in processes.said(name)
        time.sleep(1.0)
    compare_results(log)
    compare_transfers(log)
    compare_pacing(log)


def compare_results(log: AmiLog) -> None:
    """One channel of one dialer port for each attempt, and the result that the last digit asks for."""
    dialed = Counter(
        message.get("Exten")
        for message in log.events("Newchannel")
        if message.get("Channel").startswith("PJSIP/60") and message.get("Context") == "from-dialer"
    )
    attempts = {attempt.phone_number: attempt for attempt in CallAttempt.objects.all()}
    assert dialed == Counter(dict.fromkeys(attempts, 1))
    assert len(attempts) == LEADS
    wrong = {
        number: (attempt.result, attempt.sip_code, attempt.q850_cause, attempt.reason, attempt.amd_verdict)
        for number, attempt in attempts.items()
        if attempt.result not in RESULTS[number[-1]]
    }
    assert not wrong


def compare_transfers(log: AmiLog) -> None:
    """Who is SUCCESS came to the queue, and nobody else; all legs of a call name the dialer port's channel."""
    joined = {message.get("CallerIDNum"): message for message in log.events("QueueCallerJoin")}
    transferred = set(CallAttempt.objects.exclude(transferred_at=None).values_list("phone_number", flat=True))
    success = set(
        CallAttempt.objects.filter(result=LeadStatus.SUCCESS).values_list("phone_number", flat=True)
    )
    assert success <= set(joined) <= transferred | success
    ports = {
        message.get("Uniqueid"): message.get("Exten")
        for message in log.events("Newchannel")
        if message.get("Channel").startswith("PJSIP/60")
    }
    for number, message in joined.items():
        assert ports[message.get("Linkedid")] == number
    connected = {message.get("CallerIDNum") for message in log.events("AgentConnect")}
    steady = {number for number in success if number[-1] != "7"}
    assert steady <= connected


def compare_pacing(log: AmiLog) -> None:
    """I5 as Asterisk saw it: each call was placed for an agent who was free then, so nobody had to wait."""
    ledger = Ledger()
    for at, message in log.said:
        ledger.take(at, message)
    assert ledger.calls == LEADS
    assert not ledger.too_many
    assert max(ledger.waits) < 1.5  # Asterisk looks for an agent once a second
    logger.info(
        "%d calls, %d under way at most; waits in the queue: %s ms",
        ledger.calls,
        ledger.most,
        [round(1000 * wait) for wait in sorted(ledger.waits)],
    )


class Ledger:
    """Calls without an agent yet, and free agents, both out of AMI's events alone.

    A call is under way from its channel on until an agent rings for it; one that never comes to the queue, until
    its channel ends. All legs of a call carry the port's channel as Linkedid.
    """

    def __init__(self) -> None:
        self.calls = self.most = 0
        self.too_many: list[tuple[float, int, int]] = []
        self.waits: list[float] = []
        self._under_way: set[str] = set()
        self._joined: dict[str, float] = {}
        self._taken: set[str] = set()
        self._wrap_up_ends: dict[str, float] = {}

    def take(self, at: float, message: Message) -> None:
        call, agent = message.get("Linkedid"), message.get("Interface")
        match message.event:
            case "Newchannel" if message.get("Channel").startswith("PJSIP/60"):
                self._placed(at, call)
            case "QueueCallerJoin":
                self._joined[call] = at
            case "AgentCalled":
                self._taken.add(agent)
                self._under_way.discard(call)
                self.waits.append(at - self._joined[call])
            case "QueueCallerAbandon":
                self._under_way.discard(call)
            case "QueueMemberStatus":
                (self._taken.discard if message.get("Status") == "1" else self._taken.add)(agent)
                self._wrap_up_ends[agent] = message.number("LastCall") + WRAP_UP_S
            case "Hangup" if message.get("Uniqueid") == call and call not in self._joined:
                self._under_way.discard(call)

    def _placed(self, at: float, call: str) -> None:
        self.calls += 1
        self._under_way.add(call)
        self.most = max(self.most, len(self._under_way))
        wrapping = {agent for agent, ends in self._wrap_up_ends.items() if ends > at}
        free = AGENTS - len(self._taken | wrapping)
        if len(self._under_way) > free:
            self.too_many.append((at, len(self._under_way), free))


def unfinished(processes: Processes) -> str:
    leads = list(Lead.objects.values_list("phone_number", "status", "pool", "attempts"))
    attempts = list(CallAttempt.objects.values_list("phone_number", "state", "result", "reason"))
    return "\n".join([*map(str, leads), *map(str, attempts), processes.report()])
