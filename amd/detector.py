"""The detector of one call, for callers that have a single one."""

from amd.engine import LONGEST_QUEUE, Engine
from amd.evidence import Evidence
from amd.profile import BALANCED, Profile
from amd.verdict import Verdict
from audio.g711 import FRAME_BYTES

_AT_ONCE = FRAME_BYTES * (LONGEST_QUEUE - 1)


class Detector:
    """An engine with one slot: the same code, so the same verdicts. `rules_only` leaves the model out."""

    def __init__(self, profile: Profile = BALANCED, rules_only: bool = False) -> None:
        self._engine = Engine(1, rules_only=rules_only)
        self._slot = self._engine.open(profile)

    def feed(self, frame: bytes | None) -> Verdict | None:
        """Take the next 20 ms of mu-law (160 bytes); None is a frame that got lost: time goes on without it.

        Returns the verdict once, when it falls, else None. Never raises on frames of another length: they are cut
        into frames of 20 ms, and the rest waits for the next call.
        """
        if not frame:
            return self._take(None)
        found = None
        for start in range(0, len(frame), _AT_ONCE):
            found = self._take(frame[start : start + _AT_ONCE]) or found
        return found

    def finish(self) -> Verdict:
        """The verdict that fell, or the one to act on now that the call has ended or must go on."""
        return self._engine.finish(self._slot)

    def evidence(self) -> Evidence:
        """What was heard so far."""
        return self._engine.evidence(self._slot)

    def _take(self, part: bytes | None) -> Verdict | None:
        self._engine.push(self._slot, part)
        while self._engine.waiting(self._slot):
            for _, found in self._engine.tick():
                return found
        return None
