"""Voice activity by energy: a level above an adaptive noise floor. Needs no model."""

import numpy as np
from numpy.typing import NDArray

from amd.spectrum import QUIET_DB, Frames, Rows

Bools = NDArray[np.bool_]

ABOVE_FLOOR_DB = 9.0
BELOW_PEAK_DB = 24.0
LEAST_LEVEL_DB = -52.0
_FLOOR_FALLS = 0.5  # share of the way down in one frame
_FLOOR_RISES_DB = 0.06  # in one frame: 3 dB a second
_PEAK_FALLS_DB = 0.08
_HIGHEST_START_DB = -38.0  # who speaks from the first frame on must not become the floor


class EnergyVoice:
    """Speech is what is louder than the floor, and not much softer than the loudest of the last seconds.

    The floor follows dips at once and rises by 3 dB a second; digital silence does not move it, otherwise the noise
    between two gaps of a discontinuous transmission would be speech.
    """

    def __init__(self, capacity: int) -> None:
        self._floor = np.full(capacity, np.nan, np.float32)
        self._peak = np.full(capacity, QUIET_DB, np.float32)

    def reset(self, slot: int) -> None:
        """Forget the call in `slot`."""
        self._floor[slot] = np.nan
        self._peak[slot] = QUIET_DB

    def step(self, rows: Rows, frames: Frames) -> Bools:
        """Which of the calls in `rows` (n,) carry speech in this frame: (n,)."""
        level, floor = frames.level, self._floor[rows]
        start = np.isnan(floor) & ~frames.empty
        floor = np.where(start, np.minimum(level, _HIGHEST_START_DB), floor)
        lower = level < floor
        moved = np.where(lower, floor + _FLOOR_FALLS * (level - floor), floor + _FLOOR_RISES_DB)
        floor = np.where(frames.empty, floor, moved)
        peak = np.maximum(level, self._peak[rows] - _PEAK_FALLS_DB)
        self._floor[rows], self._peak[rows] = floor, peak
        threshold = np.maximum(np.maximum(floor + ABOVE_FLOOR_DB, peak - BELOW_PEAK_DB), LEAST_LEVEL_DB)
        speech: Bools = ~frames.empty & (level > np.nan_to_num(threshold, nan=0.0))
        return speech
