"""What is heard before the answer, by kind: tones as the networks send them, speech, and ring-back that is neither."""

from itertools import chain, repeat
from pathlib import Path

import pytest

from amd.early_media import EarlyKind, EarlyMedia
from amd.engine import Engine
from tests.amd.amd_signals import Sound, frames, noise, silence, speech, tone

RECORDINGS = Path(__file__).parents[2] / "telephony" / "demo_pbx" / "sounds"


def hear(*sounds: list[bytes], rules_only: bool = False) -> list[tuple[EarlyMedia | None, int]]:
    """Of each sound the finding at its end, and how often something was told on the way; all side by side."""
    engine = Engine(len(sounds), rules_only=rules_only)
    slots = {engine.open_early(): sound for sound in sounds}
    told = dict.fromkeys(slots, 0)
    for at in range(max(map(len, sounds))):
        for slot, sound in slots.items():
            engine.push(slot, sound[at] if at < len(sound) else None)
        assert engine.tick() == []  # nothing is decided before the answer
        for slot, _ in engine.early_news():
            told[slot] += 1
    return [(engine.early(slot), told[slot]) for slot in slots]


def kinds(*sounds: list[bytes], rules_only: bool = False) -> list[tuple[EarlyKind | None, int]]:
    return [(found.kind if found else None, told) for found, told in hear(*sounds, rules_only=rules_only)]


def recording(name: str) -> list[bytes]:
    data = (RECORDINGS / f"{name}.ulaw").read_bytes()
    return [data[i : i + 160] for i in range(0, len(data) - 159, 160)]


def sit(first: float, second: float, third: float, *lengths: float) -> list[Sound]:
    return [tone(hz, seconds=s) for hz, s in zip((first, second, third), lengths, strict=True)]


def cadence(hz: tuple[float, ...], on: float, off: float, times: int) -> list[Sound]:
    return list(chain.from_iterable(repeat((tone(*hz, seconds=on), silence(off)), times)))


SITS = [
    (EarlyKind.SIT_INTERCEPT, (913.8, 1370.6, 1776.7, 0.274, 0.274, 0.38)),
    (EarlyKind.SIT_VACANT_CODE, (985.2, 1370.6, 1776.7, 0.38, 0.274, 0.38)),
    (EarlyKind.SIT_REORDER, (913.8, 1428.5, 1776.7, 0.274, 0.38, 0.38)),
    (EarlyKind.SIT_REORDER, (985.2, 1370.6, 1776.7, 0.274, 0.38, 0.38)),
    (EarlyKind.SIT_NO_CIRCUIT, (985.2, 1428.5, 1776.7, 0.38, 0.38, 0.38)),
    (EarlyKind.SIT_NO_CIRCUIT, (913.8, 1370.6, 1776.7, 0.38, 0.38, 0.38)),
    (EarlyKind.SIT, (950, 1400, 1800, 0.33, 0.33, 0.33)),
]


def test_a_special_information_tone_tells_why_by_its_segments() -> None:
    sounds = [frames(silence(0.3), *sit(*segments), silence(0.5)) for _, segments in SITS]
    assert kinds(*sounds) == [(kind, 1) for kind, _ in SITS]
    announced = [sound + recording("machine-1") for sound in sounds]
    found = hear(*announced)
    assert [(one and one.kind, told) for one, told in found] == [(kind, 2) for kind, _ in SITS]
    assert all(one and "s of speech" in str(one.why) for one, _ in found)


CADENCES = [
    (EarlyKind.RINGBACK, (425.0,), 1.0, 4.0),
    (EarlyKind.RINGBACK, (440.0, 480.0), 2.0, 4.0),
    (EarlyKind.RINGBACK, (400.0, 450.0), 0.4, 0.2),
    (EarlyKind.BUSY, (425.0,), 0.5, 0.5),
    (EarlyKind.BUSY, (400.0,), 0.375, 0.375),
    (EarlyKind.BUSY, (480.0, 620.0), 0.5, 0.5),
    (EarlyKind.CONGESTION, (480.0, 620.0), 0.25, 0.25),
    (EarlyKind.CONGESTION, (425.0,), 0.25, 0.25),
]


@pytest.mark.parametrize("rules_only", [False, True])
def test_the_tones_of_the_network_are_told_apart_and_never_taken_for_speech(rules_only: bool) -> None:
    sounds = [frames(*cadence(hz, on, off, round(15 / (on + off)))) for _, hz, on, off in CADENCES]
    assert kinds(*sounds, rules_only=rules_only) == [(kind, 0) for kind, *_ in CADENCES]


@pytest.mark.parametrize("rules_only", [False, True])
def test_recorded_speech_is_an_announcement_and_told_once_also_after_ringing(rules_only: bool) -> None:
    spoken = [recording(f"machine-{n}") for n in (1, 2, 3)]
    ringing = frames(*cadence((425.0,), 1.0, 4.0, 2))
    found = kinds(*spoken, ringing + spoken[0], rules_only=rules_only)
    assert found == [(EarlyKind.ANNOUNCEMENT, 1)] * 4


def test_a_busy_tone_after_long_ringing_counts() -> None:
    ringing = cadence((425.0,), 1.0, 1.0, 9)
    assert kinds(frames(*ringing, *cadence((425.0,), 0.5, 0.5, 8))) == [(EarlyKind.BUSY, 0)]


def test_silence_noise_and_gaps_are_nothing() -> None:
    quiet, hiss = frames(silence(3)), frames(noise(6, -45), silence(1))
    assert kinds(quiet, hiss) == [(None, 0), (None, 0)]
    engine = Engine(1)
    slot = engine.open_early()
    for _ in range(200):
        assert engine.tick() == []
    assert engine.early(slot) is None


def test_what_came_before_the_answer_is_no_part_of_the_analysis_after_it() -> None:
    """A SIT before the answer must not make a machine of the person who picks up."""
    sound = frames(*sit(950, 1400, 1800, 0.33, 0.33, 0.33), silence(1))
    person = frames(silence(0.5), speech(0.5), silence(3))
    engine, fresh = Engine(1), Engine(1)
    early = engine.open_early()
    for frame in sound:
        engine.push(early, frame)
        engine.tick()
    engine.close(early)
    slot, other = engine.open(), fresh.open()
    told = []
    for frame in person:
        engine.push(slot, frame)
        fresh.push(other, frame)
        told.append((engine.tick(), fresh.tick()))
    assert all(a == b for a, b in told)
    assert engine.finish(slot) == fresh.finish(other)
    assert not engine.finish(slot).is_machine
