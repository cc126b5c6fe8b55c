"""When a call carried speech and when it did not, and the numbers that decisions are made of."""

import numpy as np
from numpy.typing import NDArray

from amd.spectrum import Rows
from audio.g711 import FRAME_MS

Ints = NDArray[np.int32]

ONSET_FRAMES = 3
"""Speech of less than 60 ms is a click."""
SAME_UTTERANCE_FRAMES = 12
"""A pause of up to 240 ms belongs to the utterance."""
LONGEST_FRAMES = 512
"""Frames of the timeline that are kept as evidence: 10 s."""


class Timeline:
    """Counts per call, all in frames of 20 ms, all of shape (capacity,)."""

    def __init__(self, capacity: int) -> None:

        def zeros() -> Ints:
            return np.zeros(capacity, np.int32)

        self.now = zeros()
        """Frames since the answer."""
        self.speech = zeros()
        """Frames of speech in all."""
        self.silence = zeros()
        """Frames since the last speech (since the answer, before the first)."""
        self.utterances = zeros()
        self.first_start = zeros()
        self.first_length = zeros()
        """Frames from start to end of the first utterance, while it lasts up to its last speech."""
        self.utterance_length = zeros()
        """The same for the latest utterance."""
        self.longest_pause = zeros()
        self.last_pause = zeros()
        """Frames of silence before the latest utterance, 0 before the first."""
        self._utterance_start = zeros()
        self._run = zeros()
        self._track = np.zeros((capacity, LONGEST_FRAMES), np.bool_)

    def reset(self, slot: int) -> None:
        """Forget the call in `slot`."""
        for counter in vars(self).values():
            counter[slot] = 0

    def step(self, rows: Rows, speech: NDArray[np.bool_]) -> None:
        """Take one frame of the calls in `rows`; `speech` (n,) says who speaks in it."""
        now = self.now[rows] + 1
        run = np.where(speech, self._run[rows] + 1, 0)
        onset, going_on = run == ONSET_FRAMES, run >= ONSET_FRAMES
        silence_before = self.silence[rows] - (ONSET_FRAMES - 1)
        count = self.utterances[rows]
        begins = onset & ((count == 0) | (silence_before > SAME_UTTERANCE_FRAMES))
        pause = np.where(begins & (count > 0), silence_before, 0)
        self.longest_pause[rows] = np.maximum(self.longest_pause[rows], pause)
        self.last_pause[rows] = np.where(begins & (count > 0), pause, self.last_pause[rows])
        start = np.where(begins, now - ONSET_FRAMES, self._utterance_start[rows])
        count = count + begins
        length = np.where(going_on, now - start, self.utterance_length[rows])
        first = going_on & (count == 1)
        self.first_start[rows] = np.where(begins & (count == 1), start, self.first_start[rows])
        self.first_length[rows] = np.where(first, length, self.first_length[rows])
        self.speech[rows] += np.where(onset, ONSET_FRAMES, going_on)
        self.silence[rows] = np.where(going_on, 0, self.silence[rows] + 1)
        self.now[rows], self._run[rows] = now, run
        self.utterances[rows], self.utterance_length[rows], self._utterance_start[rows] = count, length, start
        kept = now <= LONGEST_FRAMES
        self._track[rows[kept], now[kept] - 1] = speech[kept]

    def now_ms(self, rows: Rows) -> Ints:
        """Time since the answer in ms, (n,)."""
        return self.now[rows] * np.int32(FRAME_MS)

    def spans(self, slot: int) -> list[tuple[int, int]]:
        """Speech of one call as (start, end) in ms, the evidence that is shown with an attempt."""
        track = self._track[slot, : min(int(self.now[slot]), LONGEST_FRAMES)]
        edges = np.flatnonzero(np.diff(track.astype(np.int8), prepend=0, append=0)) * FRAME_MS
        return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
