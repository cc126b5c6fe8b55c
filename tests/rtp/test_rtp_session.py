"""One call's sockets on loopback: whom we hear has one of its own, and nobody else gets in by it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from telephony.rtp.agreed import AgreedAudio
from telephony.rtp.engine import RtpEngine
from telephony.rtp.packet import RtpPacket
from telephony.rtp.session import RtpSession

Scene = Callable[[RtpSession, "Voice", "Voice"], Awaitable[None]]


class Voice:
    """Somebody's RTP socket."""

    def __init__(self, host: str, ssrc: int) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((host, 0))
        self.address = self.sock.getsockname()[:2]
        self._ssrc = ssrc
        self._sequence = 100 * ssrc

    async def say(self, session: RtpSession, packets: int) -> None:
        for _ in range(packets):
            self._sequence += 1
            packet = RtpPacket(0, self._sequence, self._sequence * 160, self._ssrc, bytes(160))
            self.sock.sendto(packet.serialize(), (session.host, session.port))
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.03)

    def hears(self) -> int:
        """Packets since the last time."""
        count = 0
        while True:
            try:
                self.sock.recv(2048)
            except BlockingIOError:
                return count
            count += 1


def play(scene: Scene, host: str = "127.0.0.1") -> RtpEngine:
    async def run() -> RtpEngine:
        engine = RtpEngine(host)
        session, peer, other = engine.open(), Voice(host, 1), Voice(host, 2)
        session.negotiate(AgreedAudio(peer.address, 0))
        session.answer()
        try:
            await scene(session, peer, other)
        finally:
            session.close()
            engine.close()
            peer.sock.close()
            other.sock.close()
        return engine

    return asyncio.run(run())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_strangers_packets_are_read_and_dropped_while_the_peer_is_heard(host: str) -> None:
    async def scene(session: RtpSession, peer: Voice, other: Voice) -> None:
        await peer.say(session, 3)
        await asyncio.gather(peer.say(session, 10), other.say(session, 10))
        assert (session.stream.audio_frames, session.stream.lost) == (13, 0)
        assert session.stream.remote == peer.address
        assert other.hears() == 0
        assert peer.hears() > 5

    play(scene, host)


def test_a_peer_that_moves_is_followed() -> None:
    async def scene(session: RtpSession, peer: Voice, other: Voice) -> None:
        await peer.say(session, 3)
        await asyncio.sleep(0.55)
        await other.say(session, 5)
        assert session.stream.remote == other.address
        assert session.stream.audio_frames == 8
        peer.hears()
        await other.say(session, 5)
        assert other.hears() > 3
        assert peer.hears() == 0

    play(scene)


def test_a_new_address_in_mid_call_is_trusted_at_once() -> None:
    async def scene(session: RtpSession, peer: Voice, other: Voice) -> None:
        await peer.say(session, 3)
        session.negotiate(AgreedAudio(other.address, 0))
        other.hears()
        await asyncio.sleep(0.05)
        assert other.hears() > 0
        await other.say(session, 3)
        assert (session.stream.remote, session.stream.audio_frames) == (other.address, 6)

    play(scene)


def test_no_other_call_gets_a_port_that_a_call_has() -> None:
    async def scene(session: RtpSession, peer: Voice, other: Voice) -> None:
        await peer.say(session, 3)
        with pytest.raises(OSError, match="in use"):
            _shared_port(session)

    def _shared_port(session: RtpSession) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind((session.host, session.port))

    play(scene)


def test_sockets_are_given_back() -> None:
    async def scene(session: RtpSession, peer: Voice, other: Voice) -> None:
        before = _descriptors()
        await peer.say(session, 3)
        await asyncio.sleep(0.55)
        await other.say(session, 5)
        assert _descriptors() == before + 1
        session.close()
        assert _descriptors() == before - 2  # the port's, and the RTCP's

    def _descriptors() -> int:
        from pathlib import Path

        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    engine = play(scene)
    assert engine.open_sessions == 0


def test_a_port_that_the_peer_has_closed_does_not_end_the_audio() -> None:
    async def scene(session: RtpSession, peer: Voice, other: Voice) -> None:
        await peer.say(session, 3)
        peer.sock.close()
        sent = session.stream.sent
        await asyncio.sleep(0.6)  # the system tells us of each packet that nobody took
        assert session.stream.sent > sent + 20
        await other.say(session, 5)
        assert session.stream.remote == other.address

    play(scene)
