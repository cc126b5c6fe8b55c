"""Tones are found and named, and speech is none."""

import pytest

from amd.detector import Detector
from amd.profile import BALANCED, Profile
from amd.verdict import Label, Verdict
from tests.amd.amd_signals import Sound, frames, noise, silence, speech, tone


def hear(*parts: Sound, profile: Profile = BALANCED, dither: float = -65.0) -> Verdict:
    detector = Detector(profile)
    found = [v for v in map(detector.feed, frames(*parts, dither=dither)) if v]
    return found[0] if found else detector.finish()


def cadence(*hz: float, on: float, off: float) -> list[Sound]:
    return [silence(0.4), *[tone(*hz, seconds=on), silence(off)] * 4]


@pytest.mark.parametrize(
    ("parts", "cause"),
    [
        ([silence(0.5), tone(1000, seconds=0.3), silence(2)], "beep of 1000 Hz"),
        ([silence(0.5), tone(440, seconds=0.12), silence(2)], "beep of 440 Hz"),
        ([silence(0.5), tone(1400, seconds=0.1), silence(2)], "beep of 1400 Hz"),
        (
            [silence(0.2), tone(950, seconds=0.33), tone(1400, seconds=0.33), tone(1800, seconds=0.33)],
            "special information tone",
        ),
        (
            [
                silence(0.2),
                tone(913.8, seconds=0.274),
                tone(1370.6, seconds=0.274),
                tone(1776.7, seconds=0.38),
            ],
            "special information tone",
        ),
        ([silence(0.5), tone(2100, seconds=3)], "fax answer tone (CED 2100 Hz)"),
        (cadence(1100, on=0.5, off=3), "fax calling tone (CNG 1100 Hz)"),
        (cadence(425, on=0.5, off=0.5), "busy tone (425 Hz)"),
        (cadence(480, 620, on=0.5, off=0.5), "busy tone (480 + 620 Hz)"),
        (cadence(425, on=1, off=4), "ring-back tone (425 Hz)"),
        (cadence(440, 480, on=2, off=4), "ring-back tone (two lines near 440 Hz)"),
        (cadence(400, 450, on=0.4, off=0.2), "ring-back tone (two lines near 440 Hz)"),
    ],
)
def test_each_tone_is_a_machine_and_has_its_name(parts: list[Sound], cause: str) -> None:
    verdict = hear(*parts)
    assert (verdict.label, verdict.cause) == (Label.MACHINE, cause)


def test_a_beep_after_a_short_greeting_is_a_machine() -> None:
    verdict = hear(silence(0.4), speech(1.2), silence(0.6), tone(1000, seconds=0.3), silence(2))
    assert verdict.label is Label.MACHINE
    assert verdict.cause.startswith("beep")


def test_a_tone_in_noise_is_found() -> None:
    assert hear(silence(0.5), tone(1000, seconds=0.4), silence(1), dither=-40).label is Label.MACHINE


def test_tones_can_be_left_out_of_the_decision() -> None:
    deaf = Profile("deaf", tones=False)
    assert hear(silence(0.5), tone(1000, seconds=0.3), silence(4), profile=deaf).label is not Label.MACHINE


def test_a_tone_that_the_end_of_the_call_cuts_off_counts() -> None:
    assert hear(silence(0.5), tone(1000, seconds=0.3)).label is Label.MACHINE


@pytest.mark.parametrize("seed", range(6))
def test_speech_and_noise_have_no_tones(seed: int) -> None:
    for sound in (speech(5, seed=seed), noise(5, -25, seed=seed)):
        assert "tone" not in hear(sound).cause
        assert "beep" not in hear(sound).cause


def test_mains_hum_is_no_tone() -> None:
    hum = sum((tone(50 * h, seconds=5, level=0.02 / h) for h in (3, 5, 7)), silence(5))
    assert not hear(hum).is_machine
