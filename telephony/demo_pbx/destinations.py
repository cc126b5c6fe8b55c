"""What a pilot number leads to: the contract of queues and IVRs with the callers that are transferred to them."""

from collections.abc import Callable
from typing import Literal, Protocol

DestinationKind = Literal["OSCC", "IVR"]
Publish = Callable[[dict[str, object]], None]


class Caller(Protocol):
    """A customer on their way to an agent or an IVR channel, whatever happens to the dialer's leg."""

    @property
    def key(self) -> str:
        """Names the caller; times are varied by it."""

    def connected(self, agent: str | None) -> None:
        """An agent (or, with None, the IVR) answered."""

    def refused(self, sip_code: int) -> None:
        """No one will answer; the caller leaves."""

    def released(self) -> None:
        """The conversation is over."""


class Destination(Protocol):
    """A queue or an IVR."""

    name: str
    pilot: str

    def enter(self, caller: Caller) -> None:
        """Take the caller in; it hears `connected` or `refused` later, or at once."""

    def leave(self, caller: Caller) -> None:
        """The customer hung up: while waiting, ringing or talking."""

    def snapshot(self) -> dict[str, object]:
        """Its state for the events feed."""
