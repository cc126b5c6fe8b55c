"""Pictures of a sound, with numpy and the standard library: what an attempt's page and training look at."""

import struct
import zlib
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from amd.spectrum import Floats
from audio.g711 import SAMPLE_RATE, ULAW_TO_FLOAT

WINDOW = 256
HOP = 80
"""A column every 10 ms, over 32 ms."""
LOUDEST_DB, SOFTEST_DB = -25.0, -85.0
"""Of one spectral line; louder ones have the last colour, softer ones the first."""
_ANCHORS = np.array(
    [(8, 20, 32), (14, 62, 86), (22, 122, 134), (96, 184, 120), (240, 208, 80), (255, 250, 230)], np.float64
)


def waveform(sound: bytes, columns: int) -> list[tuple[float, float]]:
    """Lowest and highest sample of each of `columns` equal parts of a mu-law sound, full scale 1."""
    samples = ULAW_TO_FLOAT[np.frombuffer(sound, np.uint8)]
    edges = np.linspace(0, len(samples), columns + 1).astype(int)
    parts = [samples[a : max(b, a + 1)] for a, b in pairwise(edges)]
    return [(float(part.min()), float(part.max())) if part.size else (0.0, 0.0) for part in parts]


def spectrogram(sound: bytes) -> NDArray[np.uint8]:
    """Loudness of a mu-law sound as 0 to 255: (WINDOW / 2 rows, 4000 Hz on top; a column for each 10 ms)."""
    samples = ULAW_TO_FLOAT[np.frombuffer(sound, np.uint8)]
    padded = np.pad(samples, (WINDOW // 2, WINDOW // 2 + HOP))
    starts = np.arange(0, max(len(samples), HOP), HOP)
    hann = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    windows = padded[starts[:, None] + np.arange(WINDOW)] * hann
    line = np.abs(np.fft.rfft(windows, axis=1))[:, : WINDOW // 2] / hann.sum()
    level: Floats = 20 * np.log10(line + 1e-6)
    share = (level - SOFTEST_DB) / (LOUDEST_DB - SOFTEST_DB)
    return (share.clip(0, 1) * 255).astype(np.uint8).T[::-1]


def spectrogram_png(sound: bytes) -> bytes:
    """The spectrogram in colours, dark to bright, as a PNG file."""
    return png(spectrogram(sound), palette())


def palette() -> bytes:
    """256 colours, three bytes each."""
    at = np.linspace(0, len(_ANCHORS) - 1, 256)
    columns = [np.interp(at, np.arange(len(_ANCHORS)), _ANCHORS[:, i]) for i in range(3)]
    return np.stack(columns, 1).round().astype(np.uint8).tobytes()


def png(pixels: NDArray[np.uint8], colours: bytes) -> bytes:
    """A PNG file of colour indices, (height, width). Format: W3C PNG, colour type 3."""
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", colours),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 6)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def seconds(sound: bytes) -> float:
    """How long a mu-law sound is."""
    return len(sound) / SAMPLE_RATE
