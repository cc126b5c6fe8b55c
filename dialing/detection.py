"""Answering machine detection for all calls of a process: one `amd.engine.Engine` in a thread of its own.

The loop hands over what one RTP tick heard of all calls in one batch, and never waits; verdicts come back to it.
numpy leaves the interpreter to the loop for most of its work. A batch that has to wait is late, never lost.
"""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from amd.engine import Engine, EngineFullError
from amd.evidence import Evidence
from amd.profile import BALANCED, Profile
from amd.verdict import Label, Verdict
from audio.g711 import ULAW_SILENCE_FRAME
from telephony.rtp.engine import RtpEngine

logger = logging.getLogger(__name__)

WARM_UP_TICKS = 50  # 1 s: by then the trees have been asked, and numpy has loaded and planned everything


class _What(Enum):
    BEGIN = auto()
    HEAR = auto()
    FINISH = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class _Batch:
    """What happened to the calls since the last one, in order; `tick`: then 20 ms pass."""

    notes: "list[tuple[_What, DetectedCall, bytes | None]]"
    tick: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """What a verdict stands on, and the mu-law sound from the answer until then."""

    evidence: Evidence
    sound: bytes


class DetectedCall:
    """One call's place in the detection (`dialing.call.CallDetector`); all methods are called in the loop."""

    def __init__(self, detection: "Detection", profile: Profile) -> None:
        self.profile = profile
        self._detection = detection
        self._on_verdict: Callable[[Verdict], None] | None = None
        self._frames: list[bytes] = []
        self.evidence: Evidence | None = None
        """Set by the detection's thread, before the verdict comes back."""

    @property
    def shortest_machine_call_ms(self) -> int:
        return self.profile.shortest_machine_call_ms

    def begin(self, on_verdict: Callable[[Verdict], None]) -> None:
        self._on_verdict = on_verdict
        self._detection.note(_What.BEGIN, self)

    def hear(self, frame: bytes | None) -> None:
        if self._on_verdict is not None:
            self._frames.append(frame or ULAW_SILENCE_FRAME)
            self._detection.note(_What.HEAR, self, frame)

    def finish(self) -> None:
        if self._on_verdict is not None:
            self._detection.note(_What.FINISH, self)
            self._detection.send(tick=False)

    def close(self) -> None:
        if self._on_verdict is not None:
            self._on_verdict = None
            self._detection.note(_What.CLOSE, self)
            self._detection.send(tick=False)

    def heard(self) -> Heard | None:
        """What is to be kept of the call, once it is decided."""
        return None if self.evidence is None else Heard(self.evidence, b"".join(self._frames))

    def decided(self, verdict: Verdict) -> None:
        """The engine's verdict, back in the loop; the first one counts."""
        on_verdict, self._on_verdict = self._on_verdict, None
        if on_verdict is not None:
            on_verdict(verdict)


class Detection:
    """The engine, its thread, and the way there and back. Made, and warmed up, before the first call."""

    def __init__(self, capacity: int, *, rules_only: bool = False) -> None:
        self._engine = Engine(capacity, rules_only=rules_only)
        _warm_up(self._engine)
        self._notes: list[tuple[_What, DetectedCall, bytes | None]] = []
        self._batches: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        self._slots: dict[DetectedCall, int] = {}
        self._calls: dict[int, DetectedCall] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="detection", daemon=True)

    # --- called in the loop --------------------------------------------------------------------------

    def start(self, media: RtpEngine) -> None:
        """Follow the ticks of `media` from now on."""
        self._loop = asyncio.get_running_loop()
        media.after_tick = self._after_tick
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; calls that are not decided stay so. Any thread may call it."""
        if self._thread.is_alive():
            self._batches.put(None)
            self._thread.join(timeout=2)

    def call(self, profile: Profile = BALANCED) -> DetectedCall:
        """A detector for one call; it takes room in the engine from `begin` to its verdict or `close`."""
        return DetectedCall(self, profile)

    @property
    def open_calls(self) -> int:
        """Calls under analysis; 0 at rest."""
        return len(self._slots)

    @property
    def waiting(self) -> int:
        """Batches that wait for the engine: 0 or 1 when it keeps up."""
        return self._batches.qsize()

    def note(self, what: _What, call: DetectedCall, frame: bytes | None = None) -> None:
        self._notes.append((what, call, frame))

    def send(self, *, tick: bool) -> None:
        notes, self._notes = self._notes, []
        self._batches.put(_Batch(notes, tick))

    def _after_tick(self) -> None:
        if self._notes:
            self.send(tick=True)

    # --- in the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                self._take(batch)
            except Exception:
                logger.exception("Answering machine detection failed; undecided calls count as persons.")

    def _take(self, batch: _Batch) -> None:
        for what, call, frame in batch.notes:
            if what is _What.BEGIN:
                self._open(call)
                continue
            slot = self._slots.get(call)
            if slot is None:  # decided meanwhile, or there was no room
                continue
            if what is _What.HEAR:
                self._engine.push(slot, frame)
            elif what is _What.FINISH:
                self._conclude(slot, self._engine.finish(slot))
            else:
                self._forget(slot)
        if batch.tick:
            for slot, verdict in self._engine.tick():
                self._conclude(slot, verdict)

    def _open(self, call: DetectedCall) -> None:
        try:
            slot = self._engine.open(call.profile)
        except EngineFullError as full:
            logger.warning("A call is not analysed: %s.", full)
            self._tell(call, Verdict(Label.NOTSURE, str(full), 0))
            return
        self._slots[call], self._calls[slot] = slot, call

    def _conclude(self, slot: int, verdict: Verdict) -> None:
        call = self._calls[slot]
        call.evidence = self._engine.evidence(slot)
        self._forget(slot)
        self._tell(call, verdict)

    def _forget(self, slot: int) -> None:
        del self._slots[self._calls.pop(slot)]
        self._engine.close(slot)

    def _tell(self, call: DetectedCall, verdict: Verdict) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the call with it
            self._loop.call_soon_threadsafe(call.decided, verdict)


def _warm_up(engine: Engine) -> None:
    """The first ticks load code and plan transforms: not while somebody waits on the phone."""
    slot = engine.open()
    for tick in range(WARM_UP_TICKS):
        engine.push(slot, bytes(tick * 160 + i & 0xFF for i in range(160)))
        engine.tick()
    engine.close(slot)
