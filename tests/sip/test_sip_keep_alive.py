"""Ways to the registrar that are kept open, and opened again when they broke: RFC 5626 sections 4.2 and 4.4.1."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telephony.sip.framing import StreamFramer
from telephony.sip.registration import RegistrationState
from telephony.sip.upkeep import Upkeep
from telephony.sip.user_agent import UserAgent
from tests.patience import PATIENCE

from .loopback_peer import Behaviour, LoopbackPeer, eventually, loopback_peer
from .test_sip_icmp import linux_only

OFTEN = Upkeep(keep_alive_s=0.05)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.sip.registration.SOON_S", (0.0, 0.1))
    monkeypatch.setattr("telephony.sip.registration.RETRY_S", (0.1, 0.2))
    monkeypatch.setattr("telephony.sip.stream_transport.PONG_S", 0.3)


def registered(
    behaviour: Behaviour,
    story: Callable[[LoopbackPeer, UserAgent], Awaitable[None]],
    *,
    transport: str = "tcp",
    upkeep: Upkeep = OFTEN,
    certificate: Path | None = None,
) -> None:
    """A peer, and an agent that is registered with it."""

    server = client = None
    if certificate is not None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate / "crt", certificate / "key")
        client = ssl.create_default_context(cafile=str(certificate / "crt"))

    async def run() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            loopback_peer(behaviour, transport=transport, tls=server) as peer,
        ):
            agent = UserAgent(upkeep=upkeep, tls=client)
            await agent.start("127.0.0.1")
            await agent.register(peer.account())
            await story(peer, agent)
            await agent.stop()

    asyncio.run(run())


tcp_and_tls = pytest.mark.parametrize("transport", ["tcp", "tls"])


def over(transport: str, certificate: Path) -> dict[str, Any]:
    return {"transport": transport, "certificate": certificate if transport == "tls" else None}


def test_pings_are_counted_however_they_are_cut() -> None:
    framer = StreamFramer()
    for piece in (b"\r\n", b"\r", b"\n\r\n", b"\r\n"):
        assert framer.feed(piece) == []
    assert (framer.pings, framer.blank_lines) == (2, 4)
    message = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    assert framer.feed(b"\r\n" + message + b"\r\n") == [message]
    assert framer.pings == 2
    framer.feed(b"\r\n")
    assert framer.pings == 3


@tcp_and_tls
def test_a_connection_without_an_answer_to_a_ping_is_opened_anew_and_the_port_registered_again(
    transport: str, certificate: Path
) -> None:
    async def story(peer: LoopbackPeer, agent: UserAgent) -> None:
        await eventually(lambda: peer.connections == 2)
        assert peer.keep_alives > 3
        await eventually(lambda: len(peer.requests("REGISTER")) == 2)
        assert [r.state for r in agent.registrations.values()] == [RegistrationState.REGISTERED]

    registered(Behaviour(pongs=3), story, **over(transport, certificate))


def test_a_peer_that_does_not_know_pings_keeps_its_connection() -> None:
    async def story(peer: LoopbackPeer, agent: UserAgent) -> None:
        await eventually(lambda: peer.keep_alives > 10)
        assert (peer.connections, len(peer.requests("REGISTER"))) == (1, 1)

    registered(Behaviour(), story)


@tcp_and_tls
def test_a_connection_that_the_peer_closes_is_opened_anew_and_the_port_registered_again(
    transport: str, certificate: Path
) -> None:
    async def story(peer: LoopbackPeer, agent: UserAgent) -> None:
        peer.break_connections()
        await eventually(lambda: peer.connections == 2 and len(peer.requests("REGISTER")) == 2)
        assert [r.state for r in agent.registrations.values()] == [RegistrationState.REGISTERED]

    registered(Behaviour(), story, upkeep=Upkeep(keep_alive_s=0), **over(transport, certificate))


def test_over_udp_one_datagram_keeps_the_way_of_all_ports_open() -> None:
    async def story(peer: LoopbackPeer, agent: UserAgent) -> None:
        for number in range(20):
            await agent.register(replace(peer.account(), username=f"70{number:02}"))
        began, before = asyncio.get_running_loop().time(), peer.keep_alives
        await eventually(lambda: peer.keep_alives >= before + 5)
        intervals = (asyncio.get_running_loop().time() - began) / (0.8 * OFTEN.keep_alive_s)
        assert peer.keep_alives - before <= intervals + 1

    registered(Behaviour(), story, transport="udp")


@linux_only
def test_a_pbx_that_starts_again_is_noticed_and_registered_with_again() -> None:
    """The keep-alive is refused, the REGISTER too; then the PBX is back on its port and knows nobody."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE):
            agent = UserAgent(upkeep=OFTEN)
            await agent.start("127.0.0.1")
            async with loopback_peer() as peer:
                registration = await agent.register(peer.account())
            await eventually(lambda: registration.state is RegistrationState.FAILED)
            assert "refused" in (registration.last_error or "")
            async with loopback_peer(port=peer.port) as back:
                await eventually(lambda: registration.state is RegistrationState.REGISTERED)
                assert back.requests("REGISTER")
            await agent.stop()

    asyncio.run(run())
