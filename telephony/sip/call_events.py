"""What can be said about a call: its state, its end, and who wants to hear of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .transfer import Transfer


class CallState(StrEnum):
    IDLE = "idle"
    CALLING = "calling"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"


class EndedBy(StrEnum):
    """Who ended the call: our BYE, their BYE, a final rejection, our CANCEL, or silence."""

    LOCAL = "local"
    REMOTE = "remote"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class CallEnding:
    """How a call ended: SIP code, Q.850 cause and text as far as told; `retry_after_s` of a rejection that says when
    to come back (RFC 3261 section 20.33: 404, 413, 480, 486, 500, 503, 600, 603)."""

    by: EndedBy
    code: int | None = None
    cause: int | None = None
    text: str | None = None
    retry_after_s: int | None = None


class CallListener(Protocol):
    """What the call's owner hears, on the loop; it must not block."""

    def on_ringing(self, code: int) -> None: ...

    def on_answered(self) -> None: ...

    def on_transfer(self, transfer: Transfer) -> None: ...

    def on_ended(self, ending: CallEnding) -> None: ...


class Nobody:
    """The listener of a call whose owner has gone."""

    def on_ringing(self, code: int) -> None:
        pass

    def on_answered(self) -> None:
        pass

    def on_transfer(self, transfer: Transfer) -> None:
        pass

    def on_ended(self, ending: CallEnding) -> None:
        pass
