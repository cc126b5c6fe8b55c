"""The numbers that the trained detector looks at: when and how loudly somebody spoke.

Words and voices are left out on purpose: measured on the clips, spectra added nothing to timing, and a detector that
knows voices fails on new ones. Tones decide by themselves (`amd.tones`).
"""

import numpy as np
from numpy.typing import NDArray

from amd.spectrum import Floats, Frames, Rows
from amd.timeline import Timeline

SURE = 0.5
"""Probability of speech from which a frame counts as speech."""
_SHARES = np.array([1 / 12, 1 / 40, 1 / 120], np.float32)  # running means over about 0.24, 0.8 and 2.4 s
_FAR_DB = -60.0

NAMES = (
    "time", "speech", "silence", "utterances", "first_start", "first_length", "utterance_length", "longest_pause",
    "last_pause", "first_pause", "longest_utterance", "bursts", "probable_speech", "recent_short", "recent_middle",
    "recent_long", "level", "level_spread", "first_level", "utterance_level", "noise_level", "loudest",
    "level_now", "energy_speech", "energy_silence", "empty", "pitch",
    "peaked_speech", "peaked_rest", "start_level",
)  # fmt: skip
"""Names of the columns of `Cues.table`, in order."""


class Cues:
    """Running sums of each call; everything of shape (capacity,) in frames, dB or probabilities."""

    def __init__(self, capacity: int) -> None:
        def zeros() -> Floats:
            return np.zeros(capacity, np.float32)

        self.last_pause, self.first_pause, self.longest_utterance = zeros(), zeros(), zeros()
        self.bursts, self.probable, self._spoke = zeros(), zeros(), zeros()
        self.recent = np.zeros((capacity, len(_SHARES)), np.float32)
        self.level_sum, self.level_squares, self.voiced = zeros(), zeros(), zeros()
        self.first_level_sum, self.first_voiced = zeros(), zeros()
        self.utterance_level_sum, self.utterance_voiced = zeros(), zeros()
        self.noise_sum, self.noise_frames, self.loudest, self.level_now = zeros(), zeros(), zeros(), zeros()
        self.energy_speech, self.energy_silence, self.empty = zeros(), zeros(), zeros()
        self.pitch_sum, self.peaked_speech, self.peaked_rest, self.start_level = (
            zeros(),
            zeros(),
            zeros(),
            zeros(),
        )

    def reset(self, slot: int) -> None:
        """Forget the call in `slot`."""
        for sums in vars(self).values():
            sums[slot] = 0

    def step(
        self,
        rows: Rows,
        speech: Floats,
        frames: Frames,
        pitch: Floats,
        energetic: NDArray[np.bool_],
        line: Timeline,
    ) -> None:
        """Take one frame of the calls in `rows` (n,), after `line` has taken it.

        `speech`: probabilities, `pitch`: strength, `energetic`: speech by energy; each (n,).
        """
        level = np.maximum(frames.level, _FAR_DB)
        sure = speech >= SURE
        self.bursts[rows] += sure & (self._spoke[rows] == 0)
        self._spoke[rows] = sure
        self.probable[rows] += speech
        self.recent[rows] += (speech[:, None] - self.recent[rows]) * _SHARES
        self._levels(rows, level, sure, line)
        self._pauses(rows, line)
        self.energy_speech[rows] += energetic
        self.energy_silence[rows] = np.where(energetic, 0, self.energy_silence[rows] + 1)
        self.empty[rows] += frames.empty
        self.pitch_sum[rows] += np.where(sure, pitch, 0)
        strongest = frames.power.max(1) / (frames.power.sum(1) + 1e-12)
        self.peaked_speech[rows] += np.where(sure, strongest, 0)
        self.peaked_rest[rows] += np.where(sure | frames.empty, 0, strongest)
        early = line.now[rows] <= 5
        self.start_level[rows] = np.where(early, level, self.start_level[rows])

    def _levels(self, rows: Rows, level: Floats, sure: NDArray[np.bool_], line: Timeline) -> None:
        spoken = np.where(sure, level, 0)
        self.level_sum[rows] += spoken
        self.level_squares[rows] += spoken * spoken
        self.voiced[rows] += sure
        first = sure & (line.utterances[rows] <= 1)
        self.first_level_sum[rows] += np.where(first, level, 0)
        self.first_voiced[rows] += first
        self.utterance_level_sum[rows] = self.utterance_level_sum[rows] * np.float32(0.98) + spoken
        self.utterance_voiced[rows] = self.utterance_voiced[rows] * np.float32(0.98) + sure
        quiet = line.silence[rows] > 3
        self.noise_sum[rows] += np.where(quiet, level, 0)
        self.noise_frames[rows] += quiet
        self.loudest[rows] = np.where(
            line.now[rows] == 1, level, np.maximum(self.loudest[rows] - np.float32(0.02), level)
        )
        self.level_now[rows] += (level - self.level_now[rows]) * np.float32(0.2)

    def _pauses(self, rows: Rows, line: Timeline) -> None:
        pause, count = line.last_pause[rows], line.utterances[rows]
        self.last_pause[rows] = pause
        self.first_pause[rows] = np.where(count == 2, pause, self.first_pause[rows])
        self.longest_utterance[rows] = np.maximum(self.longest_utterance[rows], line.utterance_length[rows])

    def table(self, rows: Rows, line: Timeline) -> Floats:
        """One row per call, one column per entry of NAMES: (n, len(NAMES)). Times in frames, levels in dB relative
        to the speech where they would otherwise tell how loud the line is."""
        voiced, quiet = np.maximum(self.voiced[rows], 1), np.maximum(self.noise_frames[rows], 1)
        spoke = self.voiced[rows] > 0
        mean = np.where(spoke, self.level_sum[rows] / voiced, _FAR_DB)
        spread = np.sqrt(np.maximum(self.level_squares[rows] / voiced - mean * mean, 0))
        first = self.first_level_sum[rows] / np.maximum(self.first_voiced[rows], 1)
        latest = self.utterance_level_sum[rows] / np.maximum(self.utterance_voiced[rows], 1)
        now = line.now[rows]
        rest = np.maximum(now - self.voiced[rows] - self.empty[rows], 1)
        columns = [
            now, line.speech[rows], line.silence[rows], line.utterances[rows], line.first_start[rows],
            line.first_length[rows], line.utterance_length[rows], line.longest_pause[rows],
            self.last_pause[rows], self.first_pause[rows], self.longest_utterance[rows], self.bursts[rows],
            self.probable[rows], self.recent[rows, 0], self.recent[rows, 1], self.recent[rows, 2],
            mean, np.where(spoke, spread, 0), np.where(spoke, first - mean, 0), np.where(spoke, latest - mean, 0),
            self.noise_sum[rows] / quiet - mean, self.loudest[rows] - mean,
            self.level_now[rows] - mean, self.energy_speech[rows], self.energy_silence[rows], self.empty[rows],
            self.pitch_sum[rows] / voiced, self.peaked_speech[rows] / voiced, self.peaked_rest[rows] / rest,
            self.start_level[rows] - mean,
        ]  # fmt: skip
        return np.stack(columns, 1).astype(np.float32)
