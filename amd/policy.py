"""When the trained detector decides: every 100 ms, once the probability of a machine is high or low enough."""

import numpy as np

from amd import rules
from amd.analysis import Analysis
from amd.cause import Code, cause
from amd.model import Model
from amd.profile import Profile
from amd.spectrum import Rows
from amd.verdict import Label, Verdict
from audio.g711 import FRAME_MS

EVERY_FRAMES = 5
FIRST_FRAME = 20
"""Nothing is asked of the trees before 0.4 s: there is no evidence yet."""
_KEPT = 80  # probabilities of the first 8 s are evidence
_EARLY_FRAMES, _LATE_FRAMES = 100, 225  # 2 and 4.5 s
_BY_PROFILE = ("machine_above", "machine_above_late", "machine_at_end", "human_below", "human_surely_below")
_BY_PROFILE_MS = ("human_silence_ms", "human_sure_silence_ms", "silence_at_pickup_ms", "longest_analysis_ms")


class Policy:
    """The thresholds of each call and the latest probability of a machine, (capacity,)."""

    def __init__(self, capacity: int, model: Model) -> None:
        self._trees = model.trees
        self._share = {name: np.zeros(capacity, np.float32) for name in _BY_PROFILE}
        self._frames = {name: np.zeros(capacity, np.int32) for name in _BY_PROFILE_MS}
        self.machine = np.full(capacity, 0.5, np.float32)
        self._curve = np.zeros((capacity, _KEPT), np.float16)

    def take(self, slot: int, profile: Profile) -> None:
        """Use `profile` for the call in `slot`."""
        self.machine[slot] = 0.5
        self._curve[slot] = 0
        for name, shares in self._share.items():
            shares[slot] = getattr(profile, name)
        for name, frames in self._frames.items():
            frames[slot] = getattr(profile, name) // FRAME_MS

    def decide(self, rows: Rows, analysis: Analysis) -> rules.Decisions:
        """The decision for each call in `rows`, or GOES_ON: (n,). A model must have been given to `analysis`."""
        assert analysis.trained
        line = analysis.timeline
        now = line.now[rows]
        due = (now % EVERY_FRAMES == 0) & (now >= FIRST_FRAME)
        decisions = np.zeros(len(rows), np.int8)
        asked = rows[due]
        if asked.size:
            table = analysis.trained.cues.table(asked, line)
            self.machine[asked] = self._trees.probability(table)
            place = np.minimum(line.now[asked] // EVERY_FRAMES, _KEPT) - 1
            self._curve[asked, place] = self.machine[asked]
            decisions[due] = self._judge(asked, analysis)
        too_long = (decisions == rules.GOES_ON) & (now >= self._frames["longest_analysis_ms"][rows])
        at_end = self.machine[rows] >= self._share["machine_at_end"][rows]
        decisions[too_long & at_end] = rules.MODEL_SAYS_MACHINE
        decisions[too_long & ~at_end] = rules.TOO_LONG
        return decisions

    def _judge(self, rows: Rows, analysis: Analysis) -> rules.Decisions:
        machine, line = self.machine[rows], analysis.timeline
        silence, spoke = line.silence[rows], line.utterances[rows] > 0
        silent = ~spoke & (silence >= self._frames["silence_at_pickup_ms"][rows])
        likely = machine <= self._share["human_below"][rows]
        surely = machine <= self._share["human_surely_below"][rows]
        person = (likely & (silence >= self._frames["human_silence_ms"][rows])) | (
            surely & (silence >= self._frames["human_sure_silence_ms"][rows])
        )
        early, late = self._share["machine_above"][rows], self._share["machine_above_late"][rows]
        part = (line.now[rows] - _EARLY_FRAMES) / (_LATE_FRAMES - _EARLY_FRAMES)
        above = early + (late - early) * np.clip(part, 0, 1)
        return np.select(
            [machine >= above, silent, spoke & person],
            [rules.MODEL_SAYS_MACHINE, rules.SILENCE_AT_PICKUP, rules.SILENCE_AFTER_UTTERANCE],
            rules.GOES_ON,
        ).astype(np.int8)

    def curve(self, slot: int, frames: int) -> list[float]:
        """The probabilities of the first `frames` frames of a call, one for each 100 ms."""
        return [round(float(p), 3) for p in self._curve[slot, : min(frames // EVERY_FRAMES, _KEPT)]]

    def verdict(self, slot: int, analysis: Analysis, ms: int) -> Verdict:
        """A machine by the model's probability, with what was heard as the cause."""
        line = analysis.timeline
        parts, percent = int(line.utterances[slot]), round(100 * float(self.machine[slot]))
        if not parts:
            return Verdict(Label.MACHINE, cause(Code.LIKE_A_RECORDING_WITHOUT_SPEECH, percent=percent), ms)
        speech = float(line.speech[slot] * FRAME_MS / 1000)
        if parts == 1:
            why = cause(Code.LIKE_A_RECORDING, speech=speech, percent=percent)
        else:
            why = cause(Code.LIKE_A_RECORDING_IN_PARTS, speech=speech, parts=parts, percent=percent)
        return Verdict(Label.MACHINE, why, ms)
