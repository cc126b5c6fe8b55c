"""Varied copies of training clips. librosa is in the extra `train`; without it a stand-in only changes the pace."""

import numpy as np
import pytest

from amd import variation
from amd.spectrum import Floats
from amd.training import FRAMES, Clips
from amd.variation import vary, with_variations
from audio.g711 import FRAME_BYTES, ULAW_TO_FLOAT
from tests.amd.amd_signals import frames, silence, tone


def clips(with_voice: bool = True) -> Clips:
    heard = b"".join(frames(silence(1.0), tone(500, seconds=1.0)))
    sound = np.full((2, FRAMES * FRAME_BYTES), 0xFF, np.uint8)
    sound[:, : len(heard)] = np.frombuffer(heard, np.uint8)
    voice = np.zeros((2, FRAMES), np.bool_)
    voice[:, 50:100] = True
    return Clips(
        sound,
        np.array([100, 100], np.int32),
        np.array([True, False]),
        ["one", "other"],
        voice if with_voice else None,
    )


@pytest.fixture
def pace_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def stretch(samples: Floats, pace: float, semitones: float) -> Floats:
        at = np.arange(0, len(samples), pace).astype(int)
        changed: Floats = samples[at[at < len(samples)]]
        return changed

    monkeypatch.setattr(variation, "vary", stretch)


@pytest.mark.usefixtures("pace_only")
def test_copies_keep_label_and_speaker_and_move_the_marks_of_speech() -> None:
    found = with_variations(clips(), 2, seed=3)
    assert len(found) == 6
    assert found.machine.tolist() == [True, False] * 3
    assert found.speaker == ["one", "other"] * 3
    assert found.voice is not None
    for i in range(2, 6):
        ratio = found.frames[i] / 100
        assert 1 / 1.13 < ratio < 1 / 0.89
        marked = np.flatnonzero(found.voice[i])
        assert marked[0] == pytest.approx(50 * ratio, abs=2)
        assert marked[-1] == pytest.approx(100 * ratio, abs=3)
        loud = np.abs(ULAW_TO_FLOAT[found.sound[i]]).reshape(FRAMES, FRAME_BYTES).max(1) > 0.05
        assert np.flatnonzero(loud)[0] == pytest.approx(marked[0], abs=2)


@pytest.mark.usefixtures("pace_only")
def test_the_same_seed_varies_alike_and_no_copies_change_nothing() -> None:
    one, same, other = (with_variations(clips(with_voice=False), 1, seed=s) for s in (1, 1, 2))
    assert (one.sound == same.sound).all()
    assert (one.sound != other.sound).any()
    assert one.voice is None
    original = clips()
    assert with_variations(original, 0, seed=1) is original


def test_librosa_changes_pace_and_pitch() -> None:
    pytest.importorskip("librosa", reason="in the extra `train`")
    t = np.arange(16000) / 8000
    slow = vary(np.sin(2 * np.pi * 500 * t).astype(np.float32) * 0.3, pace=0.9, semitones=2.0)
    assert len(slow) == pytest.approx(16000 / 0.9, abs=200)
    peak = np.abs(np.fft.rfft(slow)).argmax() * 8000 / len(slow)
    assert peak == pytest.approx(500 * 2 ** (2 / 12), rel=0.02)
