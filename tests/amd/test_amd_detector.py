"""The detector as a caller sees it: frames in, one verdict out."""

import json

import numpy as np
import pytest

from amd.detector import Detector
from amd.engine import Engine, EngineFullError
from amd.profile import BALANCED, FAST, OFF, PROFILES, PROTECT_PEOPLE, Profile
from amd.verdict import Label, Verdict
from audio.g711 import ULAW_SILENCE_FRAME
from tests.amd.amd_signals import Sound, frames, noise, silence, speech, tone


def hear(*parts: Sound, profile: Profile = BALANCED, lost: set[int] | None = None) -> Verdict:
    """By the rules: a generated buzz is no voice to a network that has learnt voices."""
    detector = Detector(profile, rules_only=True)
    for i, frame in enumerate(frames(*parts)):
        found = detector.feed(None if i in (lost or set()) else frame)
        if found:
            return found
    return detector.finish()


def test_a_hello_and_silence_is_a_person() -> None:
    verdict = hear(silence(0.5), speech(0.5), silence(4))
    assert verdict.label is Label.HUMAN
    assert 1500 <= verdict.decision_ms <= 3000


def test_a_long_greeting_is_a_machine() -> None:
    verdict = hear(silence(0.5), speech(7))
    assert verdict.label is Label.MACHINE
    assert verdict.is_machine
    assert 2500 <= verdict.decision_ms <= 6000


def test_silence_at_pickup_counts_as_the_profile_says() -> None:
    assert hear(silence(8)).label is Label.HUMAN
    assert hear(silence(8), profile=Profile("x", silence_at_pickup_is=Label.MACHINE)).label is Label.MACHINE


def test_no_rtp_at_all_is_silence_at_pickup_and_ends_in_time() -> None:
    detector = Detector(BALANCED)
    verdicts = [v for v in (detector.feed(None) for _ in range(400)) if v]
    assert [v.label for v in verdicts] == [Label.HUMAN]
    assert verdicts[0].decision_ms <= BALANCED.silence_at_pickup_ms + 100


def test_a_gap_after_the_greeting_is_silence() -> None:
    greeting = frames(silence(0.4), speech(0.5))
    detector = Detector(BALANCED)
    found = [v for v in map(detector.feed, [*greeting, *[None] * 300]) if v]
    assert [v.label for v in found] == [Label.HUMAN]
    assert found[0].decision_ms <= len(greeting) * 20 + 1800


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: p.name)
def test_a_verdict_falls_within_the_longest_analysis_whatever_is_heard(profile: Profile) -> None:
    for seed, sound in enumerate((noise(9, -20), speech(9), noise(9, -45), np.tile(silence(0.1), 90))):
        found = [v for v in map(Detector(profile).feed, frames(sound, seed=seed)) if v]
        assert len(found) == 1
        assert found[0].decision_ms <= profile.longest_analysis_ms


def test_steady_noise_is_no_machine() -> None:
    for dbfs in (-50, -35, -25):
        assert not hear(noise(9, dbfs)).is_machine


def test_off_says_not_sure_at_once() -> None:
    verdict = hear(tone(1000, seconds=2), profile=OFF)
    assert (verdict.label, verdict.decision_ms) == (Label.NOTSURE, 0)
    assert Detector(OFF).finish().label is Label.NOTSURE


def test_the_verdict_is_returned_once_and_kept() -> None:
    detector = Detector(FAST)
    found = [detector.feed(frame) for frame in frames(silence(0.3), speech(0.5), silence(6))]
    verdicts = [v for v in found if v]
    assert len(verdicts) == 1
    assert detector.finish() == verdicts[0]


def test_finish_before_any_frame() -> None:
    assert Detector(BALANCED).finish().decision_ms == 0


def test_odd_frame_sizes_give_the_verdict_of_whole_frames() -> None:
    whole = frames(silence(0.5), speech(0.5), silence(4))
    data = b"".join(whole)
    expected = [v for v in map(Detector(BALANCED).feed, whole) if v]
    for size in (80, 240, 1, 161, 1000, 9000):
        if size == 1:
            data = data[:20000]
        detector = Detector(BALANCED)
        pieces = (data[i : i + size] for i in range(0, len(data), size))
        assert [v for v in map(detector.feed, pieces) if v] == expected


def test_lost_frames_change_little() -> None:
    rng = np.random.default_rng(4)
    for parts, label in (
        ((silence(0.5), speech(0.6), silence(5)), Label.HUMAN),
        ((silence(0.5), speech(8)), Label.MACHINE),
    ):
        lost = set(np.flatnonzero(rng.random(500) < 0.05).tolist())
        assert hear(*parts, lost=lost).label is label


def test_digital_silence_between_words_does_not_turn_noise_into_speech() -> None:
    detector = Detector(BALANCED)
    sound = frames(silence(0.5), speech(0.4), silence(5), dither=-48)
    gaps = [ULAW_SILENCE_FRAME if i % 50 > 25 and i > 50 else f for i, f in enumerate(sound)]
    found = [v for v in map(detector.feed, gaps) if v]
    assert found[0].label is Label.HUMAN


def scenes() -> list[list[bytes | None]]:
    rng = np.random.default_rng(7)
    out: list[list[bytes | None]] = []
    for i in range(12):
        parts = [
            (silence(0.2 + 0.1 * (i % 5)), speech(0.3 + 0.4 * (i % 9), seed=i), silence(4)),
            (noise(1, -40, seed=i), speech(5, seed=i)),
            (silence(1 + 0.1 * i), tone(400 + 40 * i, seconds=0.3), silence(4)),
        ][i % 3]
        some: list[bytes | None] = list(frames(*parts, seed=i))
        out.append([None if rng.random() < 0.03 else f for f in some])
    return out


def test_engine_and_detector_give_the_same_verdicts() -> None:
    """Calls that begin at different ticks, in one engine, against one detector each."""
    calls = scenes()
    names = list(PROFILES)
    profiles = [PROFILES[names[i % 4]] for i in range(len(calls))]
    alone = []
    for call, profile in zip(calls, profiles, strict=True):
        detector = Detector(profile)
        for frame in call:
            detector.feed(frame)
        alone.append(detector.finish())

    engine = Engine(len(calls))
    slots: dict[int, int] = {}
    together: dict[int, Verdict] = {}
    for now in range(640):
        for i, call in enumerate(calls):
            start = 3 * i
            if now == start:
                slots[i] = engine.open(profiles[i])
            if start <= now < start + len(call):
                engine.push(slots[i], call[now - start])
            elif now == start + len(call):
                together[i] = engine.finish(slots[i])
        engine.tick()
    assert [together[i] for i in range(len(calls))] == alone


def test_a_slot_used_again_remembers_nothing() -> None:
    engine = Engine(1)
    hello = frames(silence(0.4), speech(0.5), silence(4))

    def run() -> Verdict:
        slot = engine.open(PROTECT_PEOPLE)
        found = []
        for frame in hello:
            engine.push(slot, frame)
            found += engine.tick()
        engine.close(slot)
        return found[0][1]

    first = run()
    slot = engine.open()
    for frame in frames(noise(1, -15), tone(1000, seconds=0.2)):
        engine.push(slot, frame)
        engine.tick()
    engine.push(slot, b"\x00" * 77)
    engine.close(slot)
    assert run() == first


def test_a_full_engine_says_so_and_closing_twice_frees_once() -> None:
    engine = Engine(2)
    slot = engine.open()
    engine.open()
    with pytest.raises(EngineFullError):
        engine.open()
    engine.close(slot)
    engine.close(slot)
    engine.open()
    with pytest.raises(EngineFullError):
        engine.open()


def test_the_timeline_shows_when_somebody_spoke() -> None:
    detector = Detector(BALANCED)
    for frame in frames(silence(1), speech(1), silence(1)):
        detector.feed(frame)
    evidence = detector.evidence()
    assert evidence.heard_ms == 3000
    assert abs(evidence.speech[0][0] - 1000) <= 100
    assert abs(evidence.speech[-1][1] - 2000) <= 150
    assert json.loads(json.dumps(evidence.as_json()))["tones"] == []
