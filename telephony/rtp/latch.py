"""Whose packets are heard, and where ours go: symmetric RTP (RFC 4961) that strangers can't take over.

The address of the SDP counts at once, and so does another port of its host. Anyone else may be the peer behind a
NAT, or may be guessing ports: they are heard after a few packets in sequence, and only while the one we hear is silent.
"""

from typing import NamedTuple

Address = tuple[str, int]

PROBATION_PACKETS = 3
RELATCH_AFTER_S = 0.5  # another source may take over when ours has been silent for so long


class _Candidate(NamedTuple):
    """Who is on probation: address and SSRC, the sequence number that must come next, and what came already."""

    source: Address
    ssrc: int
    expected: int
    datagrams: tuple[bytes, ...]


class Latch:
    """`remote` is where the peer is, as far as we know; `source` the same once its packets have come from there.

    `heard_at` and `ssrc` are of the last packet that was heard.
    """

    __slots__ = ("_candidate", "_signalled", "heard_at", "remote", "source", "ssrc")

    def __init__(self) -> None:
        self.remote: Address | None = None
        self.source: Address | None = None
        self.heard_at = 0.0
        self.ssrc: int | None = None
        self._signalled: Address | None = None
        self._candidate: _Candidate | None = None

    def expect(self, address: Address | None) -> None:
        """The SDP's address. A new one is trusted until packets say otherwise; the same again changes nothing."""
        if address != self._signalled:
            self._signalled = self.remote = address
            self.source = self._candidate = None

    def admit(
        self, data: bytes, ssrc: int, sequence: int, source: Address, now: float, authentic: bool
    ) -> tuple[bytes, ...] | None:
        """Whether a datagram that does not come from `source` is heard: None, or those before it that now are too.

        `authentic`: SRTP has proved who sent it.
        """
        if authentic or self._is_expected(source) or self._has_moved(ssrc, now):
            self._move_to(source)
            return ()
        if self.source is not None and now - self.heard_at <= RELATCH_AFTER_S:
            self._candidate = None
            return None
        candidate = self._candidate
        if candidate is None or (candidate.source, candidate.ssrc, candidate.expected) != (
            source,
            ssrc,
            sequence,
        ):
            candidate = _Candidate(source, ssrc, sequence, ())
        if len(candidate.datagrams) == PROBATION_PACKETS - 1:
            self._move_to(source)
            return candidate.datagrams
        self._candidate = _Candidate(source, ssrc, (sequence + 1) & 0xFFFF, (*candidate.datagrams, data))
        return None

    def _is_expected(self, source: Address) -> bool:
        signalled = self._signalled
        if signalled is None:
            return False
        return source == signalled or (source[0] == signalled[0] and self.source is None)

    def _has_moved(self, ssrc: int, now: float) -> bool:
        """Who was heard is silent, and is heard from elsewhere: the NAT between us has changed its mind."""
        return self.source is not None and ssrc == self.ssrc and now - self.heard_at > RELATCH_AFTER_S

    def _move_to(self, source: Address) -> None:
        self.remote = self.source = source
        self._candidate = None
