"""The answering machine detection of one call, as the call sees it. Free of Django."""

from collections.abc import Callable
from typing import Protocol

from amd.cause import Code, cause
from amd.verdict import Label
from amd.verdict import Verdict as AmdVerdict

from .call_observer import Verdict

VERDICT_DEADLINE_S = 6.0  # an undecided detector is asked for its last word then (DESIGN 6: within 6.5 s)
NO_WORD = AmdVerdict(Label.NOTSURE, cause(Code.NO_WORD_IN_TIME), round(VERDICT_DEADLINE_S * 1000))
"""Stands for the verdict of a detector that was asked and did not answer in time: a person (SPEC 7)."""


class CallDetector(Protocol):
    """The answering machine detection of one call; `dialing.detection.DetectedCall` is one.

    `begin` comes with the answer; from then on `hear` gets one 20 ms frame of 160 mu-law bytes on every tick, None
    where none arrived. `on_verdict` is called in the loop, once; `finish` asks for it now.
    """

    @property
    def shortest_machine_call_ms(self) -> int: ...

    def begin(self, on_verdict: Callable[[Verdict], None], /) -> None: ...

    def hear(self, frame: bytes | None, /) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...
