"""The streaming engine: many calls, one numpy pass for each tick of 20 ms.

    slot = engine.open(BALANCED)
    engine.push(slot, frame)            # as RTP arrives, behind the jitter buffer
    for slot, verdict in engine.tick(): # every 20 ms, for all calls at once
        ...
    engine.close(slot)

A call that still rings is opened with `open_early`: nothing is decided, `early` says what it is that is heard.

Not thread-safe: one loop owns it. It does no I/O and never waits.
"""

from collections import deque

import numpy as np

from amd import rules
from amd.analysis import Analysis
from amd.cause import Code, cause
from amd.cues import NAMES
from amd.early_media import EarlyEars, EarlyMedia
from amd.evidence import Evidence
from amd.model import Model, load_or_rules
from amd.policy import Policy
from amd.profile import BALANCED, Profile
from amd.spectrum import Rows
from amd.tones import name_tones
from amd.verdict import Label, Verdict
from audio.g711 import FRAME_BYTES, FRAME_MS, ULAW_TO_FLOAT

CONCEALED_FRAMES = 3
"""Missing frames that are bridged with the last sound, 60 ms; after that a gap is silence."""
_FADE = np.float32(0.6)
LONGEST_QUEUE = 25
"""Frames that wait at most for their tick, 0.5 s; older ones are dropped."""


class EngineFullError(RuntimeError):
    """More calls were opened than the engine has slots for."""


class Engine:
    """Analyses up to `capacity` calls at once.

    With the shipped model by default; with `model`, or with `rules_only` (also where the shipped one is damaged)
    without any.
    """

    def __init__(self, capacity: int, model: Model | None = None, rules_only: bool = False) -> None:
        model = None if rules_only else model or load_or_rules()
        self.capacity = capacity
        self._free = list(range(capacity - 1, -1, -1))
        self._profiles: list[Profile] = [BALANCED] * capacity
        self._queues: list[deque[bytes | None]] = [deque(maxlen=LONGEST_QUEUE) for _ in range(capacity)]
        self._rest: list[bytes] = [b""] * capacity
        self._missed = np.zeros(capacity, np.int32)
        self._listening = np.zeros(capacity, np.bool_)
        self._verdicts: list[Verdict | None] = [None] * capacity
        self._tones_count = np.zeros(capacity, np.bool_)
        self._off = np.zeros(capacity, np.bool_)
        self._limits = rules.Limits(capacity)
        self._analysis = Analysis(capacity, model.network if model else None)
        self._early = np.zeros(capacity, np.bool_)
        self._ears = EarlyEars(capacity)
        self._early_news: list[int] = []
        self._policy = Policy(capacity, model) if model else None

    @property
    def rules_only(self) -> bool:
        """Whether the rules decide alone."""
        return self._policy is None

    def open(self, profile: Profile = BALANCED) -> int:
        """Start to analyse an answered call; returns its slot. Raises EngineFullError."""
        if not self._free:
            raise EngineFullError(f"the detector has room for {self.capacity} calls")
        slot = self._free.pop()
        self._profiles[slot] = profile
        self._queues[slot].clear()
        self._rest[slot] = b""
        self._missed[slot] = 0
        self._verdicts[slot] = None
        self._tones_count[slot], self._off[slot] = profile.tones, not profile.enabled
        self._limits.take(slot, profile)
        if self._policy:
            self._policy.take(slot, profile)
        self._analysis.reset(slot)
        self._early[slot] = False
        self._listening[slot] = True
        return slot

    def open_early(self) -> int:
        """Start to listen to what comes before a call's answer; returns its slot. Raises EngineFullError."""
        slot = self.open()
        self._early[slot] = True
        self._analysis.tones.keeps_latest[slot] = True
        self._ears.reset(slot)
        return slot

    def early(self, slot: int) -> EarlyMedia | None:
        """What was heard so far of a call opened with `open_early`; None for silence and noise."""
        return self._ears.found(slot, self._analysis)

    def early_news(self) -> list[tuple[int, EarlyMedia]]:
        """Special information tones and announcements recognised since the last question, each once."""
        news, self._early_news = self._early_news, []
        return [(slot, found) for slot in news if (found := self.early(slot))]

    def push(self, slot: int, frame: bytes | None) -> None:
        """Queue 20 ms of mu-law (160 bytes) for the coming tick; None is a frame that got lost.

        Other lengths are cut into frames of 20 ms, what is left waits for the next push. A tick without a frame
        counts as a lost one, so a caller may leave gaps out.
        """
        if not self._listening[slot]:
            return
        if not frame:
            self._queues[slot].append(None)
            return
        if len(frame) == FRAME_BYTES and not self._rest[slot]:
            self._queues[slot].append(frame)
            return
        data = self._rest[slot] + frame if self._rest[slot] else frame
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._queues[slot].extend(data[i : i + FRAME_BYTES] for i in range(0, whole, FRAME_BYTES))
        self._rest[slot] = data[whole:]

    def waiting(self, slot: int) -> int:
        """Frames of the call that wait for a tick."""
        return len(self._queues[slot])

    def tick(self) -> list[tuple[int, Verdict]]:
        """Let 20 ms pass for every call; returns the verdicts that fell, each call's once."""
        rows = np.flatnonzero(self._listening)
        if not rows.size:
            return []
        speech = self._analysis.step(rows, self._samples(rows))
        early = self._early[rows]
        if early.any():
            self._early_news += self._ears.step(rows[early], speech[early], self._analysis)
            rows = rows[~early]
        if not rows.size:
            return []
        decisions = self._decide(rows)
        return [(slot, self._conclude(slot, int(decisions[i]))) for i, slot in _decided(rows, decisions)]

    def finish(self, slot: int) -> Verdict:
        """The verdict so far, for a call that ended or that has to be decided now."""
        known = self._verdicts[slot]
        if known is not None:
            return known
        ms = int(self._analysis.timeline.now[slot]) * FRAME_MS
        if self._off[slot]:
            found = rules.verdict(rules.OFF, slot, self._analysis.timeline, self._profiles[slot], ms)
        elif self._tones_count[slot] and (
            self._analysis.tones.longest_ms[slot] or self._analysis.tones.sounding_ms[slot]
        ):
            found = self._tone_verdict(slot, ms)
        elif not self._analysis.timeline.utterances[slot]:
            found = Verdict(self._profiles[slot].silence_at_pickup_is, cause(Code.NOTHING_HEARD), ms)
        else:
            found = Verdict(Label.NOTSURE, cause(Code.ENDED_UNDECIDED, seconds=ms / 1000), ms)
        return self._settle(slot, found)

    def close(self, slot: int) -> None:
        """Give the slot back; its verdict and evidence are gone."""
        if slot in self._free:
            return
        self._listening[slot] = False
        self._queues[slot].clear()
        self._free.append(slot)

    def evidence(self, slot: int) -> Evidence:
        """What was heard so far, until the call is closed."""
        line, cues = self._analysis.timeline, {}
        frames = int(line.now[slot])
        if self._analysis.trained:
            table = self._analysis.trained.cues.table(np.array([slot]), line)
            cues = dict(zip(NAMES, (round(float(x), 3) for x in table[0]), strict=True))
        return Evidence(
            heard_ms=frames * FRAME_MS,
            speech=line.spans(slot),
            tones=self._analysis.tones.heard(slot, frames * FRAME_MS),
            cues=cues,
            machine=self._policy.curve(slot, frames) if self._policy else [],
        )

    def state_bytes(self) -> int:
        """Memory of the arrays that hold the calls' state, for all slots together."""
        return self._analysis.state_bytes()

    def _samples(self, rows: Rows) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """The next frame of each call, (n, 160), lost ones faded out from the last sound."""
        payload = bytearray()
        lost: list[int] = []
        for i, slot in enumerate(rows.tolist()):
            queue = self._queues[slot]
            frame = queue.popleft() if queue else None
            if frame is None:
                lost.append(i)
                frame = bytes(FRAME_BYTES)
            payload += frame
        samples = ULAW_TO_FLOAT[np.frombuffer(payload, np.uint8)].reshape(len(rows), FRAME_BYTES)
        missed = np.zeros(len(rows), np.int32)
        if lost:
            missed[lost] = self._missed[rows[lost]] + 1
            kept = (missed[lost] <= CONCEALED_FRAMES)[:, None]
            samples[lost] = np.where(kept, self._analysis.last(rows[lost]) * _FADE, 0)
        self._missed[rows] = missed
        return samples

    def _decide(self, rows: Rows) -> rules.Decisions:
        if self._policy:
            decisions = self._policy.decide(rows, self._analysis)
        else:
            decisions = rules.decide(rows, self._analysis.timeline, self._limits)
        # Once a tone has begun nothing else decides: it only has to end, to be named.
        tones = self._analysis.tones
        begun = (tones.count[rows] > 0) & self._tones_count[rows]
        late = self._analysis.timeline.now[rows] >= self._limits.longest_analysis[rows]
        named = tones.settled(rows) | late
        decisions[begun] = np.where(named[begun], rules.TONE, rules.GOES_ON)
        decisions[self._off[rows]] = rules.OFF
        return decisions

    def _conclude(self, slot: int, decision: int) -> Verdict:
        ms = int(self._analysis.timeline.now[slot]) * FRAME_MS
        if decision == rules.TONE:
            found = self._tone_verdict(slot, ms)
        elif decision == rules.MODEL_SAYS_MACHINE and self._policy:
            found = self._policy.verdict(slot, self._analysis, ms)
        else:
            found = rules.verdict(decision, slot, self._analysis.timeline, self._profiles[slot], ms)
        return self._settle(slot, found)

    def _settle(self, slot: int, found: Verdict) -> Verdict:
        self._verdicts[slot] = found
        self._listening[slot] = False
        self._queues[slot].clear()
        return found

    def _tone_verdict(self, slot: int, ms: int) -> Verdict:
        return Verdict(Label.MACHINE, name_tones(self._analysis.tones.heard(slot, ms)), ms)


def _decided(
    rows: Rows, decisions: np.ndarray[tuple[int], np.dtype[np.int8 | np.bool_]]
) -> list[tuple[int, int]]:
    return [(int(i), int(rows[i])) for i in np.flatnonzero(decisions)]
