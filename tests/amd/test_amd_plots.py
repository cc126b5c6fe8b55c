"""Pictures and WAV files of a sound, and what a campaign sets by itself."""

import struct
import zlib
from pathlib import Path

import numpy as np

from amd.files import read, wav_from_ulaw
from amd.plots import png, spectrogram, spectrogram_png, waveform
from amd.profile import BALANCED, PROTECT_PEOPLE, tailored
from amd.verdict import Label
from tests.amd.amd_signals import frames, silence, speech, tone


def test_a_tone_is_one_bright_line_at_its_height() -> None:
    picture = spectrogram(b"".join(frames(tone(1000, seconds=1.0))))
    assert picture.shape == (128, 100)
    brightest = np.unique(picture[:, 5:-5].argmax(0))
    assert [127 - int(row) for row in brightest] == [32]  # 1000 Hz in rows of 31.25 Hz, 0 Hz at the bottom


def test_silence_is_dark_and_speech_is_not() -> None:
    assert spectrogram(b"\xff" * 8000).max() == 0
    assert spectrogram(b"".join(frames(speech(1.0)))).max() > 150


def test_the_waveform_keeps_its_extremes() -> None:
    sound = b"".join(frames(silence(0.5), tone(500, seconds=0.5, level=0.5), dither=-90))
    parts = waveform(sound, 10)
    assert len(parts) == 10
    assert all(high - low < 0.01 for low, high in parts[:5])
    assert all(-0.6 < low < -0.4 and 0.4 < high < 0.6 for low, high in parts[5:])


def test_the_png_file_holds_the_pixels() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    file = png(pixels, bytes(range(256)) * 3)
    assert file.startswith(b"\x89PNG\r\n\x1a\n")
    at, found = 8, {}
    while at < len(file):
        size, kind = struct.unpack_from(">I4s", file, at)
        body = file[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", file, at + 8 + size)[0] == zlib.crc32(kind + body)
        found[kind] = body
        at += 12 + size
    assert list(found) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (4, 3, 8, 3, 0, 0, 0)
    rows = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(3, 5)
    assert (rows[:, 1:] == pixels).all()
    assert not rows[:, 0].any()


def test_a_sound_of_any_length_has_a_picture() -> None:
    for length in (0, 1, 79, 160, 161):
        assert spectrogram_png(b"\xff" * length).startswith(b"\x89PNG")
        assert len(waveform(b"\x80" * length, 50)) == 50


def test_the_wav_file_is_read_back_as_the_same_sound(tmp_path: Path) -> None:
    sound = bytes(range(256)) * 5
    path = tmp_path / "call.wav"
    path.write_bytes(wav_from_ulaw(sound))
    same = sound.replace(b"\x7f", b"\xff")  # mu-law has two zeros
    assert read(path) == same


def test_a_campaign_changes_what_it_names_and_nothing_else() -> None:
    assert tailored(PROTECT_PEOPLE) == PROTECT_PEOPLE
    found = tailored(
        BALANCED, silence_is=Label.MACHINE, longest_analysis_ms=2500, shortest_machine_call_ms=6000
    )
    assert (found.silence_at_pickup_is, found.longest_analysis_ms) == (Label.MACHINE, 2500)
    assert found.silence_at_pickup_ms == 2500  # a silent call is decided as the campaign says, not passed on
    assert found.shortest_machine_call_ms == 6000
    assert found.machine_above == BALANCED.machine_above
