"""SRTP: the packets of RFC 3711's keys, and two of our engines that talk through real sockets."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from telephony.rtp.agreed import AgreedAudio
from telephony.rtp.engine import RtpEngine
from telephony.rtp.packet import RtpPacket
from telephony.rtp.session import RtpSession
from telephony.rtp.srtp import SUITES, SrtpContext, SrtpKeys

HOST = "127.0.0.1"
SUITE_80, SUITE_32 = SUITES
# Master key and salt of RFC 3711 appendix B.3, and the packet that libsrtp publishes for them.
MASTER = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139" + "0ec675ad498afeebb6960b3aabe6")
PLAIN = bytes.fromhex("800f1234decafbadcafebabe" + "ab" * 16)
SEALED = bytes.fromhex(
    "800f1234decafbadcafebabe" + "4e55dc4ce79978d88ca4d215949d2402" + "b78d6acc99ea179b8dbb"
)


def contexts(suite: str = SUITE_80) -> tuple[SrtpContext, SrtpContext]:
    here, there = bytes(range(30)), bytes(range(30, 60))
    return SrtpContext(SrtpKeys(suite, here, there)), SrtpContext(SrtpKeys(suite, there, here))


def test_the_keys_of_the_rfc_make_the_packet_of_the_rfc() -> None:
    context = SrtpContext(SrtpKeys(SUITE_80, MASTER, MASTER))
    assert context.seal(PLAIN) == SEALED
    assert context.open(SEALED) == PLAIN


@pytest.mark.parametrize(("suite", "tag"), [(SUITE_80, 10), (SUITE_32, 4)])
def test_replayed_and_tampered_packets_are_dropped(suite: str, tag: int) -> None:
    ours, theirs = contexts(suite)
    sealed = ours.seal(PLAIN)
    assert len(sealed) == len(PLAIN) + tag
    for position in (2, 15, len(sealed) - 1):
        broken = bytearray(sealed)
        broken[position] ^= 1
        assert theirs.open(bytes(broken)) is None
    assert theirs.open(PLAIN) is None
    assert theirs.open(sealed) == PLAIN
    assert theirs.open(sealed) is None
    assert theirs.open(b"\x80" * 2000) is None
    assert theirs.dropped == 6
    report = bytes.fromhex("80c90001deadbeef")
    sealed = ours.seal_rtcp(report)
    assert len(sealed) == len(report) + 4 + 10  # index, and the long tag in both suites
    assert theirs.open_rtcp(sealed) == report
    assert theirs.open_rtcp(sealed) is None
    assert theirs.open_rtcp(report) is None


def test_keys_of_another_length_or_suite_are_refused_and_never_shown() -> None:
    with pytest.raises(ValueError, match="30 bytes"):
        SrtpContext(SrtpKeys(SUITE_80, MASTER[:-1], MASTER))
    with pytest.raises(ValueError, match="AES_256"):
        SrtpContext(SrtpKeys("AES_256_CM_HMAC_SHA1_80", MASTER, MASTER))
    assert "xe1" not in repr(SrtpKeys(SUITE_80, MASTER, MASTER))


def keyed(session: RtpSession, peer: RtpSession, keys: SrtpKeys | None, *, mux: bool = False) -> None:
    session.negotiate(AgreedAudio((peer.host, peer.port), 8, mux=mux, keys=keys))


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(500):
        if reached():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that within 10 s")


@pytest.mark.parametrize(
    ("keys", "mux"),
    [
        (None, False),
        (None, True),
        (SrtpKeys(SUITE_80, bytes(30), b"\1" * 30), False),
        (SrtpKeys(SUITE_32, bytes(30), b"\1" * 30), True),
    ],
)
def test_two_engines_talk_and_report(keys: SrtpKeys | None, mux: bool) -> None:
    asyncio.run(talk(keys, mux))


async def talk(keys: SrtpKeys | None, mux: bool) -> None:
    engine = RtpEngine(HOST)
    ours, theirs = engine.open(), engine.open()
    mirrored = SrtpKeys(keys.suite, keys.remote, keys.local) if keys else None
    keyed(ours, theirs, keys, mux=mux)
    keyed(theirs, ours, mirrored, mux=mux)
    for session in (ours, theirs):
        session.answer()
        session.reports.due_at = 0.0  # at the next tick
    await until(lambda: ours.stream.audio_frames > 10)
    for session in (ours, theirs):
        session.reports.due_at = 0.0
    await until(lambda: None not in (ours.quality().round_trip_ms, theirs.quality().peer_lost))
    quality = ours.quality()
    assert quality.packets_in > 10
    assert (quality.lost, quality.peer_lost) == (0, 0)
    assert quality.round_trip_ms is not None
    assert 0 <= quality.round_trip_ms < 1000
    assert quality.encryption == (keys.suite if keys else None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(5):  # an open port on the Internet is found
            forged = RtpPacket(8, number, number * 160, 99, bytes(160)).serialize()
            stranger.sendto(forged, (ours.host, ours.port))
    if keys is not None and mirrored is not None:
        await rekey(ours, theirs, keys.suite, mux)
    heard = ours.stream.audio_frames
    await until(lambda: ours.stream.audio_frames > heard + 5)
    assert ours.stream.remote == (theirs.host, theirs.port)
    theirs.close()
    ours.close()
    assert engine.open_sessions == 0
    engine.close()


async def rekey(ours: RtpSession, theirs: RtpSession, suite: str, mux: bool) -> None:
    """As by a re-INVITE: the new keys seal and open from now on, and the old ones don't."""
    keyed(theirs, ours, SrtpKeys(suite, b"\2" * 30, b"\3" * 30), mux=mux)
    await asyncio.sleep(0.1)
    heard = ours.stream.audio_frames
    await asyncio.sleep(0.1)
    assert ours.stream.audio_frames <= heard + 1
    keyed(ours, theirs, SrtpKeys(suite, b"\3" * 30, b"\2" * 30), mux=mux)
