"""Signals for the detector's tests: generated, never recorded."""

import numpy as np
from numpy.typing import NDArray

from audio.g711 import FRAME_BYTES, SAMPLE_RATE, encode_ulaw

Sound = NDArray[np.float64]


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * SAMPLE_RATE))


def tone(*hz: float, seconds: float, level: float = 0.2) -> Sound:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return sum((np.sin(2 * np.pi * f * t) for f in hz), np.zeros_like(t)) * level / len(hz)


def noise(seconds: float, dbfs: float, seed: int = 1) -> Sound:
    rng = np.random.default_rng(seed)
    return rng.standard_normal(round(seconds * SAMPLE_RATE)) * 10 ** (dbfs / 20)


def speech(seconds: float, level: float = 0.1, seed: int = 1) -> Sound:
    """Something with the traits of a voice: a gliding pitch with harmonics in three formants, four syllables a
    second, consonants of noise between them."""
    rng = np.random.default_rng(seed)
    n = round(seconds * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    pitch = 120 + 25 * np.sin(2 * np.pi * (0.9 * t + rng.random())) + 15 * np.sin(2 * np.pi * 3.1 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    sound = np.zeros(n)
    for harmonic in range(1, 26):
        hz = harmonic * pitch
        weight = sum(np.exp(-(((hz - f) / w) ** 2)) for f, w in ((500, 150), (1400, 250), (2500, 350)))
        sound += np.sin(harmonic * phase) * (weight + 0.05)
    syllable = 0.5 * (1 - np.cos(2 * np.pi * 4 * t))
    sound = sound * (0.15 + syllable) + rng.standard_normal(n) * 0.4 * (1 - syllable)
    return np.asarray(sound / np.sqrt((sound**2).mean()) * level)


def frames(*parts: Sound, dither: float = -70.0, seed: int = 9) -> list[bytes]:
    """The parts one after another as mu-law frames of 20 ms, over comfort noise of `dither` dBFS."""
    sound = np.concatenate(parts)
    sound = sound + noise(len(sound) / SAMPLE_RATE, dither, seed)[: len(sound)]
    data = encode_ulaw(np.clip(sound * 32767, -32768, 32767).astype(np.int16))
    return [data[i : i + FRAME_BYTES] for i in range(0, len(data) // FRAME_BYTES * FRAME_BYTES, FRAME_BYTES)]
