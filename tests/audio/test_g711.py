"""G.711 tables against the standard's anchor values, and round trips."""

import numpy as np

from audio import g711


def test_anchor_values_of_the_standard() -> None:
    ulaw = {0x00: -32124, 0x80: 32124, 0x7F: 0, 0xFF: 0, 0xFE: 8, 0xEF: 132}
    assert {code: g711.ULAW_TO_LINEAR[code] for code in ulaw} == ulaw
    alaw = {0x55: -8, 0xD5: 8, 0x2A: -32256, 0xAA: 32256}
    assert {code: g711.ALAW_TO_LINEAR[code] for code in alaw} == alaw


def test_every_code_survives_decode_and_encode() -> None:
    codes = bytes(range(256))
    assert g711.encode_alaw(g711.decode_alaw(codes)) == codes
    # mu-law has two zeros: 0x7F (negative) comes back as 0xFF (positive)
    assert g711.encode_ulaw(g711.decode_ulaw(codes)) == codes.replace(b"\x7f", b"\xff")


def test_zero_encodes_as_silence() -> None:
    zeros = np.zeros(g711.FRAME_SAMPLES, dtype=np.int16)
    assert g711.encode_ulaw(zeros) == g711.ULAW_SILENCE_FRAME
    assert set(g711.encode_alaw(zeros)) <= {0xD5, 0x55}


def test_encoding_error_stays_below_the_step_size() -> None:
    samples = np.arange(-32000, 32000, 7, dtype=np.int16)
    for encode, decode in ((g711.encode_ulaw, g711.decode_ulaw), (g711.encode_alaw, g711.decode_alaw)):
        back = decode(encode(samples)).astype(int)
        error = np.abs(back - samples)
        assert (error <= np.maximum(16, np.abs(samples.astype(int)) / 16 + 16)).all()


def test_alaw_silence_becomes_near_silence_in_ulaw() -> None:
    level = g711.decode_ulaw(g711.alaw_to_ulaw(g711.ALAW_SILENCE_FRAME))
    assert (np.abs(level) <= 8).all()
    assert len(g711.ulaw_to_alaw(g711.ULAW_SILENCE_FRAME)) == g711.FRAME_SAMPLES
