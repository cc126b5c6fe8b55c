"""RTCP: packets to the bit, reports between two streams, and what peers send that is none."""

import random
import struct

import pytest

from telephony.rtp.packet import RtpPacket
from telephony.rtp.reports import RtcpReports
from telephony.rtp.rtcp import Goodbye, Packet, Report, ReportBlock, SourceName, is_rtcp, parse, serialize
from telephony.rtp.stream import RtpStream

A, B = ("192.0.2.1", 4000), ("192.0.2.2", 5000)
BLOCK = ReportBlock(0x01020304, 64, -3, 0x10005, 80, 0x11112222, 65536)
COMPOUND: list[Packet] = [
    Report(1, (BLOCK,), ntp=0xE1112222_33334444, timestamp=160, packets=7, octets=1120),
    SourceName(1, "abcd"),
    Goodbye((1,)),
]


def test_a_compound_on_the_wire() -> None:
    data = serialize(COMPOUND)
    assert data.hex(" ", 4) == (
        "81c8000c 00000001 e1112222 33334444 000000a0 00000007 00000460 "  # SR
        "01020304 40fffffd 00010005 00000050 11112222 00010000 "
        "81ca0003 00000001 01046162 63640000 "  # SDES, filled to the word with a null at least
        "81cb0001 00000001"
    )
    assert parse(data) == COMPOUND
    assert is_rtcp(data)
    assert not is_rtcp(RtpPacket(8, 1, 1, 1, marker=True).serialize())


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcdefgh"])
def test_names_of_all_lengths(name: str) -> None:
    packets: list[Packet] = [Report(9), SourceName(9, name), SourceName(10, "x")]
    assert parse(serialize(packets)) == packets


@pytest.mark.parametrize(
    "hexed",
    ["", "80", "81ca0001000000010000", "80c8000100000001", "81c90001 00000001", "40c90001 00000001",
     "80c90009 00000001", "a0c90001 00000001", "80c90001 00000001 81cb0000", "80c90001 00000001 81ca0002 00000001 01ff6162"],
)  # fmt: skip
def test_what_is_no_compound_is_refused(hexed: str) -> None:
    with pytest.raises(ValueError, match="RTCP"):
        parse(bytes.fromhex(hexed.replace(" ", "")))


def test_mutated_reports_raise_only_value_errors_and_change_nothing_else() -> None:
    seed, stream = random.Random(5), RtpStream()
    reports, data = RtcpReports(stream, "x"), serialize(COMPOUND)
    for _ in range(20_000):
        broken = bytearray(data)
        for _ in range(seed.randint(1, 6)):
            broken[seed.randrange(len(broken))] = seed.randrange(256)
        reports.receive(bytes(broken[: seed.randint(0, len(broken))]), 1e9)
    assert reports.round_trip_s is None


def test_two_ends_learn_loss_jitter_and_round_trip_of_each_other() -> None:
    ends = [RtpStream(), RtpStream()]
    ends[0].negotiate(B, 8, None)
    ends[1].negotiate(A, 8, None)
    reports = [RtcpReports(end, "x") for end in ends]
    wall = 1_700_000_000.0
    for end in ends:
        end.answer()
    for tick in range(100):
        there, back = ends[0].next_packet(), ends[1].next_packet()
        assert there is not None
        assert back is not None
        if tick not in (10, 11, 50):
            ends[1].receive(bytes(there), A, tick * 0.02, arrival=wall + tick * 0.02)
        ends[0].receive(bytes(back), B, tick * 0.02, arrival=wall + tick * 0.02 + (0.004 if tick % 2 else 0))
    wall += 2
    reports[1].receive(reports[0].report(2.0, wall), wall + 0.030)  # 30 ms there
    reports[0].receive(
        reports[1].report(2.5, wall + 0.530), wall + 0.540
    )  # answered 500 ms later, 10 ms back
    assert reports[0].round_trip_s == pytest.approx(0.040, abs=0.001)
    assert reports[0].peer is not None
    assert (reports[0].peer.lost, reports[0].peer.jitter) == (3, 0)
    reports[1].receive(reports[0].report(3.0, wall + 1), wall + 1.030)
    assert reports[1].peer is not None
    assert reports[1].peer.jitter == pytest.approx(32, abs=1)  # 4 ms
    assert reports[1].round_trip_s == pytest.approx(0.040, abs=0.001)


def test_who_sends_nothing_reports_as_a_receiver_and_says_no_goodbye() -> None:
    stream = RtpStream()
    reports = RtcpReports(stream, "x")
    assert reports.goodbye(1e9) is None
    stream.negotiate(B, 8, None)
    stream.answer()
    stream.next_packet()
    kinds = [struct.unpack_from("!xB", reports.report(0, 1e9))[0] for _ in range(3)]
    assert kinds == [200, 200, 201]  # a sender until two reports after its last packet (section 6.4)
    goodbye = reports.goodbye(1e9)
    assert goodbye is not None
    assert parse(goodbye)[-1] == Goodbye((stream.ssrc_out,))


def test_reports_are_spread_over_half_to_one_and_a_half_intervals() -> None:
    firsts, nexts = [], []
    for _ in range(300):
        reports = RtcpReports(RtpStream(), "x")
        reports.start(100.0)
        firsts.append(reports.due_at - 100)
        reports.report(100.0, 1e9)
        nexts.append(reports.due_at - 100)
    for times, least in ((firsts, 2.5), (nexts, 5.0)):
        assert min(times) >= least * 0.5 / 1.21828
        assert max(times) <= least * 1.5 / 1.21828
        assert max(times) - min(times) > least * 0.6
