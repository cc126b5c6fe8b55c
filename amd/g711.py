"""G.711 by table (ITU-T G.711): mu-law and A-law bytes to samples and back."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 8000
FRAME_MS = 20
FRAME_BYTES = SAMPLE_RATE * FRAME_MS // 1000
SILENCE = b"\xff" * FRAME_BYTES
"""One mu-law frame of digital silence."""


def _ulaw_values() -> NDArray[np.int32]:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int32)


def _alaw_values() -> NDArray[np.int32]:
    code = np.arange(256) ^ 0x55
    segment = code >> 4 & 7
    step = (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int32)


ULAW_VALUES = _ulaw_values()
"""Sample (16 bit scale) of each mu-law byte; shape (256,)."""
ALAW_VALUES = _alaw_values()
"""Sample (16 bit scale) of each A-law byte; shape (256,)."""
ULAW = (ULAW_VALUES / 32768).astype(np.float32)
"""Sample of each mu-law byte with full scale 1; shape (256,)."""


@cache
def _linear_to_ulaw() -> NDArray[np.uint8]:
    order = np.argsort(ULAW_VALUES, kind="stable")
    values = ULAW_VALUES[order]
    samples = np.arange(-32768, 32768)
    nearest = np.searchsorted((values[1:] + values[:-1]) / 2, samples)
    table = order[nearest].astype(np.uint8)
    table[32768] = 0xFF  # of the two zeros the one that a silent line sends
    return table


def ulaw_from_linear(samples: NDArray[np.int16]) -> bytes:
    """16 bit samples as mu-law bytes, each the nearest of the 256 values."""
    return _linear_to_ulaw()[samples.astype(np.int32) + 32768].tobytes()


@cache
def _alaw_to_ulaw() -> bytes:
    return ulaw_from_linear(ALAW_VALUES.astype(np.int16))


def ulaw_from_alaw(payload: bytes) -> bytes:
    """A-law bytes as mu-law bytes."""
    return payload.translate(_alaw_to_ulaw())
