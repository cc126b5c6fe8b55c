"""RTCP packets (RFC 3550 section 6) as a parse/serialise pair: SR, RR, SDES CNAME and BYE, in compounds."""

import struct
from dataclasses import dataclass
from typing import Final

SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203
_CNAME: Final = 1
_HEADER = struct.Struct("!BBH")
_BLOCK = struct.Struct("!II III I")
_SENDER = struct.Struct("!QIII")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What its author receives of one source. `fraction_lost` in 1/256, `jitter` in samples, times in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_report: int = 0
    delay: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """SR, with what its author sent, or RR when `ntp` is None. `ntp` is in 2**-32 s since 1900."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()
    ntp: int | None = None
    timestamp: int = 0
    packets: int = 0
    octets: int = 0


@dataclass(frozen=True, slots=True)
class SourceName:
    """SDES with the one item that must be there."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    ssrcs: tuple[int, ...]


Packet = Report | SourceName | Goodbye


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram of a shared port is RTCP (RFC 5761 section 4)."""
    return len(data) > 1 and 192 <= data[1] <= 223


def serialize(packets: list[Packet]) -> bytes:
    """A compound packet; the first must be a report (section 6.1)."""
    return b"".join(_serialize(packet) for packet in packets)


def _serialize(packet: Packet) -> bytes:
    match packet:
        case Report(ntp=None):
            return _framed(RR, len(packet.blocks), packet.ssrc.to_bytes(4, "big") + _blocks(packet))
        case Report():
            ntp = packet.ntp or 0
            sent = _SENDER.pack(
                ntp, packet.timestamp, packet.packets & 0xFFFFFFFF, packet.octets & 0xFFFFFFFF
            )
            return _framed(SR, len(packet.blocks), packet.ssrc.to_bytes(4, "big") + sent + _blocks(packet))
        case SourceName():
            name = packet.cname.encode()[:255]
            chunk = packet.ssrc.to_bytes(4, "big") + bytes([_CNAME, len(name)]) + name
            return _framed(SDES, 1, chunk + bytes(4 - len(chunk) % 4))  # ends with at least one null
        case Goodbye():
            return _framed(BYE, len(packet.ssrcs), b"".join(ssrc.to_bytes(4, "big") for ssrc in packet.ssrcs))


def _framed(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _blocks(report: Report) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | max(-0x800000, min(block.lost, 0x7FFFFF)) & 0xFFFFFF,
            block.highest,
            block.jitter,
            block.last_report,
            block.delay,
        )
        for block in report.blocks
    )


def parse(data: bytes) -> list[Packet]:
    """Read a compound packet; ValueError when it is none by appendix A.2. Other kinds of packets are left out."""
    packets: list[Packet] = []
    start = 0
    while start < len(data):
        if len(data) - start < 4:
            raise ValueError("RTCP packet is cut off")
        first, kind, words = _HEADER.unpack_from(data, start)
        end = start + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            raise ValueError("RTCP header is not valid")
        if start == 0 and (kind not in (SR, RR) or first & 0x20):
            raise ValueError("RTCP compound does not begin with a report")
        body = data[start + 4 : end]
        if first & 0x20:
            if end != len(data) or not body or body[-1] > len(body):
                raise ValueError("RTCP padding is not valid")
            body = body[: len(body) - body[-1]]
        packets += _parse(kind, first & 0x1F, body)
        start = end
    if not packets:
        raise ValueError("RTCP datagram is empty")
    return packets


def _parse(kind: int, count: int, body: bytes) -> list[Packet]:
    if kind in (SR, RR):
        return [_parse_report(kind, count, body)]
    if kind == SDES:
        return _parse_names(count, body)
    if kind == BYE:
        if len(body) < 4 * count:
            raise ValueError("RTCP BYE is cut off")
        return [Goodbye(struct.unpack_from(f"!{count}I", body))]
    return []


def _parse_report(kind: int, count: int, body: bytes) -> Report:
    start = 4 + (_SENDER.size if kind == SR else 0)
    if len(body) < start + _BLOCK.size * count:
        raise ValueError("RTCP report is cut off")
    blocks = []
    for number in range(count):
        ssrc, loss, highest, jitter, last, delay = _BLOCK.unpack_from(body, start + number * _BLOCK.size)
        lost = ((loss & 0xFFFFFF) ^ 0x800000) - 0x800000
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last, delay))
    (ssrc,) = struct.unpack_from("!I", body)
    if kind == RR:
        return Report(ssrc, tuple(blocks))
    ntp, timestamp, packets, octets = _SENDER.unpack_from(body, 4)
    return Report(ssrc, tuple(blocks), ntp, timestamp, packets, octets)


def _parse_names(count: int, body: bytes) -> list[Packet]:
    names: list[Packet] = []
    at = 0
    for _ in range(count):
        if len(body) - at < 4:
            raise ValueError("RTCP SDES is cut off")
        ssrc = int.from_bytes(body[at : at + 4], "big")
        at += 4
        while at < len(body) and body[at] != 0:
            end = at + 2 + (body[at + 1] if at + 1 < len(body) else len(body))
            if end > len(body):
                raise ValueError("RTCP SDES item is cut off")
            if body[at] == _CNAME:
                names.append(SourceName(ssrc, body[at + 2 : end].decode("utf-8", errors="replace")))
            at = end
        at += 4 - at % 4  # the null, and what fills the word
    return names
