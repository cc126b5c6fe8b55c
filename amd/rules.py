"""The rules (G 2.2): silence at pick-up, silence after the first utterance, tones - and a long greeting.

Readable, without a model, always there.
"""

import numpy as np
from numpy.typing import NDArray

from amd.cause import Code, cause
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
    """The verdict of a rule, with its cause."""
    if decision == OFF:
        return Verdict(Label.NOTSURE, cause(Code.OFF), 0)
    seconds = FRAME_MS / 1000
    speech, silence = float(timeline.speech[slot] * seconds), float(timeline.silence[slot] * seconds)
    if decision == LONG_GREETING:
        whole = timeline.utterances[slot] == 1
        code = Code.LONG_GREETING if whole else Code.LONG_GREETING_WITH_PAUSES
        return Verdict(Label.MACHINE, cause(code, speech=speech), ms)
    if decision == SILENCE_AFTER_UTTERANCE:
        return Verdict(Label.HUMAN, cause(Code.SILENCE_AFTER_SPEECH, silence=silence, speech=speech), ms)
    if decision == SILENCE_AT_PICKUP:
        return Verdict(profile.silence_at_pickup_is, cause(Code.SILENCE_AT_PICKUP, silence=silence), ms)
    return Verdict(Label.NOTSURE, cause(Code.TOO_LONG, seconds=ms / 1000), ms)
