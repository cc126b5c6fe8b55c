"""SRTP and SRTCP (RFC 3711) by libsrtp: what is sent is sealed, what comes is proved and opened, or dropped."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pylibsrtp

SUITES: Final = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""The suites that we take, best first (RFC 4568 section 6.2). With the shorter tag, SRTCP still has the longer."""
KEY_BYTES: Final = 30  # master key of 16 and master salt of 14


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """One suite, and the master key with salt of each direction; the keys never show in `repr`."""

    suite: str
    local: bytes = field(repr=False)
    remote: bytes = field(repr=False)


class SrtpContext:
    """Both directions of one call's SRTP, for as long as its keys last."""

    def __init__(self, keys: SrtpKeys) -> None:
        """ValueError: the suite is not one of ours, or a key has not the length it must have."""
        import pylibsrtp  # 5 MB, for those alone whose calls are encrypted

        if keys.suite not in SUITES:
            raise ValueError(f"SRTP suite {keys.suite} is not known")
        if len(keys.local) != KEY_BYTES or len(keys.remote) != KEY_BYTES:
            raise ValueError(f"an SRTP master key with salt has {KEY_BYTES} bytes")
        self.keys = keys
        self._refusals = (pylibsrtp.Error, ValueError)
        self.dropped = 0
        """Packets that were replayed, tampered with, or of another key."""
        self._out = _session(keys.suite, keys.local, inbound=False)
        self._in = _session(keys.suite, keys.remote, inbound=True)

    def seal(self, packet: bytes) -> bytes:
        sealed: bytes = self._out.protect(packet)
        return sealed

    def seal_rtcp(self, packet: bytes) -> bytes:
        sealed: bytes = self._out.protect_rtcp(packet)
        return sealed

    def open(self, data: bytes) -> bytes | None:
        """The RTP packet, or None when it is not the peer's, was here already, or is longer than a packet can be."""
        try:
            packet: bytes = self._in.unprotect(data)
        except self._refusals:
            self.dropped += 1
            return None
        return packet

    def open_rtcp(self, data: bytes) -> bytes | None:
        try:
            packet: bytes = self._in.unprotect_rtcp(data)
        except self._refusals:
            self.dropped += 1
            return None
        return packet


def _session(suite: str, key: bytes, *, inbound: bool) -> "pylibsrtp.Session":
    from pylibsrtp import Policy, Session

    short_tag = suite == "AES_CM_128_HMAC_SHA1_32"
    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=(
            Policy.SRTP_PROFILE_AES128_CM_SHA1_32 if short_tag else Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        ),
    )
    policy.window_size = 128  # packets that may come late
    return Session(policy=policy)
