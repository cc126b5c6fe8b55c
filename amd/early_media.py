"""What is heard before the answer: ring-back, busy, special information tones, announcements (RFC 3960 early media).

It tells what the network's answer often hides: a vacant number that ends as 480, a busy line that ends as 603.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amd.analysis import Analysis
from amd.cause import Cause, Code, cause
from amd.spectrum import Rows
from amd.tones import BUSY_PAIR, RINGBACK_HIGH, RINGBACK_LOW, Tone, near
from audio.g711 import FRAME_MS

ANNOUNCEMENT_MS = 1200
"""So much speech before the answer is an announcement; the edges of tones may look like a little of it."""
_RUN_FRAMES = 15  # 0.3 s: speech counts from there on; what begins a tone is never so long
_PAUSE_FRAMES = 12
_LONGEST_GAP_MS = 120  # between the tones of one SIT; Q.35 wants 30 ms
_SIT_SHORTEST_MS, _SIT_LONGEST_MS = 200, 480
_LONG_SEGMENT_MS = 327  # halfway between 274 and 380 ms
_FAST_MS, _RINGING_MS = 310, 600


class EarlyKind(StrEnum):
    """What was heard; the values are stored with attempts."""

    RINGBACK = "RINGBACK"
    BUSY = "BUSY"
    CONGESTION = "CONGESTION"
    SIT_VACANT_CODE = "SIT_VACANT_CODE"
    SIT_INTERCEPT = "SIT_INTERCEPT"
    SIT_REORDER = "SIT_REORDER"
    SIT_NO_CIRCUIT = "SIT_NO_CIRCUIT"
    SIT = "SIT"
    ANNOUNCEMENT = "ANNOUNCEMENT"
    TONE = "TONE"

    @property
    def is_sit(self) -> bool:
        return self.value.startswith("SIT")


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """One finding with the numbers behind it."""

    kind: EarlyKind
    why: Cause

    def as_json(self) -> dict[str, Any]:
        return {"kind": str(self.kind), "why": self.why.as_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "EarlyMedia":
        return cls(EarlyKind(value["kind"]), Cause.from_json(value["why"]))


# First and second segment: low or high in frequency, then short or long. The third is 1776.7 Hz and long. As the
# North American network codes it (AT&T, Bellcore); elsewhere 950, 1400, 1800 Hz say nothing more (ITU-T Q.35).
_SIT_CODES = {
    "LLSS": EarlyKind.SIT_INTERCEPT,
    "HLLS": EarlyKind.SIT_VACANT_CODE,
    "LHSL": EarlyKind.SIT_REORDER,
    "HLSL": EarlyKind.SIT_REORDER,
    "HHLL": EarlyKind.SIT_NO_CIRCUIT,
    "LLLL": EarlyKind.SIT_NO_CIRCUIT,
}


def find_sit(tones: Sequence[Tone]) -> tuple[EarlyKind, tuple[Tone, Tone, Tone]] | None:
    """The first special information tone among `tones`, and its three segments."""
    for three in zip(tones, tones[1:], tones[2:], strict=False):
        low, mid, high = three
        if (
            near(low.hz, 950, within=55)
            and near(mid.hz, 1400, within=55)
            and near(high.hz, 1788, within=40)
            and all(_SIT_SHORTEST_MS <= t.length_ms <= _SIT_LONGEST_MS for t in (low, mid))
            and all(b.start_ms - a.start_ms - a.length_ms <= _LONGEST_GAP_MS for a, b in pairwise(three))
        ):
            return _sit_kind(low, mid), (low, mid, high)
    return None


def _sit_kind(low: Tone, mid: Tone) -> EarlyKind:
    pitch = [_step(low.hz, 913.8, 985.2), _step(mid.hz, 1370.6, 1428.5)]
    length = ["L" if t.length_ms > _LONG_SEGMENT_MS else "S" for t in (low, mid)]
    return _SIT_CODES.get("".join(pitch + length), EarlyKind.SIT)


def _step(hz: float, low: float, high: float) -> str:
    if near(hz, low):
        return "L"
    return "H" if near(hz, high) else "?"


def name_cadence(tones: Sequence[Tone]) -> EarlyMedia | None:
    """Ring-back, busy or congestion by frequency and by how long the tones last (ITU-T E.180 and its supplement 2)."""
    if not tones:
        return None
    tone = sorted(tones, key=lambda t: t.length_ms)[len(tones) // 2]  # the first may be cut, the last goes on
    pair = sorted((tone.hz, tone.other_hz))
    numbers = cause(Code.CADENCE, hz=round(tone.hz), on=tone.length_ms)
    if near(pair[0], BUSY_PAIR[0]) and near(pair[1], BUSY_PAIR[1]):
        return EarlyMedia(_busy(tone), numbers)
    if tone.beating or (near(pair[0], *RINGBACK_LOW) and near(pair[1], *RINGBACK_HIGH)):
        return EarlyMedia(EarlyKind.RINGBACK, numbers)
    if near(tone.hz, 400, 425, 450):
        kind = EarlyKind.RINGBACK if tone.length_ms >= _RINGING_MS else _busy(tone)
        return EarlyMedia(kind, numbers)
    return EarlyMedia(EarlyKind.TONE, numbers)


def _busy(tone: Tone) -> EarlyKind:
    return EarlyKind.CONGESTION if tone.length_ms <= _FAST_MS else EarlyKind.BUSY


class EarlyEars:
    """What `capacity` calls have said so far, beside the analysis that hears it."""

    def __init__(self, capacity: int) -> None:
        self._run = np.zeros(capacity, np.int32)
        self._spoken = np.zeros(capacity, np.int32)
        self._sit: dict[int, tuple[EarlyKind, tuple[Tone, Tone, Tone]]] = {}
        self._tones_seen = np.zeros(capacity, np.int32)
        self._told = np.zeros(capacity, np.int8)

    def reset(self, slot: int) -> None:
        """Forget the call in `slot`."""
        for counter in (self._run, self._spoken, self._tones_seen, self._told):
            counter[slot] = 0
        self._sit.pop(slot, None)

    def step(self, rows: Rows, speech: NDArray[np.bool_], analysis: Analysis) -> list[int]:
        """Take the frame that `analysis` has just heard of the calls in `rows` (n,); `speech` (n,) says who speaks.

        Returns the slots where a special information tone or an announcement was recognised now, each once for each.
        """
        tones, line = analysis.tones, analysis.timeline
        quiet = (tones.sounding_ms[rows] > 0) | (line.silence[rows] > _PAUSE_FRAMES)
        run = np.where(quiet, 0, self._run[rows] + speech)
        self._spoken[rows] += np.select(
            [run > _RUN_FRAMES, run == _RUN_FRAMES], [speech, _RUN_FRAMES * speech], 0
        )
        self._run[rows] = run
        told = self._told[rows]
        heard = self._spoken[rows] * FRAME_MS >= ANNOUNCEMENT_MS
        ended = (tones.count[rows] > self._tones_seen[rows]) & (tones.sounding_ms[rows] == 0)
        news = np.zeros(len(rows), np.bool_)
        for i in np.flatnonzero(ended).tolist():
            slot = int(rows[i])
            self._tones_seen[slot] = tones.count[slot]
            if slot not in self._sit and (
                found := find_sit(tones.heard(slot, int(line.now[slot]) * FRAME_MS))
            ):
                self._sit[slot] = found
                news[i] = True
        news |= heard & (told == 0)
        self._told[rows] = np.where(heard, 1, told)
        return [int(slot) for slot in rows[news]]

    def found(self, slot: int, analysis: Analysis) -> EarlyMedia | None:
        """The most telling thing heard in a call so far; None for silence and noise."""
        spoken_ms = int(self._spoken[slot]) * FRAME_MS
        if sit := self._sit.get(slot):
            kind, segments = sit
            first, second, third = (round(t.hz) for t in segments)
            if spoken_ms < ANNOUNCEMENT_MS:
                return EarlyMedia(kind, cause(Code.THREE_TONES, first=first, second=second, third=third))
            seconds = spoken_ms / 1000
            why = cause(Code.THREE_TONES_AND_SPEECH, first=first, second=second, third=third, speech=seconds)
            return EarlyMedia(kind, why)
        now_ms = int(analysis.timeline.now[slot]) * FRAME_MS
        cadence = name_cadence(analysis.tones.heard(slot, now_ms))
        if cadence and cadence.kind in (EarlyKind.BUSY, EarlyKind.CONGESTION):
            return cadence
        if spoken_ms >= ANNOUNCEMENT_MS:
            return EarlyMedia(EarlyKind.ANNOUNCEMENT, cause(Code.SPEECH, speech=spoken_ms / 1000))
        return cadence
