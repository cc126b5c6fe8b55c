"""The rules (G 2.2): silence at pick-up, silence after the first utterance, tones - and a long greeting.

Readable, without a model, always there.
"""

import numpy as np
from numpy.typing import NDArray

from amd.profile import Profile
from amd.spectrum import Rows
from amd.timeline import Timeline
from amd.verdict import Label, Verdict
from audio.g711 import FRAME_MS

Decisions = NDArray[np.int8]

GOES_ON = 0
LONG_GREETING = 1
SILENCE_AFTER_UTTERANCE = 2
SILENCE_AT_PICKUP = 3
TOO_LONG = 4
TONE = 5
OFF = 6
MODEL_SAYS_MACHINE = 7


class Limits:
    """The parameters of each call's profile in frames, (capacity,)."""

    def __init__(self, capacity: int) -> None:
        self.speech_for_machine = np.zeros(capacity, np.int32)
        self.short_utterance = np.zeros(capacity, np.int32)
        self.silence_after_short = np.zeros(capacity, np.int32)
        self.silence_after_long = np.zeros(capacity, np.int32)
        self.silence_at_pickup = np.zeros(capacity, np.int32)
        self.longest_analysis = np.zeros(capacity, np.int32)

    def take(self, slot: int, profile: Profile) -> None:
        """Use `profile` for the call in `slot`."""
        for name, limits in vars(self).items():
            limits[slot] = getattr(profile, f"{name}_ms") // FRAME_MS


def decide(rows: Rows, timeline: Timeline, limits: Limits) -> Decisions:
    """The rule that holds for each call in `rows`, or GOES_ON: (n,)."""
    speech, silence = timeline.speech[rows], timeline.silence[rows]
    short = speech <= limits.short_utterance[rows]
    needed = np.where(short, limits.silence_after_short[rows], limits.silence_after_long[rows])
    spoke = timeline.utterances[rows] > 0
    return np.select(
        [
            speech >= limits.speech_for_machine[rows],
            spoke & (silence >= needed),
            ~spoke & (silence >= limits.silence_at_pickup[rows]),
            timeline.now[rows] >= limits.longest_analysis[rows],
        ],
        [LONG_GREETING, SILENCE_AFTER_UTTERANCE, SILENCE_AT_PICKUP, TOO_LONG],
        GOES_ON,
    ).astype(np.int8)


def verdict(decision: int, slot: int, timeline: Timeline, profile: Profile, ms: int) -> Verdict:
    """The verdict of a rule, with its cause in words."""
    if decision == OFF:
        return Verdict(Label.NOTSURE, "detection is off", 0)
    seconds = FRAME_MS / 1000
    speech, silence = timeline.speech[slot] * seconds, timeline.silence[slot] * seconds
    if decision == LONG_GREETING:
        pauses = "without a pause" if timeline.utterances[slot] == 1 else "with pauses"
        return Verdict(Label.MACHINE, f"{speech:.1f} s of speech {pauses}", ms)
    if decision == SILENCE_AFTER_UTTERANCE:
        return Verdict(Label.HUMAN, f"{silence:.1f} s of silence after {speech:.1f} s of speech", ms)
    if decision == SILENCE_AT_PICKUP:
        return Verdict(profile.silence_at_pickup_is, f"{silence:.1f} s of silence at pick-up", ms)
    return Verdict(Label.NOTSURE, f"no decision after {ms / 1000:.1f} s", ms)
