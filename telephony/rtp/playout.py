"""Puts arriving audio back into order and time: a reorder buffer of a few packets, no I/O, no clock.

Each 20 ms one frame is taken out, whether or not it has arrived: what is missing comes out as None, so the
consumer's time goes on as the call's does. Slots follow the RTP timestamps (RFC 3550 section 5.1), so a packet
of any length (10, 20, 30 ms) lands where it belongs, and silence suppression shows as a gap.
"""

from audio.g711 import FRAME_SAMPLES, ULAW_SILENCE

DELAY_FRAMES = 2  # 40 ms: reorders a packet that comes two late
CAPACITY_FRAMES = 50  # 1 s ahead of the present: the sender's clock has jumped
LATE_BEFORE_REBASE = 3  # so many late packets in a row: the sender paused its clock


class PlayoutBuffer:
    """Frames of 160 mu-law bytes by timestamp."""

    def __init__(self) -> None:
        self._slots: dict[int, bytes | bytearray] = {}
        self._frame = 0
        self._next_timestamp: int | None = None
        self._late = 0

    def reset(self) -> None:
        """Forget everything heard: a new source, or the answer of the call."""
        self._slots.clear()
        self._next_timestamp = None
        self._late = 0

    def put(self, timestamp: int, payload: bytes) -> None:
        """Take the payload of one packet; `timestamp` is its first sample."""
        if self._next_timestamp is None:
            self._rebase(timestamp)
        offset = self._offset(timestamp)
        if offset + len(payload) <= 0:
            self._late += 1
            if self._late < LATE_BEFORE_REBASE:
                return
            self._rebase(timestamp)
            offset = self._offset(timestamp)
        elif offset > CAPACITY_FRAMES * FRAME_SAMPLES:
            self._rebase(timestamp)
            offset = self._offset(timestamp)
        self._late = 0
        if offset % FRAME_SAMPLES == 0 and len(payload) == FRAME_SAMPLES:
            self._slots[self._frame + offset // FRAME_SAMPLES] = payload
        else:
            self._put_pieces(offset, payload)

    def pop(self) -> bytes | None:
        """The frame that is due now; call every 20 ms."""
        if self._next_timestamp is None:
            return None
        frame = self._slots.pop(self._frame, None)
        self._frame += 1
        self._next_timestamp = (self._next_timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        return None if frame is None else bytes(frame)

    def _rebase(self, timestamp: int) -> None:
        self._slots.clear()
        self._late = 0
        self._next_timestamp = (timestamp - DELAY_FRAMES * FRAME_SAMPLES) & 0xFFFFFFFF

    def _offset(self, timestamp: int) -> int:
        """Samples from the next frame out to `timestamp`, over the wrap at 2**32."""
        assert self._next_timestamp is not None
        return ((timestamp - self._next_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000

    def _put_pieces(self, offset: int, payload: bytes) -> None:
        if offset < 0:
            payload, offset = payload[-offset:], 0
        while payload:
            slot, start = divmod(offset, FRAME_SAMPLES)
            piece = payload[: FRAME_SAMPLES - start]
            frame = self._slots.get(self._frame + slot)
            if not isinstance(frame, bytearray):
                frame = bytearray(frame or bytes([ULAW_SILENCE]) * FRAME_SAMPLES)
                self._slots[self._frame + slot] = frame
            frame[start : start + len(piece)] = piece
            payload, offset = payload[len(piece) :], offset + len(piece)
