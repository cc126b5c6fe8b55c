"""A subscriber with two registrars, and registrars that are pinged: RFC 3261 section 11, fail-over and return."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from dialing.call import CallPlan, place_call
from telephony.sip.line import Line, LineState
from telephony.sip.registration import RegistrationState
from telephony.sip.upkeep import Upkeep
from telephony.sip.user_agent import UserAgent
from tests.patience import PATIENCE

from .loopback_peer import Behaviour, LoopbackPeer, eventually, loopback_peer

OFTEN = Upkeep(keep_alive_s=0, ping_s=0.1, ping_misses=2)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.sip.line.PATIENCE_S", 0.3)
    monkeypatch.setattr("telephony.sip.line.TRY_AGAIN_S", 0.2)
    monkeypatch.setattr("telephony.sip.line.HOLD_DOWN_S", 0.3)
    monkeypatch.setattr("telephony.sip.registrar_watch.ANSWER_S", 0.3)
    monkeypatch.setattr("telephony.sip.registrar_watch.BLIND_S", 0.2)
    monkeypatch.setattr("telephony.sip.registrar_watch.DOWN_INTERVAL_S", 0.1)
    monkeypatch.setattr("telephony.sip.registration.RETRY_S", (0.1, 0.2))


class World:
    """An agent with one line, and one or two registrars."""

    def __init__(self, agent: UserAgent, peers: list[LoopbackPeer]) -> None:
        self.agent = agent
        self.peers = peers
        self.story: list[tuple[LineState, int | None]] = []
        self.line = Line(agent, tuple(peer.account() for peer in peers), self.changed)

    def changed(self) -> None:
        self.story.append((self.line.state, self.at))

    @property
    def at(self) -> int | None:
        """Number of the registrar that holds the registration."""
        return None if self.line.active is None else self.line.accounts.index(self.line.active.account)

    async def registered_with(self, number: int) -> None:
        await eventually(lambda: self.line.state is LineState.REGISTERED and self.at == number)

    async def call(self) -> int:
        """Number of the registrar that got the call."""
        assert self.line.active is not None
        before = [len(peer.requests("INVITE")) for peer in self.peers]
        await place_call(self.agent, CallPlan(self.line.active.account, "0600"))
        after = [len(peer.requests("INVITE")) for peer in self.peers]
        return next(n for n, (a, b) in enumerate(zip(before, after, strict=True)) if b > a)


def play(story: Callable[[World], Awaitable[None]], *behaviours: Behaviour, upkeep: Upkeep = OFTEN) -> None:
    async def run() -> None:
        async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(loopback_peer(behaviour)) for behaviour in behaviours]
            agent = UserAgent(upkeep=upkeep)
            await agent.start("127.0.0.1")
            world = World(agent, peers)
            keeping = asyncio.create_task(world.line.keep())
            await story(world)
            keeping.cancel()
            await asyncio.wait([keeping])
            await world.line.leave()
            await agent.stop()

    asyncio.run(run())


SILENT = frozenset({"REGISTER", "OPTIONS", "INVITE"})


def test_a_silent_first_registrar_is_left_for_the_second_and_gone_back_to_when_it_answers() -> None:
    async def story(world: World) -> None:
        first, second = world.peers
        await world.registered_with(1)
        assert f"127.0.0.1:{first.port}" in world.line.error
        assert await world.call() == 1
        first.behaviour.ignores = frozenset()
        await world.registered_with(0)
        assert world.line.error == ""
        assert await world.call() == 0
        await eventually(lambda: (second.requests("REGISTER")[-1].header("Expires")) == "0")
        assert world.story == [(LineState.REGISTERED, 1), (LineState.REGISTERED, 0)]  # never without one

    play(story, Behaviour(code=486, ignores=SILENT), Behaviour(code=486))


@pytest.mark.parametrize("upkeep", [OFTEN, Upkeep(keep_alive_s=0)], ids=["pinged", "not pinged"])
def test_a_first_registrar_out_of_service_is_left_for_the_second(upkeep: Upkeep) -> None:
    async def story(world: World) -> None:
        await world.registered_with(1)
        assert world.line.error == "503 Unknown"
        world.peers[0].behaviour.register_code = 200
        await world.registered_with(0)

    play(story, Behaviour(register_code=503), Behaviour(), upkeep=upkeep)


def test_a_registered_line_moves_when_its_registrar_misses_pings() -> None:
    async def story(world: World) -> None:
        await world.registered_with(0)
        await eventually(lambda: len(world.peers[0].requests("OPTIONS")) > 1)
        world.peers[0].behaviour.ignores = SILENT
        await world.registered_with(1)
        assert "does not answer OPTIONS (2 in a row)" in world.line.error
        assert world.story == [
            (LineState.REGISTERED, 0),
            (LineState.UNREACHABLE, None),
            (LineState.REGISTERED, 1),
        ]

    play(story, Behaviour(), Behaviour())


def test_with_one_registrar_the_line_is_unreachable_until_it_answers_and_then_registered_anew() -> None:
    async def story(world: World) -> None:
        peer = world.peers[0]
        await world.registered_with(0)
        await eventually(lambda: len(peer.requests("OPTIONS")) > 1)
        peer.behaviour.ignores = SILENT
        await eventually(lambda: world.line.state is LineState.UNREACHABLE)
        assert "does not answer OPTIONS" in world.line.error
        registers = len(peer.requests("REGISTER"))
        peer.behaviour.ignores = frozenset()
        await world.registered_with(0)
        assert len(peer.requests("REGISTER")) > registers
        assert world.line.error == ""

    play(story, Behaviour())


def test_one_lost_ping_is_nothing() -> None:
    async def story(world: World) -> None:
        peer = world.peers[0]
        await world.registered_with(0)
        await eventually(lambda: len(peer.requests("OPTIONS")) > 1)
        peer.behaviour.lost_pings = 1
        await eventually(lambda: peer.behaviour.lost_pings == 0)
        count = len(peer.requests("OPTIONS"))
        await eventually(lambda: len(peer.requests("OPTIONS")) > count + 5)
        assert world.story == [(LineState.REGISTERED, 0)]

    # the repetition over UDP comes after 0.5 s, the next ping before that
    play(story, Behaviour(), upkeep=replace(OFTEN, ping_s=0.3))


def test_a_registrar_that_never_answers_pings_is_not_judged_by_them() -> None:
    async def story(world: World) -> None:
        await world.registered_with(0)
        await eventually(lambda: len(world.peers[0].requests("OPTIONS")) > 8)
        assert world.story == [(LineState.REGISTERED, 0)]

    play(story, Behaviour(ignores=frozenset({"OPTIONS"})))


def test_a_refused_password_is_not_tried_with_the_second_registrar() -> None:
    async def story(world: World) -> None:
        await eventually(lambda: world.line.state is LineState.FAILED)
        assert world.line.error == "401 wrong user name or password"
        await asyncio.sleep(0.5)
        assert (len(world.peers[0].requests("REGISTER")), world.peers[1].requests("REGISTER")) == (2, [])

    play(story, Behaviour(password_code=401), Behaviour())


def test_many_lines_leave_a_dead_registrar_together_and_ping_it_once() -> None:
    async def story(world: World) -> None:
        first = world.peers[0]
        lines = [
            Line(
                world.agent,
                tuple(replace(peer.account(), username=f"7{number:03}") for peer in world.peers),
                lambda: None,
            )
            for number in range(100)
        ]
        tasks = [asyncio.create_task(line.keep()) for line in lines]
        await eventually(
            lambda: all(line.active is not None and line.active.account == line.accounts[1] for line in lines)
        )
        # those that were asked at once (20 at a time), and their repetitions; nobody waits after them
        assert len({envelope.sender.uri_text for envelope in first.requests("REGISTER")}) < 60
        assert len({envelope.call_id for envelope in first.requests("OPTIONS")}) == 1
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    play(story, Behaviour(ignores=SILENT), Behaviour())


def test_three_hundred_ports_register_a_few_at_a_time() -> None:
    async def story(world: World) -> None:
        peer, most = world.peers[0], 0
        await world.registered_with(0)

        async def register(number: int) -> None:
            nonlocal most
            await world.agent.register(replace(peer.account(), username=f"7{number:03}"))
            in_flight = [
                r for r in world.agent.registrations.values() if r.state is RegistrationState.REGISTERING
            ]
            most = max(most, len(in_flight))

        await asyncio.gather(*(register(number) for number in range(300)))
        assert 1 < most <= 20
        assert len({(e.call_id, e.cseq) for e in peer.requests("REGISTER")}) == 301  # nobody had to ask anew

    play(story, Behaviour(), upkeep=Upkeep(keep_alive_s=0))
