"""Order, loss, duplicates, sources and silence of one call's audio: loss patterns as lists."""

import pytest

from audio import g711
from telephony.rtp.packet import RtpPacket
from telephony.rtp.playout import PlayoutBuffer
from telephony.rtp.stream import RtpStream

PEER = ("192.0.2.1", 4000)
OTHER = ("192.0.2.66", 6666)


def voice(number: int) -> bytes:
    return bytes([number % 128]) * 160


def play(order: list[int], ticks: int, *, start: int = 0) -> list[int | None]:
    """Packets of these numbers arrive in turn, one a tick; what comes out, by number."""
    buffer, heard = PlayoutBuffer(), []
    for tick in range(ticks):
        if tick < len(order):
            buffer.put((start + order[tick] * 160) & 0xFFFFFFFF, voice(order[tick]))
        frame = buffer.pop()
        heard.append(frame[0] if frame else None)
    return heard


@pytest.mark.parametrize(
    ("arrivals", "heard"),
    [
        ([0, 1, 2, 3, 4], [None, None, 0, 1, 2, 3, 4]),
        ([0, 2, 1, 3, 4], [None, None, 0, 1, 2, 3, 4]),  # swapped
        ([0, 3, 1, 2, 4], [None, None, 0, 1, 2, 3, 4]),  # two too early
        ([0, 1, 3, 4, 5], [None, None, 0, 1, None, 3, 4, 5]),  # lost: time goes on
        ([0, 0, 1, 2], [None, None, 0, 1, 2]),  # duplicate
    ],
)
def test_playout(arrivals: list[int], heard: list[int | None]) -> None:
    assert play(arrivals, len(heard)) == heard
    assert play(arrivals, len(heard), start=2**32 - 320) == heard  # over the wrap of the timestamp


def test_a_clock_that_jumps_is_followed() -> None:
    assert play([0, 1, 2, 5000, 5001], 8)[-3:] == [5000 % 128, 5001 % 128, None]
    heard = play([5000, 5001, 5002, 10, 11, 12, 13, 14], 10)
    assert heard[-3:] == [12, 13, 14]


def test_packets_of_other_lengths_land_in_time() -> None:
    buffer = PlayoutBuffer()
    for number in range(4):
        buffer.put(number * 240, bytes([number]) * 240)  # 30 ms
    frames = [buffer.pop() for _ in range(8)]
    assert frames[2] == bytes([0]) * 160
    assert frames[3] == bytes([0]) * 80 + bytes([1]) * 80
    assert frames[7] == bytes([3]) * 160


def stream(payload_type: int = 0) -> RtpStream:
    found = RtpStream()
    found.negotiate(PEER, payload_type, 101)
    found.answer()
    return found


def packet(sequence: int, *, payload_type: int = 0, ssrc: int = 1) -> bytes:
    return RtpPacket(payload_type, sequence & 0xFFFF, sequence * 160, ssrc, voice(sequence)).serialize()


def test_distinct_packets_are_counted() -> None:
    heard = stream()
    for sequence in (65534, 65535, 65536, 65536, 65535, 65538, 65537):
        heard.receive(packet(sequence), PEER, 0.0)
    assert heard.audio_frames == 5


def test_early_media_and_events_are_counted_apart() -> None:
    heard = RtpStream()
    heard.negotiate(PEER, 0, 101)
    heard.receive(packet(1), PEER, 1.0)
    heard.answer()
    heard.receive(packet(2), PEER, 2.0)
    heard.receive(packet(3, payload_type=101), PEER, 2.0)
    heard.receive(packet(4, payload_type=13), PEER, 2.0)
    heard.receive(b"\x80\xc8 rtcp", PEER, 2.0)
    assert (heard.early_frames, heard.audio_frames, heard.events) == (1, 1, 1)
    assert heard.first_audio_at == 2.0


def test_a_law_is_heard_as_mu_law() -> None:
    heard = stream(8)
    heard.receive(RtpPacket(8, 1, 160, 1, g711.ALAW_SILENCE_FRAME).serialize(), PEER, 0.0)
    frame = [heard.next_frame() for _ in range(3)][2]
    assert frame == g711.alaw_to_ulaw(g711.ALAW_SILENCE_FRAME)


def test_we_send_to_where_the_peer_sends_from_and_strangers_are_ignored() -> None:
    heard = stream()
    assert heard.remote == PEER
    heard.receive(packet(1), ("198.51.100.7", 9999), 0.0)  # behind a NAT: the SDP's address was wrong
    assert heard.remote == ("198.51.100.7", 9999)
    heard.receive(packet(500, ssrc=9), OTHER, 0.1)
    assert (heard.remote, heard.audio_frames) == (("198.51.100.7", 9999), 1)
    heard.receive(packet(500, ssrc=9), OTHER, 1.0)  # ours is silent since 1 s: the source has moved
    assert heard.remote == OTHER


def test_silence_is_sent_from_the_answer_on_and_not_on_hold() -> None:
    sender = RtpStream()
    sender.negotiate(PEER, 8, None)
    assert sender.next_packet() is None
    sender.answer()
    sent = [RtpPacket.parse(sender.next_packet() or b"") for _ in range(3)]
    assert [p.payload for p in sent] == [g711.ALAW_SILENCE_FRAME] * 3
    assert [p.marker for p in sent] == [True, False, False]
    assert (sent[2].sequence - sent[0].sequence) % 65536 == 2
    assert (sent[2].timestamp - sent[0].timestamp) % 2**32 == 320
    sender.on_hold = True
    assert sender.next_packet() is None
    sender.on_hold = False
    resumed = RtpPacket.parse(sender.next_packet() or b"")
    assert resumed.marker
    assert (resumed.timestamp - sent[2].timestamp) % 2**32 == 320


def test_a_gap_reaches_the_consumer_as_missing_frames() -> None:
    heard, frames = stream(), []
    for tick in range(10):
        if tick not in (4, 5):
            heard.receive(packet(tick), PEER, tick * 0.02)
        frames.append(heard.next_frame())
    assert [frame is None for frame in frames] == [
        True,
        True,
        False,
        False,
        False,
        False,
        True,
        True,
        False,
        False,
    ]
