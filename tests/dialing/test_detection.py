"""One engine for all calls: frames of many calls in, each call's verdict out, in the loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from amd.profile import BALANCED, OFF
from amd.verdict import Verdict
from dialing.detection import DetectedCall, Detection
from telephony.rtp.engine import RtpEngine
from tests.amd.amd_signals import frames, silence, speech

MACHINE = frames(silence(0.3), speech(6.0))
PERSON = frames(silence(0.6), speech(0.5), silence(5.0))


def with_detection(capacity: int, story: Callable[[Detection, RtpEngine], Awaitable[None]]) -> Detection:
    detection = Detection(capacity, rules_only=True)

    async def run() -> None:
        media = RtpEngine()
        detection.start(media)
        try:
            async with asyncio.timeout(10):
                await story(detection, media)
        finally:
            detection.close()

    asyncio.run(run())
    return detection


def tick(media: RtpEngine, *heard: tuple[DetectedCall, bytes | None]) -> None:
    for call, frame in heard:
        call.hear(frame)
    assert media.after_tick is not None
    media.after_tick()


async def settled(detection: Detection, reached: Callable[[], bool]) -> None:
    for _ in range(1000):
        if reached() and not detection.waiting:
            return
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
