"""What one call hears and says on RTP, without I/O: datagrams in, frames and datagrams out.

Sequence and source checks after RFC 3550 appendix A.1; symmetric RTP (RFC 4961): we send to where the peer's
packets come from, once they come.
"""

import secrets
import struct

from audio import g711

from .packet import PCMA, PCMU, read_fields
from .playout import PlayoutBuffer

Address = tuple[str, int]

MAX_MISORDER = 100
MAX_DROPOUT = 3000
RELATCH_AFTER_S = 0.5  # another source may take over when ours has been silent for so long
_HEADER = struct.Struct("!BBHII")
_SILENCE = {PCMU: g711.ULAW_SILENCE_FRAME, PCMA: g711.ALAW_SILENCE_FRAME}
_WINDOW = (1 << 128) - 1


class RtpStream:
    """Receiver and sender state of one call's audio."""

    def __init__(self) -> None:
        self.early_frames = 0
        self.audio_frames = 0
        self.events = 0
        self.first_audio_at: float | None = None
        self.last_audio_at: float | None = None
        self.sent = 0
        self.answered = False
        self.on_hold = False
        self._remote: Address | None = None
        self._latched = False
        self._payload_type = PCMU
        self._event_type: int | None = None
        self._playout = PlayoutBuffer()
        self._ssrc_in: int | None = None
        self._highest = 0
        self._seen = 0
        self._ssrc_out = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self._marker = True

    @property
    def remote(self) -> Address | None:
        return self._remote

    def negotiate(self, remote: Address, payload_type: int, event_type: int | None) -> None:
        """What offer and answer agreed on; a new remote address is trusted until packets say otherwise."""
        if payload_type not in _SILENCE:
            raise ValueError(f"payload type {payload_type} is not G.711")
        if remote != self._remote or not self._latched:
            self._remote, self._latched = remote, False
        self._payload_type, self._event_type = payload_type, event_type

    def answer(self) -> None:
        """The call is answered: from now on frames count as the called party's, and we send."""
        self.answered = True
        self._playout.reset()

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """One datagram; anything that is no audio of this call is dropped."""
        try:
            payload_type, _, sequence, timestamp, ssrc, payload = read_fields(data)
        except ValueError:
            return
        if not self._accept_source(ssrc, sequence, source, now):
            return
        if payload_type == self._event_type:
            self.events += 1
            return
        if payload_type not in _SILENCE or not payload or not self._accept_sequence(sequence):
            return
        self.last_audio_at = now
        if not self.answered:
            self.early_frames += 1
            return
        self.audio_frames += 1
        if self.first_audio_at is None:
            self.first_audio_at = now
        if payload_type == PCMA:
            payload = g711.alaw_to_ulaw(payload)
        self._playout.put(timestamp, payload)

    def _accept_source(self, ssrc: int, sequence: int, source: Address, now: float) -> bool:
        if source != self._remote or not self._latched:
            silent = self.last_audio_at is None or now - self.last_audio_at > RELATCH_AFTER_S
            if self._latched and not silent:
                return False
            self._remote, self._latched = source, True
        if ssrc != self._ssrc_in:
            self._ssrc_in = ssrc
            self._start_sequence(sequence)
            self._playout.reset()
        return True

    def _start_sequence(self, sequence: int) -> None:
        self._highest, self._seen = (sequence - 1) & 0xFFFF, 0

    def _accept_sequence(self, sequence: int) -> bool:
        """False for a duplicate. A jump beyond RFC 3550's bounds starts the count anew."""
        step = ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if step > MAX_DROPOUT or step < -MAX_MISORDER:
            self._start_sequence(sequence)
            step = 1
        if step > 0:
            self._seen = ((self._seen << step) | 1) & _WINDOW
            self._highest = sequence
            return True
        bit = 1 << -step
        if self._seen & bit:
            return False
        self._seen |= bit
        return True

    def next_frame(self) -> bytes | None:
        """The 20 ms of mu-law that are due, None where nothing arrived in time."""
        return self._playout.pop()

    def next_packet(self) -> bytes | None:
        """20 ms of silence to send now; None before the answer and on hold, when time goes on all the same."""
        self._timestamp = (self._timestamp + g711.FRAME_SAMPLES) & 0xFFFFFFFF
        if not self.answered or self.on_hold or self._remote is None:
            self._marker = True
            return None
        self._sequence = (self._sequence + 1) & 0xFFFF
        # The marker begins a talkspurt (RFC 3551 section 4.1).
        second = self._payload_type | (0x80 if self._marker else 0)
        self._marker = False
        self.sent += 1
        header = _HEADER.pack(0x80, second, self._sequence, self._timestamp, self._ssrc_out)
        return header + _SILENCE[self._payload_type]
