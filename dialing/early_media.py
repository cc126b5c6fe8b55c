"""What a call hears before its answer, and what follows from it. Free of Django."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from amd.early_media import EarlyKind, EarlyMedia


class EarlyListener(Protocol):
    """The ears of one call that rings; `dialing.detection.EarlyCall` is one.

    `hear` gets a frame of 160 mu-law bytes on every tick from the first packet to the answer, None where none
    arrived. `on_found` is called in the loop whenever `found` or `is_settled` may have changed.
    """

    found: EarlyMedia | None
    is_settled: bool

    def hear(self, frame: bytes | None, on_found: Callable[[], None], /) -> None: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...


class EarlyEnd(StrEnum):
    """Whether a call is given up for what is heard before the answer; the values of `Campaign.EarlyEnd`."""

    NEVER = "NEVER"
    SIT = "SIT"
    ANNOUNCEMENT = "ANNOUNCEMENT"
    """A special information tone or an announcement."""

    def gives_up(self, found: EarlyMedia | None) -> bool:
        if found is None or self is EarlyEnd.NEVER:
            return False
        return found.kind.is_sit or (self is EarlyEnd.ANNOUNCEMENT and found.kind is EarlyKind.ANNOUNCEMENT)
