"""Refused datagrams on one UDP socket with many peers: RFC 3261 sections 8.1.3.1 and 18.4, on both event loops."""

import asyncio
import contextlib
import random
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from dialing.call import CallPlan, place_call
from telephony.results import CallResult
from telephony.sip.account import SipAccount
from telephony.sip.call import CallState, EndedBy
from telephony.sip.message import make_response, read_message, serialize
from telephony.sip.user_agent import RegistrationFailed, UserAgent
from tests.patience import PATIENCE

from .loopback_peer import Behaviour, loopback_peer
from .simulated_peer import SDP, RecordingListener, RecordingMedia, SimulatedCall
from .test_sip_ipv6 import has_ipv6

Run = Callable[[Coroutine[Any, Any, None]], None]

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the error queue of Linux")
both_loops = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


class Listener(RecordingListener):
    def __init__(self) -> None:
        super().__init__()
        self.ringing = asyncio.Event()

    def on_ringing(self, code: int) -> None:
        super().on_ringing(code)
        self.ringing.set()


def closed_port(host: str = "127.0.0.1") -> int:
    """Below those that the kernel gives to whoever asks for any: no audio of ours comes to listen there."""
    while True:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            port = random.randrange(20_000, 30_000)
            with contextlib.suppress(OSError):
                sock.bind((host, port))
                return port


def nobody(host: str = "127.0.0.1") -> SipAccount:
    return SipAccount("6001", "secret", host, closed_port(host))


@linux_only
@both_loops
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_refused_calls_and_registrations_end_at_once_and_the_others_go_on(run: Run, host: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")

    async def story() -> None:
        agent = UserAgent()
        await agent.start("auto")
        async with asyncio.timeout(PATIENCE), loopback_peer(Behaviour(ring_after=0.3), host=host) as peer:
            good = asyncio.create_task(
                place_call(agent, CallPlan(peer.account(), "0600", transfer_to="7000"))
            )
            began = time.monotonic()
            bad = [place_call(agent, CallPlan(nobody(host), "0600")) for _ in range(20)]
            for report in await asyncio.gather(*bad):
                assert report.result is CallResult.SERVICE_TEMPORARY_UNAVAILABLE
                assert (report.ended_by, report.sip_code) == (EndedBy.TIMEOUT, None)
                assert report.reason == "Connection refused"
            with pytest.raises(RegistrationFailed, match="refused"):
                await agent.register(nobody(host))
            assert time.monotonic() - began < 20  # 32 s, were it not told
            assert (await good).result is CallResult.SUCCESS
            again = await place_call(agent, CallPlan(peer.account(), "0600", transfer_to="7000"))
            assert again.result is CallResult.SUCCESS  # the socket still hears
        await agent.stop()

    run(story())


@linux_only
@both_loops
def test_a_call_that_rings_outlives_a_moment_without_its_peer(run: Run) -> None:
    """The peer's address refuses a registration while a call rings there; then it answers the call."""

    async def story() -> None:
        agent = UserAgent()
        await agent.start("127.0.0.1")
        account = nobody()
        address = ("127.0.0.1", account.registrar_port or 0)
        async with asyncio.timeout(PATIENCE):
            with bound(address) as peer:
                listener = Listener()
                media = RecordingMedia(host="127.0.0.1")
                call = await agent.invite(account, "0600", listener, media=media)
                data, agents = await asyncio.to_thread(peer.recvfrom, 65536)
                invite = read_message(data).message
                peer.sendto(serialize(make_response(invite, 180, to_tag="t")), agents)  # type: ignore[arg-type]
                await listener.ringing.wait()
            with pytest.raises(RegistrationFailed, match="refused"):
                await agent.register(account)
            assert call.state is CallState.CALLING
            with bound(address) as peer:
                answer = make_response(invite, 200, to_tag="t")  # type: ignore[arg-type]
                answer.headers.set("Contact", f"<sip:{address[0]}:{address[1]}>")
                answer.headers.set("Content-Type", "application/sdp")
                answer.body = SDP
                peer.sendto(serialize(answer), agents)
                while read_message((await asyncio.to_thread(peer.recvfrom, 65536))[0]).method != "ACK":
                    pass
            assert listener.events == ["ringing 180", "answered"]
        await agent.stop()

    run(story())


def bound(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(PATIENCE)
    sock.bind(address)
    return sock


def test_a_transport_failure_ends_only_what_has_no_response() -> None:
    fresh, ringing, answered = SimulatedCall(), SimulatedCall(), SimulatedCall()
    fresh.call.start()
    ringing.call.start()
    ringing.respond(180)
    answered.answer()
    for sim in (fresh, ringing, answered):
        sim.layer.transport_failed(sim.call.setup.destination, "Connection refused")
    assert fresh.listener.ending is not None
    assert (fresh.listener.ending.by, fresh.listener.ending.text) == (EndedBy.TIMEOUT, "Connection refused")
    assert (ringing.call.state, answered.call.state) == (CallState.CALLING, CallState.ANSWERED)


def test_a_session_refresh_that_is_refused_once_does_not_end_the_call() -> None:
    sim = SimulatedCall()
    sim.answer(headers={"Session-Expires": "200;refresher=uac", "Allow": "UPDATE"})
    sim.clock.advance(100)
    refused = sim.last("UPDATE")
    sim.layer.transport_failed(sim.call.setup.destination, "Connection refused")
    sim.clock.advance(10.1)
    again = sim.last("UPDATE")
    assert again.cseq == refused.cseq + 1
    sim.respond(200, again, headers={"Session-Expires": "200;refresher=uac"})
    sim.clock.advance(80)
    assert sim.call.state is CallState.ANSWERED
