"""Short-time spectrum of many calls at once: 40 ms Hann window, every 20 ms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.g711 import FRAME_BYTES, SAMPLE_RATE

Rows = NDArray[np.intp]
Floats = NDArray[np.float32]

WINDOW = 2 * FRAME_BYTES
BIN_HZ = SAMPLE_RATE / WINDOW
QUIET_DB = -90.0
"""Level that stands for digital silence, in dBFS."""
_DIGITAL_SILENCE = 12 / 32768  # A-law's smallest value is 8
_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
# Scaled so that the sum over all bins is the mean square of the windowed samples.
_SCALE = np.float32(2 / (WINDOW * (_HANN**2).sum()))
_VOICE = slice(round(200 / BIN_HZ), round(3400 / BIN_HZ) + 1)


@dataclass(frozen=True, slots=True)
class Frames:
    """One tick of n calls. `power`: (n, 161), mean square of each 25 Hz bin; `level`: (n,), dBFS of 200 to 3400 Hz;
    `empty`: (n,), frames of digital silence (a gap, or the far end sends nothing)."""

    power: Floats
    level: Floats
    empty: NDArray[np.bool_]


class Spectrum:
    """Keeps the previous frame of each call, so that windows overlap by half."""

    def __init__(self, capacity: int) -> None:
        self._previous = np.zeros((capacity, FRAME_BYTES), np.float32)

    def reset(self, slot: int) -> None:
        """Forget the call in `slot`."""
        self._previous[slot] = 0

    def last(self, rows: Rows) -> Floats:
        """The last 160 samples of the calls in `rows` (n,), for the concealment of lost frames: (n, 160)."""
        return self._previous[rows]

    def step(self, rows: Rows, samples: Floats) -> Frames:
        """Take the next 20 ms, `samples` (n, 160) with full scale 1, of the calls in slots `rows` (n,)."""
        window = np.concatenate([self._previous[rows], samples], axis=1)
        self._previous[rows] = samples
        spectrum = np.fft.rfft(window * _HANN, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2) * _SCALE
        level = 10 * np.log10(power[:, _VOICE].sum(1) + np.float32(10 ** (QUIET_DB / 10)))
        empty = np.abs(samples).max(1) < _DIGITAL_SILENCE
        return Frames(power.astype(np.float32, copy=False), level.astype(np.float32), empty)
