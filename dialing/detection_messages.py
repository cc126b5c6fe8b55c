"""What the calls worker and its detection process say to each other: messages over a stream socket.

Each message is a length, a kind and a body. Control and findings are JSON, the sound of a tick is plain bytes: 300
calls are 15,000 frames a second.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any

from audio.g711 import FRAME_BYTES, ULAW_SILENCE_FRAME

_HEAD = struct.Struct("!IB")
_COUNT = struct.Struct("!I")


class Kind(IntEnum):
    # to the process
    OPEN = 1
    """`{"call", "profile"}`: an answered call."""
    OPEN_EARLY = 2
    """`{"call"}`: a call that still rings."""
    FINISH = 3
    """`{"call"}`: say your last word."""
    CLOSE = 4
    """`{"call"}`: it is over, nothing more is wanted."""
    TICK = 5
    """The sound of the last 20 ms, see `tick`; then 20 ms pass."""
    # from the process
    READY = 6
    """`{"rules_only"}`: warmed up."""
    VERDICT = 7
    """`{"call", "verdict", "evidence"}`."""
    EARLY = 8
    """`{"call", "found", "last"}`: what was heard before the answer; `last` answers a FINISH."""
    TICKED = 9
    """`{"ticks"}`: how many are done since the start."""


def message(kind: Kind, body: Mapping[str, Any]) -> bytes:
    """A message with a JSON body."""
    data = json.dumps(body).encode()
    return _HEAD.pack(len(data), kind) + data


def tick(calls: Sequence[int], frames: Sequence[bytes]) -> bytes:
    """A TICK: the calls' numbers and, in the same order, 160 mu-law bytes of each. Calls without sound are left out."""
    cut = [f if len(f) == FRAME_BYTES else (f + ULAW_SILENCE_FRAME)[:FRAME_BYTES] for f in frames]
    numbers = struct.pack(f"!{len(calls)}I", *calls)
    size = _COUNT.size + len(numbers) + FRAME_BYTES * len(cut)
    return b"".join((_HEAD.pack(size, Kind.TICK), _COUNT.pack(len(calls)), numbers, *cut))


def read_tick(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The calls and frames of a TICK."""
    (count,) = _COUNT.unpack_from(body)
    start = _COUNT.size + 4 * count
    for i, call in enumerate(struct.unpack_from(f"!{count}I", body, _COUNT.size)):
        yield call, body[start + i * FRAME_BYTES : start + (i + 1) * FRAME_BYTES]


class Inbox:
    """Cuts what arrives into messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def take(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The messages that are whole now, in order."""
        self._data += data
        while len(self._data) >= _HEAD.size:
            size, kind = _HEAD.unpack_from(self._data)
            end = _HEAD.size + size
            if len(self._data) < end:
                return
            body = bytes(memoryview(self._data)[_HEAD.size : end])
            del self._data[:end]
            yield Kind(kind), body
