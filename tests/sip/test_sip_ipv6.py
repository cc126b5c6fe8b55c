"""Calls over IPv6: registration, call, audio both ways and transfer, with the default socket and with one on ::1."""

import asyncio
import socket

import pytest

from dialing.call import CallPlan, place_call
from telephony.results import CallResult
from telephony.sip.user_agent import UserAgent
from tests.patience import PATIENCE

from .loopback_peer import Behaviour, loopback_peer


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(("local", "transport"), [("auto", "udp"), ("::1", "udp"), ("::1", "tcp")])
def test_a_call_over_ipv6(local: str, transport: str) -> None:
    async def run() -> None:
        behaviour = Behaviour(audio_frames=20)
        async with loopback_peer(behaviour, host="::1", transport=transport) as peer:
            agent = UserAgent()
            await agent.start(local)
            registration = await agent.register(peer.account())
            assert registration.last_error is None
            plan = CallPlan(peer.account(), "0600", hold_s=0.3, transfer_to="7000")
            report = await place_call(agent, plan)
            assert report.result is CallResult.SUCCESS
            assert report.audio_frames > 5
            assert peer.rtp_received
            invite = peer.requests("INVITE")[0]
            assert b"IN IP6 ::1" in invite.message.body
            assert invite.contact is not None
            assert invite.contact.uri.host.strip("[]") == "::1"
            assert str(invite.message.uri).startswith("sip:0600@[::1]")  # type: ignore[union-attr]
            await agent.stop()

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await run()

    asyncio.run(bounded())
