"""One call's side of RTCP (RFC 3550 section 6), without I/O: what we report, when, and what the peer's reports tell.

Two members on a 64 kbit/s session: the bandwidth rule of section 6.2 would let each report every 0.4 s, so the least
interval of 5 s is what counts, and nobody joins later whom reconsideration (6.3.3) would have to make room for.
"""

import random
from dataclasses import dataclass

from .rtcp import Goodbye, Packet, Report, ReportBlock, SourceName, parse, serialize
from .stream import RtpStream

LEAST_INTERVAL_S = 5.0
COMPENSATION = 1.21828  # e - 3/2, section 6.3.1
LONGEST_ROUND_TRIP_S = 30.0  # what is longer, or negative, is a clock that was set
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970


@dataclass(slots=True)
class PeerView:
    """What the peer says of our packets."""

    lost: int
    jitter: int


class RtcpReports:
    """The RTCP of one call. `wall` times are those of the system's clock, `now` those of the loop's."""

    def __init__(self, stream: RtpStream, cname: str) -> None:
        self.due_at = float("inf")
        self.peer: PeerView | None = None
        self._stream = stream
        self._cname = cname
        self._round_trips = (0, 0.0)  # how many, and their sum
        self._sender_report = (0, 0.0)  # of the peer: middle of its NTP time, and when it came
        self._sent_at_reports = (0, 0)  # packets at the last report and the one before

    @property
    def round_trip_s(self) -> float | None:
        """Mean of what was measured."""
        count, total = self._round_trips
        return total / count if count else None

    def start(self, now: float) -> None:
        """The session begins: the first report comes after half the interval."""
        self.due_at = now + _interval(LEAST_INTERVAL_S / 2)

    def report(self, now: float, wall: float) -> bytes:
        """The report that is due, and the time of the next."""
        self.due_at = now + _interval(LEAST_INTERVAL_S)
        return serialize(self._report(wall))

    def goodbye(self, wall: float) -> bytes | None:
        """The last report, with BYE; None when we never sent anything (section 6.3.7)."""
        self.due_at = float("inf")
        if self._stream.sent == 0:
            return None
        return serialize([*self._report(wall), Goodbye((self._stream.ssrc_out,))])

    def receive(self, data: bytes, wall: float) -> None:
        """A compound packet of the peer that came at `wall`; what is none is dropped."""
        try:
            packets = parse(data)
        except ValueError:
            return
        reception = self._stream.reception
        for packet in packets:
            if not isinstance(packet, Report):
                continue
            if packet.ntp is not None and reception is not None and packet.ssrc == reception.ssrc:
                self._sender_report = (packet.ntp >> 16 & 0xFFFFFFFF, wall)
            for block in packet.blocks:
                if block.ssrc == self._stream.ssrc_out:
                    self._take(block, wall)

    def _take(self, block: ReportBlock, wall: float) -> None:
        self.peer = PeerView(block.lost, block.jitter)
        if block.last_report == 0:
            return
        trip = (_middle(wall) - block.last_report - block.delay & 0xFFFFFFFF) / 65536
        if trip <= LONGEST_ROUND_TRIP_S:
            count, total = self._round_trips
            self._round_trips = (count + 1, total + trip)

    def _report(self, wall: float) -> list[Packet]:
        stream = self._stream
        blocks = self._blocks(wall)
        before, self._sent_at_reports = (
            self._sent_at_reports[1],
            (stream.sent, self._sent_at_reports[0]),
        )
        if stream.sent > before:
            report = Report(
                stream.ssrc_out,
                blocks,
                ntp=_ntp(wall),
                timestamp=stream.timestamp,
                packets=stream.sent,
                octets=stream.sent_octets,
            )
        else:
            report = Report(stream.ssrc_out, blocks)
        return [report, SourceName(stream.ssrc_out, self._cname)]

    def _blocks(self, wall: float) -> tuple[ReportBlock, ...]:
        reception = self._stream.reception
        if reception is None:
            return ()
        last, came = self._sender_report
        delay = max(0, round((wall - came) * 65536)) & 0xFFFFFFFF if last else 0
        return (
            ReportBlock(
                reception.ssrc,
                reception.fraction_lost(),
                reception.lost,
                reception.highest,
                min(round(reception.jitter), 0xFFFFFFFF),
                last,
                delay,
            ),
        )


def _interval(least: float) -> float:
    """Section 6.3.1: spread over half to one and a half, so that 300 calls don't report at once."""
    return least * random.uniform(0.5, 1.5) / COMPENSATION


def _ntp(wall: float) -> int:
    return round((wall + NTP_EPOCH_S) * 2**32) & 0xFFFFFFFFFFFFFFFF


def _middle(wall: float) -> int:
    """The middle 32 bits of the NTP time, in 1/65536 s."""
    return _ntp(wall) >> 16 & 0xFFFFFFFF
