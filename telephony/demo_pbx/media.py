"""RTP of all calls on one 20 ms tick (RFC 3550): each stream sends one packet a tick and counts what comes in."""

import asyncio
import secrets
import socket
import time
from typing import Final

from audio.g711 import FRAME_SAMPLES, ULAW_SILENCE_FRAME, ULAW_TO_ALAW
from telephony.rtp.packet import PCMA, RtpPacket

from .messages import Endpoint
from .sdp import AudioSession

TICK_S: Final = 0.02
_DATAGRAMS_A_TURN: Final = 16  # read so many of one socket before the others have their turn


class MediaStream:
    """One call's audio: a socket of its own, a track to play, counters. It sends to where RTP comes from."""

    def __init__(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        self.packets_in = 0
        self.packets_out = 0
        self._loop = loop
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self.port: int = self._socket.getsockname()[1]
        self._remote: Endpoint | None = None
        self._payload_type = 0
        self._wants_audio = False
        self._muted = False
        self._track = b""
        self._position = 0
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self._silent_ticks = True
        loop.add_reader(self._socket.fileno(), self._readable)

    def direct(self, session: AudioSession) -> None:
        """Follow the peer's session description: where to, which codec, hold or not."""
        self._remote = (session.host, session.port)
        self._payload_type = session.payload_type
        self._wants_audio = session.wants_audio

    def play(self, track: bytes) -> None:
        """Say `track` (mu-law) from the next tick on, silence after it."""
        self._track, self._position = track, 0

    def mute(self, muted: bool) -> None:
        """Send nothing while the customer is away from this leg."""
        self._muted = muted

    def tick(self) -> None:
        """Send 20 ms. The track goes on by itself, also while the peer holds the call."""
        frame = self._track[self._position : self._position + FRAME_SAMPLES]
        self._position += len(frame)
        self._timestamp += FRAME_SAMPLES
        if self._remote is None or self._muted or not self._wants_audio:
            self._silent_ticks = True
            return
        if len(frame) < FRAME_SAMPLES:
            frame += ULAW_SILENCE_FRAME[len(frame) :]
        if self._payload_type == PCMA:
            frame = frame.translate(ULAW_TO_ALAW)
        # The marker tells the start of a talk spurt (RFC 3551 section 4.1).
        packet = RtpPacket(
            self._payload_type, self._sequence, self._timestamp, self._ssrc, frame, self._silent_ticks
        )
        self._silent_ticks = False
        self._sequence += 1
        try:
            self._socket.sendto(packet.serialize(), self._remote)
        except OSError:
            return  # a full buffer or an unreachable peer loses the packet, as a network does
        self.packets_out += 1

    def _readable(self) -> None:
        for _ in range(_DATAGRAMS_A_TURN):
            try:
                data, source = self._socket.recvfrom(2048)
            except OSError:
                return
            try:
                RtpPacket.parse(data)
            except ValueError:
                continue
            self.packets_in += 1
            if self._remote is not None and source != self._remote:
                self._remote = source

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()


class MediaClock:
    """Ticks all streams every 20 ms by an absolute schedule, so that lateness never adds up.

    It reads the clock itself: uvloop's `time()` stands still while a turn of the loop lasts.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._streams: dict[MediaStream, float] = {}  # each with the time from which it sends
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.most_late_s = 0.0

    def add(self, stream: MediaStream) -> None:
        now = time.monotonic()
        self._streams[stream] = now
        if self._timer is None:
            self._next = now + TICK_S
            self._timer = self._loop.call_later(TICK_S, self._tick)

    def remove(self, stream: MediaStream) -> None:
        self._streams.pop(stream, None)

    @property
    def streams(self) -> int:
        return len(self._streams)

    def _tick(self) -> None:
        if not self._streams:
            self._timer = None
            return
        now = time.monotonic()
        self.most_late_s = max(self.most_late_s, now - self._next)
        while self._next <= now:  # after a stall every missed packet follows at once
            for stream, since in self._streams.items():
                if since <= self._next:
                    stream.tick()
            self._next += TICK_S
        self._timer = self._loop.call_later(max(0.0, self._next - time.monotonic()), self._tick)
