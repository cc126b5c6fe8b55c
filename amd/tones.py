"""Tones: voicemail beeps, special information tones, fax, busy and ring-back.

A vowel can hold most of its energy in one partial for 80 ms, so a high share of the energy is not enough: a tone also
keeps its frequency and its level from window to window.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amd.cause import Cause, Code, cause
from amd.spectrum import BIN_HZ, Floats, Frames, Rows
from audio.g711 import FRAME_MS

Bools = NDArray[np.bool_]
Ints = NDArray[np.int32]

_LOWEST_BIN = 13  # 325 Hz; mains hum and its harmonics stay below
_HIGHEST_BIN = 136  # 3400 Hz
_TOTAL_FROM = 4  # 100 Hz
_LOBE = 2  # a Hann window puts a steady line into five bins
_ONE_LINE = 0.98
_TWO_LINES = 0.985
_SECOND_LINE = 0.04  # of the first: 14 dB below
_SAME_HZ = 3.0
_SAME_DB = 1.5
_LEAST_DB = -48.0
# 440 + 480 and 400 + 450 Hz lie too close for a 40 ms window: they are one stretch of bins that beats.
_BEATING = slice(15, 21)
_BEATING_SHARE = 0.97
_BEATING_DB = 6.0

LEAST_WINDOWS = 3  # one line: 80 ms
LEAST_WINDOWS_TWO = 5
LEAST_WINDOWS_BEATING = 12
LONG_TONE_MS = 600
"""A tone is named after its end, or once it has lasted this long."""
SETTLED_MS = 100
"""Time after the end of a tone in which the next tone of a sequence would have begun."""

_NONE, _ONE, _TWO, _BEAT = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Tone:
    """One tone heard: frequencies in Hz (`other_hz` 0 where there is one line), start and length in ms."""

    hz: float
    other_hz: float
    start_ms: int
    length_ms: int
    beating: bool = False


@dataclass(frozen=True, slots=True)
class Lines:
    """What one window says, each (n,): frequency and share of the strongest line, of the two strongest, level."""

    hz: Floats
    other_hz: Floats
    share: Floats
    pair_share: Floats
    second: Floats
    beat_share: Floats
    level: Floats


def _lobe(power: Floats, centre: NDArray[np.intp]) -> Floats:
    around = centre[:, None] + np.arange(-_LOBE, _LOBE + 1)
    energy: Floats = np.take_along_axis(power, around, 1).sum(1)
    return energy


def _frequency(power: Floats, centre: NDArray[np.intp]) -> Floats:
    """Frequency of a line from the ratio of the two strongest bins, exact for one line in a Hann window."""
    three = np.sqrt(np.take_along_axis(power, centre[:, None] + np.arange(-1, 2), 1)) + 1e-12
    up = three[:, 2] > three[:, 0]
    ratio = np.where(up, three[:, 2], three[:, 0]) / three[:, 1]
    offset = (2 * ratio - 1) / (ratio + 1)
    return (BIN_HZ * (centre + np.where(up, offset, -offset))).astype(np.float32)


def find_lines(power: Floats) -> Lines:
    """Measure the strongest lines of each window; `power` (n, 161) as in `Frames`."""
    total = power[:, _TOTAL_FROM : _HIGHEST_BIN + 9].sum(1) + 1e-12
    rows = np.arange(len(power))
    first = power[:, _LOWEST_BIN:_HIGHEST_BIN].argmax(1) + _LOWEST_BIN
    near = _lobe(power, first)
    rest = power.copy()
    for shift in range(-_LOBE - 1, _LOBE + 2):
        rest[rows, first + shift] = 0
    second = rest[:, _LOWEST_BIN:_HIGHEST_BIN].argmax(1) + _LOWEST_BIN
    near_second = _lobe(rest, second)
    return Lines(
        hz=_frequency(power, first),
        other_hz=_frequency(rest, second),
        share=near / total,
        pair_share=(near + near_second) / total,
        second=near_second / (near + 1e-12),
        beat_share=power[:, _BEATING].sum(1) / total,
        level=(10 * np.log10(total)).astype(np.float32),
    )


class ToneFinder:
    """Follows the tones of each call."""

    KEPT = 6

    def __init__(self, capacity: int) -> None:
        self._kind = np.zeros(capacity, np.int8)
        self._windows = np.zeros(capacity, np.int32)
        self._hz = np.zeros((capacity, 2), np.float32)
        self._level = np.zeros(capacity, np.float32)
        self.sounding_ms = np.zeros(capacity, np.int32)
        """Length of the tone that sounds now, 0 if none: (capacity,)."""
        self.since_end_ms = np.full(capacity, -1, np.int32)
        """Time since the last tone ended, -1 before the first: (capacity,)."""
        self.longest_ms = np.zeros(capacity, np.int32)
        self.count = np.zeros(capacity, np.int32)
        self.keeps_latest = np.zeros(capacity, np.bool_)
        """Whose latest tones are kept instead of the first: (capacity,)."""
        self._heard: list[list[Tone]] = [[] for _ in range(capacity)]

    def reset(self, slot: int) -> None:
        """Forget the call in `slot`."""
        self._kind[slot] = _NONE
        for counter in (self._windows, self.sounding_ms, self.longest_ms, self.count):
            counter[slot] = 0
        self.since_end_ms[slot] = -1
        self.keeps_latest[slot] = False
        self._heard[slot] = []

    def step(self, rows: Rows, frames: Frames, now_ms: Ints) -> None:
        """Take one window of the calls in `rows`; `now_ms` (n,): time since the answer at its end."""
        lines = find_lines(frames.power)
        kind = self._classify(rows, lines)
        going_on = (kind != _NONE) & (kind == self._kind[rows]) & self._steady(rows, kind, lines)
        windows = np.where(going_on, self._windows[rows] + 1, (kind != _NONE).astype(np.int32))
        least = np.choose(kind, [1 << 20, LEAST_WINDOWS, LEAST_WINDOWS_TWO, LEAST_WINDOWS_BEATING])
        sounding = np.where(windows >= least, (windows + 1) * FRAME_MS, 0).astype(np.int32)
        before = self.sounding_ms[rows]
        ended = (before > 0) & (sounding == 0)
        for i in np.flatnonzero(ended):
            self._note_end(int(rows[i]), int(now_ms[i]), int(before[i]))
        since = self.since_end_ms[rows]
        self.since_end_ms[rows] = np.where(ended, 0, np.where(since >= 0, since + FRAME_MS, -1))
        self.count[rows] += (sounding > 0) & (before == 0)
        self.longest_ms[rows] = np.maximum(self.longest_ms[rows], sounding)
        self._kind[rows], self._windows[rows], self.sounding_ms[rows] = kind, windows, sounding
        self._level[rows] = lines.level
        self._hz[rows] = np.stack([lines.hz, lines.other_hz], 1)

    def _classify(self, rows: Rows, lines: Lines) -> NDArray[np.int8]:
        loud = lines.level > _LEAST_DB
        beats = loud & (lines.beat_share >= _BEATING_SHARE)
        one = loud & (lines.share >= _ONE_LINE)
        two = loud & (lines.pair_share >= _TWO_LINES) & (lines.second >= _SECOND_LINE)
        # A run of beating windows stays one although single windows of it may look like one line.
        stay = beats & (self._kind[rows] == _BEAT)
        return np.select([stay, one, two, beats], [_BEAT, _ONE, _TWO, _BEAT], _NONE).astype(np.int8)

    def _steady(self, rows: Rows, kind: NDArray[np.int8], lines: Lines) -> Bools:
        held = self._hz[rows]
        step_db = np.abs(lines.level - self._level[rows])
        one = (np.abs(lines.hz - held[:, 0]) < _SAME_HZ) & (step_db < _SAME_DB)
        straight = np.maximum(np.abs(lines.hz - held[:, 0]), np.abs(lines.other_hz - held[:, 1]))
        crossed = np.maximum(np.abs(lines.hz - held[:, 1]), np.abs(lines.other_hz - held[:, 0]))
        two = (np.minimum(straight, crossed) < _SAME_HZ) & (step_db < _SAME_DB)
        steady: Bools = np.choose(kind, [np.zeros_like(one), one, two, step_db < _BEATING_DB])
        return steady

    def _note_end(self, slot: int, now_ms: int, length_ms: int) -> None:
        heard = self._heard[slot]
        heard.append(self._tone(slot, now_ms - FRAME_MS, length_ms))
        if len(heard) > self.KEPT:
            del heard[0 if self.keeps_latest[slot] else -1]

    def _tone(self, slot: int, end_ms: int, length_ms: int) -> Tone:
        kind = self._kind[slot]
        hz, other = (float(x) for x in self._hz[slot])
        return Tone(hz, other if kind == _TWO else 0.0, end_ms - length_ms, length_ms, bool(kind == _BEAT))

    def heard(self, slot: int, now_ms: int) -> list[Tone]:
        """The first (or latest) tones of the call, the one that still sounds included."""
        tones = list(self._heard[slot])
        if self.sounding_ms[slot] and (len(tones) < self.KEPT or self.keeps_latest[slot]):
            tones.append(self._tone(slot, now_ms, int(self.sounding_ms[slot])))
        return tones

    def settled(self, rows: Rows) -> Bools:
        """Whose tone can be named: it ended a while ago, a second one sounds, or it is long; (n,)."""
        sounding, count = self.sounding_ms[rows], self.count[rows]
        settled: Bools = (
            (sounding >= LONG_TONE_MS)
            | ((sounding > 0) & (count > 1))
            | ((count > 0) & (sounding == 0) & (self.since_end_ms[rows] >= SETTLED_MS))
        )
        return settled


_SIT_LOW = (913.8, 950.0, 985.2)
_SIT_MID = (1370.6, 1400.0, 1428.5)


BUSY_PAIR = (480.0, 620.0)
RINGBACK_LOW, RINGBACK_HIGH = (400.0, 440.0), (450.0, 480.0)


def near(hz: float, *of: float, within: float = 12.0) -> bool:
    """Whether a frequency is within so many Hz of one of others."""
    return any(abs(hz - f) <= within for f in of)


def name_tones(tones: list[Tone]) -> Cause:
    """What a sequence of tones is. Frequencies: ITU-T E.180 and Q.35, T.30 for fax."""
    if not tones:
        return cause(Code.TONE)
    first = tones[0]
    pair = sorted((first.hz, first.other_hz))
    if len(tones) > 1 and near(first.hz, *_SIT_LOW) and near(tones[1].hz, *_SIT_MID):
        return cause(Code.SPECIAL_INFORMATION_TONE)
    if near(first.hz, 2100) and first.length_ms >= 400:
        return cause(Code.FAX_ANSWER)
    if near(first.hz, 1100) and first.length_ms >= 400:
        return cause(Code.FAX_CALLING)
    if near(pair[0], BUSY_PAIR[0]) and near(pair[1], BUSY_PAIR[1]):
        return cause(Code.BUSY_TWO_LINES)
    if first.beating or (near(pair[0], *RINGBACK_LOW) and near(pair[1], *RINGBACK_HIGH)):
        return cause(Code.RINGBACK_TWO_LINES)
    if near(first.hz, 425):
        return cause(Code.RINGBACK if first.length_ms >= LONG_TONE_MS else Code.BUSY)
    return cause(Code.BEEP, hz=round(first.hz))
