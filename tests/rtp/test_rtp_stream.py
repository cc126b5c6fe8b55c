"""Order, loss, duplicates, sources and silence of one call's audio: loss patterns as lists."""

import random

import pytest

from audio import g711
from telephony.rtp.packet import RtpPacket
from telephony.rtp.playout import PlayoutBuffer
from telephony.rtp.stream import RtpStream

PEER = ("192.0.2.1", 4000)
NAT = ("198.51.100.7", 9999)
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


def test_the_peer_behind_a_nat_is_found_and_strangers_are_not_heard() -> None:
    heard = stream()
    assert heard.remote == PEER
    for sequence in (1, 2, 3):  # the SDP's address was wrong: three in a row prove the peer, and none is lost
        assert heard.audio_frames == 0
        heard.receive(packet(sequence), NAT, sequence * 0.02)
    assert (heard.remote, heard.audio_frames, heard.lost) == (NAT, 3, 0)
    for sequence in range(500, 510):
        heard.receive(packet(sequence, ssrc=9), OTHER, 0.1)
    assert (heard.remote, heard.audio_frames) == (NAT, 3)
    heard.receive(
        packet(4), OTHER, 1.0
    )  # ours is silent since 1 s and known by its SSRC: the NAT has changed
    assert (heard.remote, heard.audio_frames) == (OTHER, 4)


def test_who_guesses_ports_does_not_take_a_call_over() -> None:
    heard = stream()
    for sequence in (7, 300, 9, 12000, 41):  # before the peer's first packet, and without its sequence
        heard.receive(packet(sequence, ssrc=sequence), OTHER, 0.01)
    assert (heard.remote, heard.audio_frames) == (PEER, 0)
    for sequence in (60, 61, 62):
        heard.receive(packet(sequence, ssrc=9), OTHER, 0.02)
    assert heard.remote == OTHER  # as well as the peer could it be: its first packet sets that right
    heard.receive(packet(1), PEER, 0.03)
    heard.receive(packet(63, ssrc=9), OTHER, 0.04)
    assert heard.remote == PEER
    heard.receive(packet(2), (PEER[0], 4444), 0.05)  # latched: another port of its host is a stranger as well
    assert (heard.remote, heard.audio_frames) == (PEER, 4)


def test_a_new_source_takes_over_at_once_and_its_predecessor_is_not_mixed_in() -> None:
    heard = stream()
    for sequence in range(3):
        heard.receive(packet(sequence, ssrc=1), PEER, sequence * 0.02)
    for sequence in range(10):  # music on hold, say, whose source overlaps with the last one's
        heard.receive(packet(7000 + sequence, ssrc=2), PEER, 0.1 + sequence * 0.02)
        heard.receive(packet(3 + sequence, ssrc=1), PEER, 0.1 + sequence * 0.02)
    assert (heard.audio_frames, heard.received, heard.lost) == (13, 13, 0)
    heard.receive(packet(40, ssrc=1), PEER, 2.0)  # the new one is silent: the old one is back
    assert heard.audio_frames == 14


def test_loss_is_counted_over_the_wrap_and_a_jump_needs_a_second_packet() -> None:
    heard = stream()
    for sequence in (65534, 65535, 65538, 65537):  # 65536 is lost, 65537 late
        heard.receive(packet(sequence), PEER, 0.0)
    assert (heard.received, heard.lost) == (4, 1)
    heard.receive(packet(30000), PEER, 0.1)
    assert heard.received == 4  # a stray
    for sequence in (40000, 40001, 40002):
        heard.receive(packet(sequence), PEER, 0.2)
    assert (heard.received, heard.lost) == (6, 1)


def test_our_own_ssrc_from_the_peer_is_a_collision_once() -> None:
    heard = stream()
    collided = heard.ssrc_out
    heard.receive(packet(1, ssrc=collided), PEER, 0.0)
    ours = heard.ssrc_out
    assert ours != collided
    heard.receive(packet(2, ssrc=ours), PEER, 0.02)  # again: it is an echo
    assert (heard.ssrc_out, heard.audio_frames) == (ours, 2)


def test_a_key_is_one_event_however_often_it_is_repeated_and_costs_no_packet() -> None:
    heard = stream()
    for sequence, kind, timestamp in [(1, 0, 160), (2, 101, 320), (3, 101, 320), (4, 101, 320), (5, 13, 480), (6, 0, 640), (7, 101, 800)]:  # fmt: skip
        data = RtpPacket(kind, sequence, timestamp, 1, voice(1) if kind == 0 else b"\x05\x0a\x03\x20")
        heard.receive(data.serialize(), PEER, 0.0)
    assert (heard.events, heard.audio_frames, heard.received, heard.lost) == (2, 2, 7, 0)


def test_silence_is_sent_from_the_answer_on_and_not_on_hold() -> None:
    sender = RtpStream()
    sender.negotiate(PEER, 8, None)
    assert sender.next_packet() is None
    sender.answer()
    sent = [RtpPacket.parse(bytes(sender.next_packet() or b"")) for _ in range(3)]
    assert [p.payload for p in sent] == [g711.ALAW_SILENCE_FRAME] * 3
    assert [p.marker for p in sent] == [True, False, False]
    assert (sent[2].sequence - sent[0].sequence) % 65536 == 2
    assert (sent[2].timestamp - sent[0].timestamp) % 2**32 == 320
    sender.on_hold = True
    assert sender.next_packet() is None
    sender.on_hold = False
    resumed = RtpPacket.parse(bytes(sender.next_packet() or b""))
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


def hear(arrivals: list[tuple[int, int, int]], *, quickly: bool) -> tuple[object, ...]:
    """Packets of these (sequence, payload type, SSRC) as the session takes them; every count at the end, and the sound."""
    heard, room, frames = stream(), bytearray(2048), []
    for number, (sequence, payload_type, ssrc) in enumerate(arrivals):
        data, now = packet(sequence, payload_type=payload_type, ssrc=ssrc), number * 0.02
        room[: len(data)] = data
        if not quickly or not heard.receive_next(room, len(data), now, now):
            heard.receive(data, PEER, now, now)
        frames.append(heard.next_frame())
    reception = heard.reception
    assert reception is not None
    counts = (
        reception.received,
        reception.lost,
        reception.highest,
        reception.jitter,
        reception.fraction_lost(),
    )
    return heard.audio_frames, heard.received, heard.lost, heard.events, heard.latch.heard_at, counts, frames


@pytest.mark.parametrize("seed", range(40))
def test_the_quick_way_counts_as_the_long_one_does(seed: int) -> None:
    """Over lost, doubled and swapped packets, key presses, other codecs, new sources and the sequence's wrap."""
    chance = random.Random(seed)
    arrivals, sequence, ssrc = [], 65000, 1
    for _ in range(1500):
        sequence += chance.choice([1] * 60 + [2, 5, 0, 200, 4000])
        ssrc += chance.random() < 0.004
        payload_type = chance.choice([0] * 50 + [8, 101, 13])
        arrivals.append((sequence, payload_type, ssrc))
        if chance.random() < 0.03:
            arrivals.append(arrivals[-1] if chance.random() < 0.5 else arrivals.pop(-2))
    assert hear(arrivals, quickly=True) == hear(arrivals, quickly=False)
