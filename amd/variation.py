"""More clips out of few: the same speech a little faster or slower, higher or lower. Needs librosa (extra `train`).

For installations that train on their own labelled calls, of which there are never enough: a detector must not learn the
pace of the few machines that it has heard.
"""

from importlib import import_module

import numpy as np

from amd.spectrum import Floats
from amd.training import FRAMES, Clips
from audio.g711 import FRAME_BYTES, SAMPLE_RATE, ULAW_TO_FLOAT, encode_ulaw

PACE = (0.9, 1.12)
"""Slowest and fastest, relative to the clip."""
SEMITONES = 2.0
"""Lower or higher by at most so much."""


def with_variations(clips: Clips, copies: int, seed: int) -> Clips:
    """The clips, and of each `copies` varied ones with the same label and speaker. Same seed, same variations."""
    rng = np.random.default_rng(seed)
    sounds, frames, voices, chosen = [], [], [], []
    for _ in range(copies):
        for i in range(len(clips)):
            pace, semitones = rng.uniform(*PACE), rng.uniform(-SEMITONES, SEMITONES)
            heard = clips.sound[i, : clips.frames[i] * FRAME_BYTES]
            varied = _quantised(vary(ULAW_TO_FLOAT[heard], pace, semitones))[: FRAMES * FRAME_BYTES]
            sound = np.full(FRAMES * FRAME_BYTES, 0xFF, np.uint8)
            sound[: len(varied)] = np.frombuffer(varied, np.uint8)
            sounds.append(sound)
            frames.append(len(varied) // FRAME_BYTES)
            if clips.voice is not None:
                at = (np.arange(FRAMES) * pace).astype(int)
                voices.append(np.where(at < FRAMES, clips.voice[i, at.clip(max=FRAMES - 1)], False))
            chosen.append(i)
    if not chosen:
        return clips
    return Clips(
        np.concatenate([clips.sound, np.stack(sounds)]),
        np.concatenate([clips.frames, np.array(frames, np.int32)]),
        np.concatenate([clips.machine, clips.machine[chosen]]),
        [*clips.speaker, *(clips.speaker[i] for i in chosen)],
        None if clips.voice is None else np.concatenate([clips.voice, np.stack(voices)]),
    )


def vary(samples: Floats, pace: float, semitones: float) -> Floats:
    """A sound (full scale 1, 8 kHz) at another pace and pitch."""
    effects = import_module("librosa.effects")
    slower: Floats = effects.time_stretch(samples.astype(np.float32), rate=pace, n_fft=512)
    moved: Floats = effects.pitch_shift(slower, sr=SAMPLE_RATE, n_steps=semitones, n_fft=512)
    return moved


def _quantised(samples: Floats) -> bytes:
    return encode_ulaw((samples * 32767).clip(-32768, 32767).astype(np.int16))
