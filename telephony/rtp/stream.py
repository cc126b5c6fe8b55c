"""What one call hears and says on RTP, without I/O: datagrams in, frames and datagrams out (RFC 3550)."""

import secrets
import struct

from audio import g711

from .latch import RELATCH_AFTER_S, Address, Latch
from .packet import HEADER_LENGTH, PCMA, PCMU, read_fields
from .playout import PlayoutBuffer
from .reception import Reception

_WORDS = struct.Struct("!III")  # the header: two bytes and the sequence number, timestamp, SSRC
_COUNTERS = struct.Struct("!HHI")  # the same up to the SSRC
_NOTHING = -1
_SILENCE = {PCMU: g711.ULAW_SILENCE_FRAME, PCMA: g711.ALAW_SILENCE_FRAME}


class RtpStream:
    """Receiver and sender state of one call's audio."""

    def __init__(self) -> None:
        self.early_frames = 0
        self.events = 0
        self.first_audio_at: float | None = None
        self.sent = 0
        self.answered = False
        self.on_hold = False
        self.is_heard = True
        """Whether anyone takes the frames; else packets are counted and nothing more."""
        self.reception: Reception | None = None
        """Of the source that is heard now."""
        self.ssrc_out = secrets.randbits(32)
        self.latch = Latch()
        self._audio_frames = 0
        self._expected = _NOTHING  # the first word of the packet that follows, while all goes its even way
        self._payload_type = PCMU
        self._event_type: int | None = None
        self._event_at: int | None = None
        self._playout = PlayoutBuffer()
        self._received_before = self._lost_before = 0  # of earlier sources
        self._left_ssrc: int | None = None
        self._collided = False
        self._sequence = secrets.randbits(16)
        self._packet = bytearray()
        self._timestamp = secrets.randbits(32)
        self._marker = True

    @property
    def remote(self) -> Address | None:
        """Where our packets go: where the peer's come from, once they come."""
        return self.latch.remote

    @property
    def audio_frames(self) -> int:
        """Distinct audio packets since the answer."""
        return self._audio_frames + (self.reception.in_order if self.reception else 0)

    @property
    def timestamp(self) -> int:
        """Of the sample that is said now."""
        return self._timestamp

    @property
    def sent_octets(self) -> int:
        """Payload only."""
        return self.sent * g711.FRAME_BYTES

    @property
    def received(self) -> int:
        """Distinct packets, of all sources."""
        return self._received_before + (self.reception.received if self.reception else 0)

    @property
    def lost(self) -> int:
        return self._lost_before + (self.reception.lost if self.reception else 0)

    def negotiate(self, remote: Address | None, payload_type: int, event_type: int | None) -> None:
        """What offer and answer agreed on; a new remote address is trusted until packets say otherwise."""
        if payload_type not in _SILENCE:
            raise ValueError(f"payload type {payload_type} is not G.711")
        self._look_in_full()
        self.latch.expect(remote)
        self._payload_type, self._event_type = payload_type, event_type
        self._lay_packet()

    def answer(self) -> None:
        """The call is answered: from now on frames count as the called party's, and we send."""
        self._look_in_full()
        self.answered = self.is_heard = True
        self._playout.reset()

    def receive_next(self, room: bytearray, size: int, now: float, arrival: float | None = None) -> bool:
        """A datagram in `room`, known to come from whom we hear: nearly always the audio packet that follows the last.

        False: it is not, and `receive` must be asked, for nothing has been done.
        """
        word, timestamp, ssrc = _WORDS.unpack_from(room)
        latch, reception = self.latch, self.reception
        if word != self._expected or ssrc != latch.ssrc or size <= HEADER_LENGTH or reception is None:
            return False
        reception.in_order += 1
        latch.heard_at = now
        self._expected = word + 1 if word & 0xFFFF != 0xFFFF else word - 0xFFFF
        if arrival is not None:
            reception.time(arrival, timestamp)
        if self.is_heard:
            self._play(word >> 16 & 0x7F, timestamp, bytes(room[HEADER_LENGTH:size]))
        return True

    def receive(
        self,
        data: bytes,
        source: Address,
        now: float,
        arrival: float | None = None,
        authentic: bool = False,
    ) -> None:
        """One datagram; anything that is no audio of this call is dropped.

        `arrival`: when the system got it, if that was asked, in seconds of any even clock; `authentic`: it came
        out of SRTP.
        """
        self._look_in_full()
        self._receive_any(data, source, now, arrival, authentic)

    def _look_in_full(self) -> None:
        """The next packet takes the long way."""
        self._expected = _NOTHING
        if self.reception is not None:
            self._audio_frames += self.reception.settle()

    def _receive_any(
        self, data: bytes, source: Address, now: float, arrival: float | None, authentic: bool
    ) -> None:
        try:
            payload_type, _, sequence, timestamp, ssrc, payload = read_fields(data)
        except ValueError:
            return
        latch = self.latch
        if source != latch.source:
            if payload_type not in _SILENCE and payload_type != self._event_type:
                return
            earlier = latch.admit(data, ssrc, sequence, source, now, authentic)
            if earlier is None:
                return
            for kept in earlier:
                self._receive_any(kept, source, now, None, authentic)
        reception = self.reception
        if reception is None or reception.ssrc != ssrc:
            reception = self._new_source(ssrc, sequence, now)
        if reception is None or not reception.accept(sequence):
            return
        latch.heard_at, latch.ssrc = now, ssrc
        if payload_type not in _SILENCE or not payload:
            if payload_type == self._event_type:
                self._hear_event(timestamp)
            return  # comfort noise, say: it took a sequence number all the same
        if arrival is not None:
            reception.time(arrival, timestamp)
        if self.is_heard:
            self._play(payload_type, timestamp, payload)
        if not self.answered:
            self.early_frames += 1
            return
        self._audio_frames += 1
        if self.first_audio_at is None:
            self.first_audio_at = now
        self._expected = 0x80000000 | payload_type << 16 | reception.next_sequence

    def _play(self, payload_type: int, timestamp: int, payload: bytes) -> None:
        self._playout.put(timestamp, g711.alaw_to_ulaw(payload) if payload_type == PCMA else payload)

    def _new_source(self, ssrc: int, sequence: int, now: float) -> Reception | None:
        """The count of a new SSRC. It takes over at once; what its predecessor still says is dropped (None)."""
        current = self.reception
        if ssrc == self._left_ssrc and now - self.latch.heard_at < RELATCH_AFTER_S:
            return None
        if ssrc == self.ssrc_out and not self._collided:
            # RFC 3550 section 8.2; the second time it is our own voice coming back, and no collision.
            self._collided, self.ssrc_out = True, secrets.randbits(32)
            self._lay_packet()
        if current is not None:
            self._left_ssrc = current.ssrc
            self._received_before += current.received
            self._lost_before += current.lost
        self.reception = Reception(ssrc, sequence)
        self._playout.reset()
        return self.reception

    def _hear_event(self, timestamp: int) -> None:
        """A telephone-event is repeated for as long as the key is down, and at its end, with one timestamp (RFC 4733)."""
        if timestamp != self._event_at:
            self._event_at = timestamp
            self.events += 1

    def next_frame(self) -> bytes | None:
        """The 20 ms of mu-law that are due, None where nothing arrived in time."""
        return self._playout.pop()

    def next_packet(self) -> bytearray | None:
        """20 ms of silence to send now; None before the answer and on hold, when time goes on all the same.

        It is to be sent before the next is asked for: they share their memory.
        """
        self._timestamp = timestamp = (self._timestamp + g711.FRAME_SAMPLES) & 0xFFFFFFFF
        if not self.answered or self.on_hold or self.latch.remote is None:
            self._marker = True
            return None
        self._sequence = sequence = (self._sequence + 1) & 0xFFFF
        start = 0x8000 | self._payload_type
        if self._marker:
            self._marker = False
            start |= 0x80  # it begins a talkspurt (RFC 3551 section 4.1)
        self.sent += 1
        packet = self._packet
        _COUNTERS.pack_into(packet, 0, start, sequence, timestamp)
        return packet

    def _lay_packet(self) -> None:
        """Our packets differ in their counters only: one is written over and over."""
        silence = _SILENCE[self._payload_type]
        self._packet = bytearray(_COUNTERS.size) + self.ssrc_out.to_bytes(4, "big") + silence
