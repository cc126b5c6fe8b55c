"""A registrar that is several servers by its SRV records: registrations and calls go to the one that answers."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from dialing.call import CallPlan, place_call
from telephony.results import CallResult
from telephony.sip.account import SipAccount
from telephony.sip.line import Line, LineState
from telephony.sip.upkeep import Upkeep
from telephony.sip.user_agent import UserAgent
from tests.patience import PATIENCE

from .dns_server import DnsServer, dns_server
from .loopback_peer import Behaviour, LoopbackPeer, eventually, loopback_peer

ACCOUNT = SipAccount("6001", "secret", "pbx.test")
SILENT = frozenset({"REGISTER", "OPTIONS", "INVITE"})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.sip.invitation.NEXT_PLACE_AFTER_S", 0.3)
    monkeypatch.setattr("telephony.sip.registrations.PATIENCE_S", 0.3)
    monkeypatch.setattr("telephony.sip.line.PATIENCE_S", 0.3)
    monkeypatch.setattr("telephony.sip.line.HOLD_DOWN_S", 0.3)
    monkeypatch.setattr("telephony.sip.registrar_watch.ANSWER_S", 0.3)
    monkeypatch.setattr("telephony.sip.registrar_watch.BLIND_S", 0.2)
    monkeypatch.setattr("telephony.sip.registrar_watch.DOWN_INTERVAL_S", 0.1)


def play(
    story: Callable[[UserAgent, list[LoopbackPeer], DnsServer], Awaitable[None]], *behaviours: Behaviour
) -> None:
    """The peers are the servers of pbx.test, in that order."""

    async def run() -> None:
        async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(loopback_peer(behaviour)) for behaviour in behaviours]
            dns = await stack.enter_async_context(dns_server())
            dns.serve(
                "_sip._udp.pbx.test",
                *((n, 0, peer.port, f"node{n}.pbx.test.") for n, peer in enumerate(peers)),
            )
            agent = UserAgent(upkeep=Upkeep(keep_alive_s=0, ping_s=0.1), names=dns.names())
            await agent.start("127.0.0.1")
            await story(agent, peers, dns)
            await agent.stop()

    asyncio.run(run())


def invites(peers: list[LoopbackPeer]) -> list[int]:
    return [len({e.branch for e in peer.requests("INVITE")}) for peer in peers]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.parametrize(
    "trouble", [Behaviour(ignores=SILENT), Behaviour(code=503)], ids=["silent", "answers 503"]
)
def test_a_call_goes_to_the_next_server_and_the_calls_after_it_at_once(trouble: Behaviour) -> None:
    async def story(agent: UserAgent, peers: list[LoopbackPeer], dns: DnsServer) -> None:
        report = await place_call(agent, CallPlan(ACCOUNT, "0600"))
        assert (report.result, report.sip_code) == (CallResult.BUSY, 486)
        assert invites(peers) == [1, 1]
        await place_call(agent, CallPlan(ACCOUNT, "0600"))
        assert invites(peers) == [1, 2]

    play(story, trouble, Behaviour(code=486))


def test_a_server_whose_port_is_closed_is_left_for_the_next() -> None:
    async def story(agent: UserAgent, peers: list[LoopbackPeer], dns: DnsServer) -> None:
        dns.serve("_sip._udp.two.test", (1, 0, free_port(), "a.test."), (2, 0, peers[0].port, "b.test."))
        report = await place_call(agent, CallPlan(SipAccount("6001", "secret", "two.test"), "0600"))
        assert report.sip_code == 486

    play(story, Behaviour(code=486))


def test_when_all_servers_refuse_the_last_word_is_the_calls_result() -> None:
    async def story(agent: UserAgent, peers: list[LoopbackPeer], dns: DnsServer) -> None:
        report = await place_call(agent, CallPlan(ACCOUNT, "0600"))
        assert (report.result, report.sip_code) == (CallResult.SERVICE_TEMPORARY_UNAVAILABLE, 503)
        assert invites(peers) == [1, 1]

    play(story, Behaviour(code=503), Behaviour(code=503))


def test_a_busy_customer_is_not_called_again_through_another_server() -> None:
    async def story(agent: UserAgent, peers: list[LoopbackPeer], dns: DnsServer) -> None:
        assert (await place_call(agent, CallPlan(ACCOUNT, "0600"))).sip_code == 486
        assert invites(peers) == [1, 0]

    play(story, Behaviour(code=486), Behaviour())


@pytest.mark.parametrize(
    "trouble", [Behaviour(ignores=SILENT), Behaviour(register_code=503)], ids=["silent", "answers 503"]
)
def test_a_registration_goes_to_the_next_server_and_the_calls_follow_it(trouble: Behaviour) -> None:
    async def story(agent: UserAgent, peers: list[LoopbackPeer], dns: DnsServer) -> None:
        registration = await agent.register(ACCOUNT)
        assert registration.destination.port == peers[1].port
        assert peers[1].requests("REGISTER")[0].recipient.uri_text == "sip:6001@pbx.test"
        await place_call(agent, CallPlan(ACCOUNT, "0600"))
        assert invites(peers) == [0, 1]

    play(story, trouble, Behaviour(code=486))


def test_a_line_leaves_a_server_that_misses_pings_and_goes_back_and_takes_no_binding_away() -> None:
    async def story(agent: UserAgent, peers: list[LoopbackPeer], dns: DnsServer) -> None:
        line = Line(agent, (ACCOUNT,), lambda: None)
        keeping = asyncio.create_task(line.keep())

        async def registered_with(peer: LoopbackPeer) -> None:
            shown = f"pbx.test (127.0.0.1:{peer.port})"
            await eventually(lambda: line.state is LineState.REGISTERED and str(line.active) == shown)

        first, second = peers
        await registered_with(first)
        await eventually(lambda: len(first.requests("OPTIONS")) > 1)
        first.behaviour.ignores = SILENT
        await registered_with(second)
        assert "does not answer OPTIONS" in line.error
        first.behaviour.ignores = frozenset()
        await registered_with(first)
        # the servers share the bindings: one that is removed at the second would be gone at the first
        assert all(e.header("Expires") != "0" for peer in peers for e in peer.requests("REGISTER"))
        keeping.cancel()
        await asyncio.wait([keeping])

    play(story, Behaviour(), Behaviour())


def test_requests_within_a_call_go_to_the_next_server_of_the_peers_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("telephony.sip.dialog_requests.NEXT_PLACE_AFTER_S", 0.3)

    async def story(agent: UserAgent, peers: list[LoopbackPeer], dns: DnsServer) -> None:
        first, second = peers
        first.contact = "<sip:peer@pbx.test>"
        plan = CallPlan(ACCOUNT, "0600", transfer_to="7000", transfer_timeout_s=1.0)
        report = await place_call(agent, plan)
        assert report.result is CallResult.SUCCESS
        assert (len(first.requests("ACK")), len(first.requests("BYE"))) == (1, 0)
        assert {len(second.requests(method)) for method in ("REFER", "BYE")} == {1}
        assert agent.active_calls == 0

    play(story, Behaviour(ignores=frozenset({"REFER", "BYE"})), Behaviour(notifies=()))


@pytest.mark.parametrize(
    "contact",
    ["<sip:peer@[2001:db8::1]>", f"<sip:peer@{'a' * 64}.test>", "<sip:peer@nobody.test>", "<sip:peer@a..b>"],
    ids=["IPv6 where there is none", "no host name", "unknown name", "empty label"],
)
def test_a_contact_to_which_no_way_leads_leaves_no_call(
    contact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer's Contact is where our ACK and BYE go."""
    monkeypatch.setattr("dialing.call.BYE_DEADLINE_S", 0.5)
    ours = socket.socket

    def no_ipv6(family: int = socket.AF_INET, *args: int, **options: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return ours(family, *args, **options)

    async def run() -> None:
        async with asyncio.timeout(PATIENCE), loopback_peer() as peer, dns_server() as dns:
            agent = UserAgent(names=dns.names())
            await agent.start()
            peer.contact = contact
            monkeypatch.setattr("telephony.sip.transport.socket.socket", no_ipv6)
            report = await place_call(agent, CallPlan(peer.account(), "0600", hold_s=0.05))
            assert report.answered_at is not None
            await eventually(lambda: agent.active_calls == 0, within=15)
            await agent.stop()

    asyncio.run(run())
