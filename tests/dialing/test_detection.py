"""One engine for all calls, in its own process: frames of many calls in, each call's verdict out, in the loop."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable

import pytest

from amd.profile import BALANCED, OFF
from amd.verdict import Verdict
from dialing import detection as detection_module
from dialing.detection import STUCK_TICKS, DetectedCall, Detection, EarlyCall
from dialing.detection_messages import Inbox, Kind, message, read_tick
from dialing.detection_messages import tick as tick_message
from telephony.rtp.engine import RtpEngine
from tests.amd.amd_signals import frames, silence, speech, tone
from tests.patience import PATIENCE

MACHINE = frames(silence(0.3), speech(6.0))
PERSON = frames(silence(0.6), speech(0.5), silence(5.0))


def with_detection(capacity: int, story: Callable[[Detection, RtpEngine], Awaitable[None]]) -> Detection:
    detection = Detection(capacity, rules_only=True)

    async def run() -> None:
        media = RtpEngine()
        detection.start(media)
        try:
            async with asyncio.timeout(PATIENCE):
                await story(detection, media)
        finally:
            detection.close()

    asyncio.run(run())
    return detection


def tick(media: RtpEngine, *heard: tuple[DetectedCall | EarlyCall, bytes | None]) -> None:
    for call, frame in heard:
        if isinstance(call, EarlyCall):
            call.hear(frame, lambda: None)
        else:
            call.hear(frame)
    assert media.after_tick is not None
    media.after_tick()


async def settled(
    detection: Detection, reached: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None
) -> None:
    for _ in range(1000):
        if reached() and not detection.waiting:
            return
        meanwhile()
        await asyncio.sleep(0.005)
    raise AssertionError("not reached in 5 s")


def test_each_call_gets_its_own_verdict_in_the_loop_and_gives_its_place_back() -> None:
    async def story(detection: Detection, media: RtpEngine) -> None:
        loop_thread = threading.get_ident()
        verdicts: dict[str, Verdict] = {}

        def take(name: str, verdict: Verdict) -> None:
            assert threading.get_ident() == loop_thread
            verdicts[name] = verdict

        machine, person, unheard = (detection.call(BALANCED) for _ in range(3))
        machine.begin(lambda verdict: take("machine", verdict))
        person.begin(lambda verdict: take("person", verdict))
        unheard.begin(lambda verdict: take("unheard", verdict))
        for one, other in zip(MACHINE, PERSON, strict=False):
            tick(media, (machine, one), (person, other))
        await settled(detection, lambda: len(verdicts) == 3)
        assert verdicts["machine"].label == "MACHINE"
        assert verdicts["person"].label == "HUMAN"
        assert verdicts["unheard"].label == "NOTSURE"  # no room: a person
        assert detection.open_calls == 0

    with_detection(2, story)


def test_the_last_word_is_given_when_asked_and_a_closed_call_hears_nothing_more() -> None:
    async def story(detection: Detection, media: RtpEngine) -> None:
        verdicts: list[Verdict] = []
        asked, closed, off = detection.call(), detection.call(), detection.call(OFF)
        asked.begin(verdicts.append)
        closed.begin(verdicts.append)
        closed.close()
        for frame in MACHINE[:40]:
            tick(media, (asked, frame), (closed, frame))
        asked.finish()
        await settled(detection, lambda: len(verdicts) == 1)
        assert verdicts[0].label == "NOTSURE"
        off.begin(verdicts.append)
        tick(media, (off, None))
        await settled(detection, lambda: len(verdicts) == 2)
        assert verdicts[1].label == "NOTSURE"

    assert with_detection(3, story).open_calls == 0


def test_a_call_that_rings_is_heard_and_its_place_is_free_for_the_answer() -> None:
    async def story(detection: Detection, media: RtpEngine) -> None:
        ringing, unheard, verdicts = detection.early(), detection.early(), list[Verdict]()
        for frame in frames(tone(425, seconds=1.0), silence(1.0)):
            tick(media, (ringing, frame))
        unheard.finish()
        assert unheard.is_settled  # nothing was heard: nothing to wait for
        ringing.finish()
        await settled(detection, lambda: ringing.is_settled)
        assert ringing.found is not None
        assert ringing.found.kind == "RINGBACK"
        answered = detection.call()
        answered.begin(verdicts.append)
        for frame in PERSON:
            tick(media, (answered, frame))
        await settled(detection, lambda: bool(verdicts))
        assert verdicts[0].label == "HUMAN"
        assert answered.heard() is not None

    assert with_detection(1, story).open_calls == 0


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_an_engine_that_dies_or_stands_still_costs_no_person_and_comes_back(
    end: signal.Signals, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if end is signal.SIGSTOP:
        monkeypatch.setattr(detection_module, "STUCK_AFTER_S", 0.3)

    async def story(detection: Detection, media: RtpEngine) -> None:
        first, late, after = list[Verdict](), list[Verdict](), list[Verdict]()
        call, ringing = detection.call(), detection.early()
        call.begin(first.append)
        tick(media, (call, MACHINE[0]), (ringing, MACHINE[0]))
        await settled(detection, lambda: detection.is_ready)
        os.kill(detection.pid, end)
        for _ in range(STUCK_TICKS):
            tick(media, (call, None))
        await settled(
            detection, lambda: bool(first) and ringing.is_settled, lambda: tick(media, (call, None))
        )
        monkeypatch.undo()
        assert (first[0].label, str(first[0].why.code)) == ("NOTSURE", "not_running")
        detection.call().begin(late.append)
        await settled(detection, lambda: bool(late))  # at once, or by the engine that has come back
        await settled(detection, lambda: detection.is_ready)
        again = detection.call()
        again.begin(after.append)
        for frame in MACHINE:
            tick(media, (again, frame))
        await settled(detection, lambda: bool(after))
        assert after[0].label == "MACHINE"

    with caplog.at_level(logging.ERROR):
        assert with_detection(2, story).open_calls == 0
    assert "ANSWERING MACHINE DETECTION STOPPED" in caplog.text
    assert "1 calls" in caplog.text or "2 calls" in caplog.text


def test_messages_come_out_as_they_went_in_however_they_are_cut() -> None:
    sent = (
        message(Kind.OPEN, {"call": 7}) + tick_message([7, 8], [b"a" * 160, b"short"]) + tick_message([], [])
    )
    inbox = Inbox()
    got = [pair for i in range(0, len(sent), 50) for pair in inbox.take(sent[i : i + 50])]
    assert [kind for kind, _ in got] == [Kind.OPEN, Kind.TICK, Kind.TICK]
    (first, one), (second, two) = read_tick(got[1][1])
    assert (first, one, second, two[:5], len(two)) == (7, b"a" * 160, 8, b"short", 160)
    assert list(read_tick(got[2][1])) == []
