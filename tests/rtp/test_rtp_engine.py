"""The tick that serves all calls: what it says when it can't keep up, or when one of them fails."""

import asyncio
import time

import pytest

from telephony.rtp.engine import RtpEngine
from telephony.rtp.seldom import EVERY_S, Seldom


def test_what_happens_all_the_time_is_said_once_a_minute_with_its_count() -> None:
    seldom = Seldom()
    said = [words for tick in range(50 * 130) if (words := seldom.words(tick * 0.02)) is not None]
    held_back = round(EVERY_S / 0.02) - 1
    assert said == ["", *[f" (and {held_back} times since this was last said)"] * 2]


def test_audio_that_is_late_again_and_again_is_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telephony.rtp.engine.MAX_CATCH_UP_S", 0.01)

    async def run() -> int:
        engine, ticks = RtpEngine(), 0
        engine.open()

        def stall() -> None:
            nonlocal ticks
            ticks += 1
            time.sleep(0.04)

        engine.after_tick = stall
        await asyncio.sleep(0.4)
        engine.close()
        return ticks

    assert asyncio.run(run()) > 3
    assert [record.getMessage()[:12] for record in caplog.records] == ["the audio is"]


def test_a_call_whose_audio_fails_at_every_step_is_said_once_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> int:
        engine, frames = RtpEngine(), 0
        broken, sound = engine.open(), engine.open()

        def fail(frame: bytes | None) -> None:
            raise RuntimeError("broken")

        def hear(frame: bytes | None) -> None:
            nonlocal frames
            frames += 1

        broken.listener, sound.listener = fail, hear
        for session in (broken, sound):
            session.answer()
        await asyncio.sleep(0.3)
        engine.close()
        return frames

    assert asyncio.run(run()) > 3
    assert [record.exc_info is not None for record in caplog.records] == [True]
