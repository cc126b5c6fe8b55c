"""Files: formats, bad ones, and the same verdicts as a live call."""

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from amd.detector import Detector
from amd.files import UnreadableError, classify, find, ulaw_from_wav
from amd.profile import BALANCED
from audio.g711 import ULAW_TO_LINEAR, encode_ulaw
from tests.amd.amd_signals import frames, silence, speech


def wav(body: bytes, tag: int = 7, channels: int = 1, rate: int = 8000, bits: int = 8) -> bytes:
    described = struct.pack("<HHIIHH", tag, channels, rate, rate * bits // 8, bits // 8, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + described + b"LIST" + struct.pack("<I", 3) + b"odd\0"
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def test_the_three_formats_are_read() -> None:
    samples = (np.sin(np.arange(800) / 7) * 8000).astype("<i2")
    pcm = ulaw_from_wav(wav(samples.tobytes(), 1, bits=16))
    assert pcm == encode_ulaw(samples)
    assert ulaw_from_wav(wav(pcm)) == pcm
    assert ulaw_from_wav(wav(b"\xd5" * 800, 6)) == b"\xfe" * 800
    assert ulaw_from_wav(wav(pcm)[:-300]) == pcm[:-300]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"hello, this is no sound at all", "not a WAV"),
        (wav(b"\xff" * 800, channels=2), "2 channels"),
        (wav(b"\xff" * 800, rate=16000), "16000 samples a second"),
        (wav(b"\xff" * 800, tag=3, bits=32), "format 3"),
        (wav(b""), "no sound"),
        (wav(b"\xff" * 800)[:30], "damaged format"),
        (wav(b"\xff" * 800)[:44], "no sound"),
        (wav(b"\xff" * 8000 * 601), "601 s long"),
    ],
)
def test_bad_files_are_named_with_the_reason(data: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=why):
        ulaw_from_wav(data)
    path = tmp_path / "bad.wav"
    path.write_bytes(data)
    assert [(f.path, f.verdict) for f in classify([path])] == [(path, None)]


def test_folders_are_searched_and_verdicts_are_those_of_a_live_call(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    expected = {}
    for i in range(5):
        sound = frames(silence(0.3 + 0.1 * i), speech(0.5 + 0.9 * i, seed=i), silence(2))
        path = tmp_path / "deep" / "er" / f"{i}.WAV"
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(8000)
            out.writeframes(ULAW_TO_LINEAR[np.frombuffer(b"".join(sound), np.uint8)].astype("<i2").tobytes())
        detector = Detector(BALANCED)
        for frame in sound:
            detector.feed(frame)
        expected[path] = detector.finish()
    (tmp_path / "notes.txt").write_text("no sound")
    gone = tmp_path / "gone.wav"
    found = list(classify(find([tmp_path, gone])))
    assert {f.path: f.verdict for f in found[:-1]} == expected
    assert found[-1].path == gone
    assert "No such file" in found[-1].problem
