"""The figures of a call's audio that tell a good trunk from a bad one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaQuality:
    """Packets, loss and times of one call, both ways. What the peer never reported is None.

    `lost` of what the peer sent to us, `peer_lost` of what we sent. Jitter as RFC 3550 appendix A.8 has it, at
    the end of the call; the round trip is the mean of those that were measured. `encryption` is the suite of RFC 4568.
    """

    packets_in: int
    packets_out: int
    lost: int
    jitter_ms: float
    round_trip_ms: float | None = None
    peer_lost: int | None = None
    peer_jitter_ms: float | None = None
    encryption: str | None = None
