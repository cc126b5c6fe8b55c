"""The whole product with a real Asterisk as network and contact centre: what the database says against what AMI said."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign, Schedule
from dialing.ports import registered
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.contact_center.asterisk_ami.messages import Message
from telephony.models import ContactCenter, Queue
from tests.chain.processes import Processes, running, wait_until
from tests.contact_center.lab import SETTINGS, SIP_PORT, WRAP_UP_S, AmiLog, Proxy, running_lab
from tests.factories import make_campaign, make_contact_center, make_group, make_lead, make_port
from tests.patience import PATIENCE

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True)]

logger = logging.getLogger(__name__)

PORTS, AGENTS = 8, 4
ON_ITS_WAY_S = 1.0
"""A call that was placed before an agent went on a break may arrive so much later."""

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


class Bench:
    """A log of AMI and a proxy before it, in a thread of their own while the test waits for processes."""

    def __init__(self) -> None:
        self.log = AmiLog()
        self.proxy = Proxy()
        self._loop = asyncio.new_event_loop()

    def do(self, work: Callable[..., object], *args: Any, **named: Any) -> None:
        """Calls `work` in the thread."""
        self._loop.call_soon_threadsafe(partial(work, *args, **named))

    def pause(self, agent: int, paused: bool) -> None:
        fields = {"Interface": f"PJSIP/{agent}", "Paused": str(paused).lower()}
        self.do(self.log.do, "QueuePause", **fields)

    @contextmanager
    def running(self) -> Iterator["Bench"]:
        ready, stop = threading.Event(), asyncio.Event()

        async def keep() -> None:
            async with self.log, self.proxy:
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=self._loop.run_until_complete, args=(keep(),))
        thread.start()
        try:
            assert ready.wait(PATIENCE)
            yield self
        finally:
            self.do(stop.set)
            thread.join()
            self._loop.close()


def prepare(bench: Bench, last_digits: str) -> Campaign:
    for number in range(6001, 6001 + PORTS):
        make_port(extension=str(number), password=f"pw{number}", registrar_port=SIP_PORT)
    center = make_contact_center(
        kind=ContactCenter.Kind.ASTERISK_AMI, settings={**SETTINGS, "port": bench.proxy.port}
    )
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
    for number, digit in enumerate(last_digits):
        make_lead(campaign, phone_number=f"05{run:05}{number:02}{digit}")
    return campaign


def all_called() -> bool:
    return (
        not Lead.objects.filter(status=LeadStatus.NOT_CALLED).exists()
        and not CallAttempt.objects.filter(ended_at=None).exists()
    )


@contextmanager
def dialing(
    bench: Bench, campaign: Campaign, folder: Path, environment: dict[str, str]
) -> Iterator[Processes]:
    """The product on the campaign, to its last call; whatever the caller does meanwhile."""
    with running(folder, environment, "engine", "calls", "jobs", "beat") as processes:
        wait_until(lambda: registered(timezone.now()).count() == PORTS, 20, processes.report)
        Campaign.objects.filter(pk=campaign.pk).update(state=Campaign.State.STARTED)
        lifecycle.after_start(campaign.pk)
        yield processes
        wait_until(all_called, 180, lambda: unfinished(processes))
        assert ContactCenter.objects.get().state == ContactCenter.State.CONNECTED
    for name in ("engine", "calls"):
        assert "Traceback" not in processes.said(name), processes.said(name)
        assert SETTINGS["password"] not in processes.said(name)
    time.sleep(1.0)  # the log has the last events


def test_a_campaign_through_asterisk(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str
) -> None:
    with running_lab(), Bench().running() as bench:
        campaign = prepare(bench, "0123456789" * 2 + "0123")
        with dialing(bench, campaign, tmp_path, process_environment):
            pass
        assert Queue.objects.filter(name="menu", kind=Queue.Kind.IVR, pilot_number="8000").exists()
        compare_results(bench.log)
        compare_transfers(bench.log)
        compare_pacing(bench.log)


def test_agents_come_and_go_and_the_connection_is_lost(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str
) -> None:
    with running_lab(), Bench().running() as bench:
        campaign = prepare(bench, "09" * 15)
        with dialing(bench, campaign, tmp_path, process_environment):
            for turn in range(12):
                agent = 7101 + turn % AGENTS
                bench.pause(agent, True)
                if turn % 3 == 1:
                    bench.do(bench.proxy.cut)
                time.sleep(3.3)
                bench.pause(agent, False)
                time.sleep(1.1)
                if turn == 6:
                    become_deaf(bench)
        compare_results(bench.log)
        compare_transfers(bench.log)
        compare_pacing(bench.log)


def become_deaf(bench: Bench) -> None:
    """Nothing is heard of Asterisk any more: the contact centre is shown as silent, and nobody is called."""
    bench.proxy.is_deaf = True
    state = ContactCenter.State
    wait_until(
        lambda: ContactCenter.objects.get().state in {state.STALE, state.FAILED}, 6, lambda: "not stale"
    )
    before = CallAttempt.objects.count()
    time.sleep(2.0)
    assert CallAttempt.objects.count() == before
    bench.proxy.is_deaf = False
    bench.do(bench.proxy.cut)
    wait_until(
        lambda: ContactCenter.objects.get().state == state.CONNECTED, PATIENCE, lambda: "not connected"
    )


def compare_results(log: AmiLog) -> None:
    """One channel of one dialer port for each attempt, and the result that the last digit asks for."""
    dialed = Counter(
        message.get("Exten")
        for message in log.events("Newchannel")
        if message.get("Channel").startswith("PJSIP/60") and message.get("Context") == "from-dialer"
    )
    attempts = {attempt.phone_number: attempt for attempt in CallAttempt.objects.all()}
    assert dialed == Counter(dict.fromkeys(attempts, 1))
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
    assert ledger.calls == Lead.objects.count()
    assert not ledger.too_many
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
        self._breaks: dict[str, float] = {}

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
            case "QueueMemberPause":
                self._breaks.pop(agent, None)
                if message.get("Paused") == "1":
                    self._breaks[agent] = at + ON_ITS_WAY_S
            case "Hangup" if message.get("Uniqueid") == call and call not in self._joined:
                self._under_way.discard(call)

    def _placed(self, at: float, call: str) -> None:
        self.calls += 1
        self._under_way.add(call)
        self.most = max(self.most, len(self._under_way))
        wrapping = {agent for agent, ends in self._wrap_up_ends.items() if ends > at}
        away = {agent for agent, since in self._breaks.items() if since < at}
        free = AGENTS - len(self._taken | wrapping | away)
        if len(self._under_way) > free:
            self.too_many.append((at, len(self._under_way), free))


def unfinished(processes: Processes) -> str:
    leads = list(Lead.objects.values_list("phone_number", "status", "pool", "attempts"))
    attempts = list(CallAttempt.objects.values_list("phone_number", "state", "result", "reason"))
    return "\n".join([*map(str, leads), *map(str, attempts), processes.report()])
