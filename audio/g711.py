"""G.711 by tables (ITU-T G.711, as in RFC 3551 section 4.5.14): mu-law, A-law and linear samples.

Linear samples are on the 16-bit scale (mu-law spans +-32124, A-law +-32256), floats have full scale 1.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

SAMPLE_RATE: Final = 8000
FRAME_MS: Final = 20
FRAME_SAMPLES: Final = SAMPLE_RATE * FRAME_MS // 1000
FRAME_BYTES: Final = FRAME_SAMPLES  # one byte a sample
ULAW_SILENCE: Final = 0xFF
ALAW_SILENCE: Final = 0xD5
ULAW_SILENCE_FRAME: Final = bytes([ULAW_SILENCE]) * FRAME_SAMPLES
ALAW_SILENCE_FRAME: Final = bytes([ALAW_SILENCE]) * FRAME_SAMPLES

_ULAW_BIAS: Final = 0x84


def _expand_ulaw(code: int) -> int:
    code = ~code & 0xFF
    exponent = (code >> 4) & 7
    magnitude = (((code & 0x0F) << 3) + _ULAW_BIAS << exponent) - _ULAW_BIAS
    return -magnitude if code & 0x80 else magnitude


def _expand_alaw(code: int) -> int:
    code ^= 0x55
    exponent = (code >> 4) & 7
    magnitude = ((code & 0x0F) << 4) + 8
    if exponent:
        magnitude = magnitude + 0x100 << exponent - 1
    return magnitude if code & 0x80 else -magnitude


def _nearest_codes(levels: list[int]) -> npt.NDArray[np.uint8]:
    """For each of the 65,536 linear samples (index = sample as unsigned) the code of the nearest level."""
    order = np.argsort(np.array(levels), kind="stable")
    ordered = np.array(levels)[order]
    borders = (ordered[1:] + ordered[:-1]) / 2
    samples = np.arange(65536).astype(np.uint16).view(np.int16)
    codes: npt.NDArray[np.uint8] = order[np.searchsorted(borders, samples, side="left")].astype(np.uint8)
    return codes


ULAW_TO_LINEAR: Final[Samples] = np.array([_expand_ulaw(code) for code in range(256)], dtype=np.int16)
ALAW_TO_LINEAR: Final[Samples] = np.array([_expand_alaw(code) for code in range(256)], dtype=np.int16)
ULAW_TO_FLOAT: Final[npt.NDArray[np.float32]] = (ULAW_TO_LINEAR / np.float32(32768)).astype(np.float32)
LINEAR_TO_ULAW: Final = _nearest_codes(ULAW_TO_LINEAR.tolist())
LINEAR_TO_ALAW: Final = _nearest_codes(ALAW_TO_LINEAR.tolist())
LINEAR_TO_ULAW[0] = ULAW_SILENCE  # zero has two codes (+0, -0); silence is the positive one

# For bytes.translate: one C call a frame.
ALAW_TO_ULAW: Final = bytes(LINEAR_TO_ULAW[ALAW_TO_LINEAR.view(np.uint16)])
ULAW_TO_ALAW: Final = bytes(LINEAR_TO_ALAW[ULAW_TO_LINEAR.view(np.uint16)])


def decode_ulaw(data: bytes) -> Samples:
    """mu-law bytes -> int16 samples."""
    return ULAW_TO_LINEAR[np.frombuffer(data, dtype=np.uint8)]


def decode_alaw(data: bytes) -> Samples:
    """A-law bytes -> int16 samples."""
    return ALAW_TO_LINEAR[np.frombuffer(data, dtype=np.uint8)]


def encode_ulaw(samples: Samples) -> bytes:
    """int16 samples -> mu-law bytes."""
    return LINEAR_TO_ULAW[samples.astype(np.int16, copy=False).view(np.uint16)].tobytes()


def encode_alaw(samples: Samples) -> bytes:
    """int16 samples -> A-law bytes."""
    return LINEAR_TO_ALAW[samples.astype(np.int16, copy=False).view(np.uint16)].tobytes()


def alaw_to_ulaw(data: bytes) -> bytes:
    """A-law bytes -> mu-law bytes."""
    return data.translate(ALAW_TO_ULAW)


def ulaw_to_alaw(data: bytes) -> bytes:
    """mu-law bytes -> A-law bytes."""
    return data.translate(ULAW_TO_ALAW)
