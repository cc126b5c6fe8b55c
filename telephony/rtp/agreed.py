"""What the offer and the answer of a session description leave to the audio."""

from dataclasses import dataclass

from .latch import Address
from .srtp import SrtpKeys


@dataclass(frozen=True, slots=True)
class AgreedAudio:
    """The peer's side of the audio, by offer and answer.

    `address` is None when the SDP has a name where an address belongs: then the peer's packets tell. `control` is
    where the peer wants RTCP, if not on the port above (RFC 3605); with `mux` RTP and RTCP share a port (RFC 5761);
    `keys` are those of SRTP, None for plain RTP.
    """

    address: Address | None
    payload_type: int
    event_type: int | None = None
    control: Address | None = None
    mux: bool = False
    keys: SrtpKeys | None = None
