"""The RTP packet, RFC 3550 section 5.1, as a parse/serialise pair."""

import struct
from dataclasses import dataclass

RTP_VERSION = 2
PCMU = 0  # static payload types, RFC 3551 table 4
PCMA = 8
HEADER_LENGTH = 12
_HEADER = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet. `timestamp` counts samples (8 kHz for G.711), `payload` is without padding."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes = b""
    marker: bool = False

    def serialize(self) -> bytes:
        """The packet on the wire: no padding, no extension, no contributing sources."""
        second = (0x80 if self.marker else 0) | self.payload_type
        return (
            _HEADER.pack(
                RTP_VERSION << 6, second, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
            )
            + self.payload
        )

    @classmethod
    def parse(cls, data: bytes) -> "RtpPacket":
        """Read one datagram; ValueError when it is no RTP (too short, wrong version, lengths that lie)."""
        payload_type, marker, sequence, timestamp, ssrc, payload = read_fields(data)
        return cls(payload_type, sequence, timestamp, ssrc, payload, marker)


def read_fields(data: bytes) -> tuple[int, bool, int, int, int, bytes]:
    """(payload type, marker, sequence, timestamp, SSRC, payload), for those who read 15,000 packets a second."""
    if len(data) < HEADER_LENGTH:
        raise ValueError("RTP packet is shorter than its header")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if (
        first == 0x80 and second < 128
    ):  # nothing but header and payload, in the middle of a talkspurt: nearly always
        return second, False, sequence, timestamp, ssrc, data[HEADER_LENGTH:]
    if first >> 6 != RTP_VERSION:
        raise ValueError("RTP version is not 2")
    if 192 <= second <= 223:
        # RFC 5761 section 4: these second bytes belong to RTCP on a shared port.
        raise ValueError("RTCP packet where RTP was expected")
    payload = data[HEADER_LENGTH:] if first == 0x80 else data[_payload_range(first, data)]
    return second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, payload


def _payload_range(first: int, data: bytes) -> slice:
    """Where the payload is, behind contributing sources and extension, before the padding."""
    start = HEADER_LENGTH + 4 * (first & 0x0F)
    if first & 0x10:
        start = _after_extension(data, start)
    end = len(data)
    if first & 0x20:
        padding = data[-1]
        if padding == 0 or end - padding < start:
            raise ValueError("RTP padding length is not valid")
        end -= padding
    if start > end:
        raise ValueError("RTP packet is shorter than its contributing sources")
    return slice(start, end)


def _after_extension(data: bytes, start: int) -> int:
    """Where the payload begins behind a header extension (RFC 3550 section 5.3.1)."""
    if len(data) < start + 4:
        raise ValueError("RTP header extension is cut off")
    words = int.from_bytes(data[start + 2 : start + 4], "big")
    end = start + 4 + 4 * words
    if end > len(data):
        raise ValueError("RTP header extension is longer than the packet")
    return end
