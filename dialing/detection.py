"""Answering machine detection for all calls of a process, as the loop sees it; the engine is a process of its own.

The loop hands over what one RTP tick heard of all calls in one message and never waits; verdicts come back to it.
Should the engine's process die or stand still, the calls under analysis count as persons, it is said so loudly, and
another one is started.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from amd.cause import Code, cause
from amd.early_media import EarlyMedia
from amd.profile import BALANCED, Profile
from amd.verdict import Label, Verdict
from audio.g711 import ULAW_SILENCE_FRAME
from dialing.detection_link import DetectionLink
from dialing.detection_messages import Kind, message, tick
from telephony.rtp.engine import RtpEngine

logger = logging.getLogger(__name__)

WARM_UP_S = 20.0
STUCK_AFTER_S = 5.0
"""Without an answer for so long, and with STUCK_TICKS waiting, the process counts as stuck."""
STUCK_TICKS = 50
_LONGEST_STEP_S = 0.1  # time in which we stood still ourselves is no silence of the other side


@dataclass(frozen=True, slots=True)
class Heard:
    """What a verdict stands on (`amd.evidence.Evidence.as_json`), and the mu-law sound from the answer until then."""

    evidence: dict[str, Any]
    sound: bytes


class _Party(Protocol):
    """Who waits for messages about one call."""

    def receive(self, kind: Kind, said: dict[str, Any]) -> bool: ...

    def lose(self) -> None: ...


class DetectedCall:
    """One answered call's place in the detection (`dialing.call.CallDetector`); all methods are called in the loop."""

    def __init__(self, detection: "Detection", profile: Profile) -> None:
        self.profile = profile
        self._detection = detection
        self._on_verdict: Callable[[Verdict], None] | None = None
        self._number = 0
        self._frames: list[bytes] = []
        self._evidence: dict[str, Any] | None = None

    @property
    def shortest_machine_call_ms(self) -> int:
        return self.profile.shortest_machine_call_ms

    def begin(self, on_verdict: Callable[[Verdict], None]) -> None:
        self._on_verdict = on_verdict
        self._number = self._detection.join(self, Kind.OPEN, profile=asdict(self.profile))

    def hear(self, frame: bytes | None) -> None:
        if self._on_verdict is not None:
            self._frames.append(frame or ULAW_SILENCE_FRAME)
            self._detection.hear(self._number, frame)

    def finish(self) -> None:
        if self._on_verdict is not None:
            self._detection.ask(self._number)

    def close(self) -> None:
        if self._on_verdict is not None:
            self._on_verdict = None
            self._detection.leave(self._number)

    def heard(self) -> Heard | None:
        """What is to be kept of the call, once it is decided."""
        return None if self._evidence is None else Heard(self._evidence, b"".join(self._frames))

    def receive(self, kind: Kind, said: dict[str, Any]) -> bool:
        """A message about this call; True: it was the last one."""
        if kind is Kind.VERDICT:
            self._evidence = said["evidence"]
            self._decide(Verdict.from_json(said["verdict"]))
        return True

    def lose(self) -> None:
        """The engine is gone: a person (SPEC 7)."""
        self._decide(Verdict(Label.NOTSURE, cause(Code.NOT_RUNNING), 0))

    def _decide(self, verdict: Verdict) -> None:
        on_verdict, self._on_verdict = self._on_verdict, None
        if on_verdict is not None:
            on_verdict(verdict)


class EarlyCall:
    """What is heard of one call before its answer (`dialing.call.EarlyListener`); methods are called in the loop."""

    def __init__(self, detection: "Detection") -> None:
        self.found: EarlyMedia | None = None
        self.is_settled = True
        """Nothing more will be found: nothing was heard, or the last word has come."""
        self._detection = detection
        self._on_found: Callable[[], None] | None = None
        self._number = 0

    def hear(self, frame: bytes | None, on_found: Callable[[], None]) -> None:
        if self._on_found is None:
            self._on_found, self.is_settled = on_found, False
            self._number = self._detection.join(self, Kind.OPEN_EARLY)
        if not self.is_settled:
            self._detection.hear(self._number, frame)

    def finish(self) -> None:
        if not self.is_settled:
            self._detection.ask(self._number)

    def close(self) -> None:
        if not self.is_settled:
            self.is_settled = True
            self._detection.leave(self._number)

    def receive(self, kind: Kind, said: dict[str, Any]) -> bool:
        """A message about this call; True: it was the last one."""
        if said["found"] is not None:
            self.found = EarlyMedia.from_json(said["found"])
        self.is_settled = self.is_settled or said["last"]
        if self._on_found is not None:
            self._on_found()
        return bool(said["last"])

    def lose(self) -> None:
        self.is_settled = True
        if self._on_found is not None:
            self._on_found()


class Detection:
    """The calls under analysis, and the engine's process behind them. Made before the first call; the process warms
    up by itself meanwhile."""

    def __init__(self, capacity: int, *, rules_only: bool = False) -> None:
        self._parties: dict[int, _Party] = {}
        self._last_number = 0
        self._calls: list[int] = []
        self._frames: list[bytes] = []
        self._sent_ticks = self._done_ticks = 0
        self._silent_s = self._ticked_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._warm = asyncio.Event()
        arguments = [str(capacity), *(["rules"] if rules_only else [])]
        self._link = DetectionLink(arguments, self._receive, self._lost)

    @property
    def pid(self) -> int:
        """Of the engine's process."""
        return self._link.pid

    @property
    def is_ready(self) -> bool:
        """Whether the process has warmed up."""
        return self._warm.is_set()

    def start(self, media: RtpEngine) -> None:
        """Follow the ticks of `media` from now on."""
        self._loop = asyncio.get_running_loop()
        media.after_tick = self._after_tick
        self._link.attach()

    async def warmed_up(self, patience_s: float = WARM_UP_S) -> None:
        """Wait until the process is ready, so that the first call finds it so; not for ever."""
        try:
            await asyncio.wait_for(self._warm.wait(), patience_s)
        except TimeoutError:
            logger.warning("The detection is not ready after %.0f s; calls begin without it.", patience_s)

    def close(self) -> None:
        """Ends the process; calls that are not decided stay so. In the loop, or once it has ended."""
        self._link.close()

    def call(self, profile: Profile = BALANCED) -> DetectedCall:
        """A detector for one call; it takes room in the engine from `begin` to its verdict or `close`."""
        return DetectedCall(self, profile)

    def early(self) -> EarlyCall:
        """Ears for what comes before one call's answer; takes room from the first frame to `finish` or `close`."""
        return EarlyCall(self)

    @property
    def open_calls(self) -> int:
        """Calls under analysis; 0 at rest."""
        return len(self._parties)

    @property
    def waiting(self) -> int:
        """Ticks that the process has not done yet: 0 or 1 when it keeps up."""
        return self._sent_ticks - self._done_ticks

    # --- called by calls ---------------------------------------------------------------------------------

    def join(self, party: _Party, kind: Kind, **more: Any) -> int:
        """A call comes in; returns its number."""
        self._last_number += 1
        number = self._last_number
        self._parties[number] = party
        if self._link.is_up:
            self._link.send(message(kind, {"call": number, **more}))
        else:
            # Not from within `begin`: who begins is not yet ready to hear of the end.
            assert self._loop is not None
            self._loop.call_soon(self._lose, number)
        return number

    def hear(self, number: int, frame: bytes | None) -> None:
        """20 ms of a call; what is missing is left out, time goes on all the same."""
        if frame is not None:
            self._calls.append(number)
            self._frames.append(frame)

    def ask(self, number: int) -> None:
        """Ask for the last word about a call."""
        self._link.send(message(Kind.FINISH, {"call": number}))

    def leave(self, number: int) -> None:
        """A call goes without its last word."""
        if self._parties.pop(number, None) is not None:
            self._link.send(message(Kind.CLOSE, {"call": number}))

    # --- called by the audio and the process --------------------------------------------------------------

    def _after_tick(self) -> None:
        calls, frames = self._calls, self._frames
        if not calls and not self._parties:
            return
        self._calls, self._frames = [], []
        if not self._link.is_up:
            return
        now = time.monotonic()
        step, self._ticked_at = min(now - self._ticked_at, _LONGEST_STEP_S), now
        self._silent_s = self._silent_s + step if self.waiting else 0.0
        self._sent_ticks += 1
        self._link.send(tick(calls, frames))
        if self.is_ready and self.waiting >= STUCK_TICKS and self._silent_s > STUCK_AFTER_S:
            self._link.kill(f"has not answered for {self._silent_s:.1f} s")

    def _receive(self, kind: Kind, said: dict[str, Any]) -> None:
        if kind is Kind.READY:
            self._warm.set()
            if said["rules_only"]:
                logger.warning("Answering machine detection works with the rules only.")
        elif kind is Kind.TICKED:
            self._done_ticks, self._silent_s = said["ticks"], 0.0
        elif (party := self._parties.get(said["call"])) and party.receive(kind, said):
            self._parties.pop(said["call"], None)

    def _lost(self) -> int:
        self._warm.clear()
        self._sent_ticks = self._done_ticks = 0
        assert self._loop is not None
        for number in self._parties:
            self._loop.call_soon(self._lose, number)
        return len(self._parties)

    def _lose(self, number: int) -> None:
        if party := self._parties.pop(number, None):
            party.lose()
