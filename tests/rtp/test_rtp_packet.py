"""RTP packets: round trips, and datagrams that lie about themselves."""

import pytest

from telephony.rtp.packet import RtpPacket


def test_round_trip() -> None:
    packet = RtpPacket(
        payload_type=8, sequence=65535, timestamp=4294967295, ssrc=0xDEADBEEF, payload=b"x" * 160, marker=True
    )
    assert RtpPacket.parse(packet.serialize()) == packet


def test_skips_contributing_sources_extension_and_padding() -> None:
    header = (
        bytes([0x80 | 0x20 | 0x10 | 0x01, 0x00]) + b"\x00\x01" + b"\x00\x00\x00\xa0" + b"\x00\x00\x00\x07"
    )
    data = header + b"csrc" + b"\xbe\xde\x00\x01" + b"exte" + b"voice" + b"\x00\x00\x03"
    packet = RtpPacket.parse(data)
    assert (packet.payload, packet.sequence, packet.ssrc) == (b"voice", 1, 7)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x00\x00",
        b"\x00" * 12,  # version 0
        b"\x80\xc8" + b"\x00" * 26,  # RTCP sender report
        b"\x8f\x00" + b"\x00" * 10,  # fifteen contributing sources, none there
        b"\x90\x00" + b"\x00" * 10,  # extension announced, cut off
        b"\x90\x00" + b"\x00" * 10 + b"\xbe\xde\xff\xff",  # extension longer than the packet
        b"\xa0\x00" + b"\x00" * 10 + b"\x00",  # padding of zero
        b"\xa0\x00" + b"\x00" * 10 + b"\xff",  # padding longer than the packet
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="RT"):
        RtpPacket.parse(data)
