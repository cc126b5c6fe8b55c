"""The AMI connector against a real Asterisk: breaks, a call with its wrap-up, an IVR, a lost connection."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from dialing.call import CallPlan, place_call
from dialing.call_report import CallReport
from telephony.contact_center import AgentState, ConnectorState, ContactCenterSnapshot, make_connector
from telephony.sip.account import SipAccount
from telephony.sip.user_agent import UserAgent
from tests.contact_center.ami_peer import until
from tests.contact_center.lab import SETTINGS, SIP_PORT, WRAP_UP_S, AmiLog, running_lab

pytestmark = pytest.mark.peers

FREE, BUSY, WRAP_UP, PAUSED, _ = AgentState


@pytest.fixture(scope="module", autouse=True)
def asterisk() -> Iterator[None]:
    with running_lab():
        yield


class Seen:
    """Snapshots with the wall-clock time of each."""

    def __init__(self) -> None:
        self.told: list[tuple[float, ContactCenterSnapshot]] = []
        self.states: list[ConnectorState] = []

    def on_snapshot(self, snapshot: ContactCenterSnapshot) -> None:
        self.told.append((time.time(), snapshot))

    def agents(self) -> dict[str, AgentState]:
        return {agent.id: agent.state for agent in self.told[-1][1].queues["sales"].agents}

    async def agent_in(self, agent: str, state: AgentState) -> None:
        await until(lambda: self.agents().get(agent) is state)

    def story_of(self, agent: str) -> list[tuple[float, AgentState]]:
        """The agent's states and when each began."""
        story: list[tuple[float, AgentState]] = []
        for at, snapshot in self.told:
            state = {one.id: one.state for one in snapshot.queues["sales"].agents}[agent]
            if not story or story[-1][1] is not state:
                story.append((at, state))
        return story


def watch(story: Callable[[Seen, AmiLog], Coroutine[Any, Any, None]]) -> None:
    """The story begins when all agents are free and nobody is in a call."""

    async def run() -> None:
        seen = Seen()
        connector = make_connector("asterisk_ami", SETTINGS)
        task = asyncio.create_task(
            connector.run(seen.on_snapshot, lambda state, _: seen.states.append(state))
        )
        async with AmiLog() as log:
            await until(lambda: seen.told and set(seen.agents().values()) == {FREE}, 30)
            await story(seen, log)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


async def call(number: str, pilot: str, port: str = "6009") -> CallReport:
    agent = UserAgent()
    await agent.start("127.0.0.1")
    account = SipAccount(port, f"pw{port}", "127.0.0.1", SIP_PORT)
    await agent.register(account)
    try:
        return await place_call(agent, CallPlan(account, number, transfer_to=pilot))
    finally:
        await agent.stop()


def test_breaks_are_seen_at_once() -> None:
    async def story(seen: Seen, log: AmiLog) -> None:
        agent = "PJSIP/7103"
        for paused, state in (("true", PAUSED), ("false", FREE)):
            asked = time.time()
            log.do("QueuePause", Queue="sales", Interface=agent, Paused=paused)
            await seen.agent_in(agent, state)
            assert time.time() - asked < 0.2
        log.do("QueueRemove", Queue="sales", Interface=agent)
        await until(lambda: agent not in seen.agents())
        log.do("QueueAdd", Queue="sales", Interface=agent, MemberName="Agent-7103", StateInterface=agent)
        await seen.agent_in(agent, FREE)

    watch(story)


def test_a_call_makes_its_agent_busy_and_free_again_at_the_second_that_asterisk_thinks() -> None:
    async def story(seen: Seen, log: AmiLog) -> None:
        began = len(seen.told)
        report = await call("0600000100", "7000")
        assert report.result == "SUCCESS"
        await until(lambda: WRAP_UP in seen.agents().values(), 15)
        (agent,) = [one for one, state in seen.agents().items() if state is WRAP_UP]
        await until(lambda: seen.agents()[agent] is FREE, 10)
        states = seen.story_of(agent)
        assert [state for _, state in states] == [FREE, BUSY, WRAP_UP, FREE]
        reports = [m for m in log.events("QueueMemberStatus") if m.get("Interface") == agent]
        ended = reports[-1].number("LastCall")
        assert 0 <= states[-1][0] - (ended + WRAP_UP_S) < 0.1
        snapshots = [snapshot.queues["sales"] for _, snapshot in seen.told[began:]]
        assert {queue.pilot_number for queue in snapshots} == {"7000"}
        assert max(queue.waiting_callers for queue in snapshots) <= 1
        assert snapshots[-1].waiting_callers == 0
        assert all(queue.free <= 3 for queue in snapshots[1:-1])

    watch(story)


def test_callers_wait_while_nobody_is_free() -> None:
    async def story(seen: Seen, log: AmiLog) -> None:
        for number in (7101, 7102, 7103, 7104):
            log.do("QueuePause", Interface=f"PJSIP/{number}", Paused="true")
        await until(lambda: set(seen.agents().values()) == {PAUSED})
        await call("0600000107", "7000")  # hangs up 2 s after the answer
        assert max(snapshot.queues["sales"].waiting_callers for _, snapshot in seen.told) == 1
        await until(lambda: seen.told[-1][1].queues["sales"].waiting_callers == 0)
        for number in (7101, 7102, 7103, 7104):
            log.do("QueuePause", Interface=f"PJSIP/{number}", Paused="false")
        await until(lambda: set(seen.agents().values()) == {FREE})

    watch(story)


def test_channels_of_the_ivr_are_counted() -> None:
    async def story(seen: Seen, log: AmiLog) -> None:
        await until(lambda: seen.told[-1][1].queues["menu"].channels_busy == 0, 60)
        reports = await asyncio.gather(call("0600000110", "8000", "6009"), call("0600000120", "8000", "6010"))
        assert [(report.result, report.reason) for report in reports] == [("SUCCESS", None)] * 2
        assert seen.told[-1][1].queues["menu"].channels_busy == 2
        for hung_up in ("0600000110", "0600000120"):
            (channel,) = {
                m.get("Channel")
                for m in log.events("Newexten")
                if m.get("Exten") == "8000" and m.get("CallerIDNum") == hung_up
            }
            log.do("Hangup", Channel=channel)
        await until(lambda: seen.told[-1][1].queues["menu"].channels_busy == 0, 5)

    watch(story)


def test_a_wrong_password_is_told_and_a_fetch_sees_the_same_as_the_watch() -> None:
    async def story(seen: Seen, _: AmiLog) -> None:
        with pytest.raises(Exception, match="refuses the user name or the password"):
            await make_connector("asterisk_ami", {**SETTINGS, "password": "wrong"}).fetch()
        plain = make_connector("asterisk_ami", {**SETTINGS, "login": "plain"})
        assert (await plain.fetch()).queues["sales"].agents == seen.told[-1][1].queues["sales"].agents

    watch(story)
