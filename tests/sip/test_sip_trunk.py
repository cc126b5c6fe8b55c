"""A trunk that knows us by our address: nothing is registered, OPTIONS tells whether it is there."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from dialing.call import CallPlan, place_call
from telephony.sip.line import Line, LineState
from telephony.sip.upkeep import Upkeep
from telephony.sip.user_agent import UserAgent
from tests.patience import PATIENCE

from .loopback_peer import Behaviour, LoopbackPeer, eventually, loopback_peer

OFTEN = Upkeep(keep_alive_s=0, ping_s=0.1, ping_misses=2)
SILENT = frozenset({"OPTIONS", "INVITE"})
Story = Callable[[Line, UserAgent, list[LoopbackPeer]], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.sip.line.TRY_AGAIN_S", 0.2)
    monkeypatch.setattr("telephony.sip.line.HOLD_DOWN_S", 0.3)
    monkeypatch.setattr("telephony.sip.registrar_watch.ANSWER_S", 0.3)
    monkeypatch.setattr("telephony.sip.registrar_watch.DOWN_INTERVAL_S", 0.1)


def play(story: Story, *behaviours: Behaviour, upkeep: Upkeep = OFTEN) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(loopback_peer(behaviour)) for behaviour in behaviours]
            agent = UserAgent(upkeep=upkeep)
            await agent.start("127.0.0.1")
            line = Line(agent, tuple(replace(p.account(""), registers=False) for p in peers), lambda: None)
            keeping = asyncio.create_task(line.keep())
            await story(line, agent, peers)
            assert all(peer.requests("REGISTER") == [] for peer in peers)
            keeping.cancel()
            await asyncio.wait([keeping])
            await line.leave()
            await agent.stop()

    asyncio.run(run())


async def ready_at(line: Line, number: int) -> None:
    await eventually(
        lambda: line.state is LineState.READY and line.active and line.active.account == line.accounts[number]
    )


def test_a_trunk_that_answers_is_ready_and_carries_calls_without_a_registration() -> None:
    async def story(line: Line, agent: UserAgent, peers: list[LoopbackPeer]) -> None:
        await ready_at(line, 0)
        report = await place_call(agent, CallPlan(line.accounts[0], "0600"))
        assert (report.sip_code, report.registered) == (486, False)

    play(story, Behaviour(code=486))


def test_a_trunk_that_never_answers_is_not_used_until_it_does() -> None:
    async def story(line: Line, agent: UserAgent, peers: list[LoopbackPeer]) -> None:
        await eventually(lambda: line.state is LineState.FAILED)
        assert line.active is None
        assert f"127.0.0.1:{peers[0].port} does not answer OPTIONS" in line.error
        peers[0].behaviour.ignores = frozenset()
        await ready_at(line, 0)
        assert line.error == ""

    play(story, Behaviour(ignores=SILENT))


def test_a_ready_trunk_that_falls_silent_is_unreachable_and_ready_again_with_its_next_answer() -> None:
    async def story(line: Line, agent: UserAgent, peers: list[LoopbackPeer]) -> None:
        await ready_at(line, 0)
        peers[0].behaviour.ignores = SILENT
        await eventually(lambda: line.state is LineState.UNREACHABLE)
        assert "does not answer OPTIONS (2 in a row)" in line.error
        peers[0].behaviour.ignores = frozenset()
        await ready_at(line, 0)

    play(story, Behaviour())


def test_a_second_trunk_takes_over_and_gives_back() -> None:
    async def story(line: Line, agent: UserAgent, peers: list[LoopbackPeer]) -> None:
        await ready_at(line, 0)
        peers[0].behaviour.ignores = SILENT
        await ready_at(line, 1)
        peers[0].behaviour.ignores = frozenset()
        await ready_at(line, 0)

    play(story, Behaviour(), Behaviour())


def test_without_pings_a_trunk_is_taken_at_its_word() -> None:
    async def story(line: Line, agent: UserAgent, peers: list[LoopbackPeer]) -> None:
        await ready_at(line, 0)
        assert peers[0].requests("OPTIONS") == []

    play(story, Behaviour(ignores=SILENT), upkeep=replace(OFTEN, ping_s=0))
