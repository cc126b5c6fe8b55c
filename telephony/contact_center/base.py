"""What every contact-centre connector delivers: complete snapshots of queues, agents and channels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

QueueKind = Literal["OSCC", "IVR"]


class AgentState(StrEnum):
    """BUSY includes a ringing or reserved agent: they can't take another call."""

    FREE = "FREE"
    BUSY = "BUSY"
    WRAP_UP = "WRAP_UP"
    PAUSED = "PAUSED"
    SIGNED_OUT = "SIGNED_OUT"


class ConnectorState(StrEnum):
    """STALE: connected, but nothing was heard for too long, so the last snapshot may be wrong.
    FAILED: no connection; the connector tries again by itself."""

    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    STALE = "STALE"
    FAILED = "FAILED"


class ConnectorError(Exception):
    """The contact centre can't be asked; the message is one sentence for an administrator."""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent of a queue, human or virtual."""

    id: str
    name: str
    state: AgentState


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """A queue with agents (OSCC), or an IVR with channels; the other kind's fields are empty or 0."""

    name: str
    kind: QueueKind
    pilot_number: str
    agents: tuple[Agent, ...]
    waiting_callers: int
    channels_total: int
    channels_busy: int

    @property
    def free(self) -> int:
        """Free agents, or free channels of an IVR; never below 0."""
        if self.kind == "IVR":
            return max(0, self.channels_total - self.channels_busy)
        return sum(agent.state is AgentState.FREE for agent in self.agents)


@dataclass(frozen=True, slots=True)
class ContactCenterSnapshot:
    """All queues by name, as they were at `received_at` (seconds of `time.monotonic()`)."""

    queues: Mapping[str, QueueSnapshot]
    received_at: float


LONGEST_QUEUE_NAME = 100
"""Characters that a queue's row keeps."""


def is_queue_name(name: str) -> bool:
    """Whether a row can have this name. A queue with another can't be chosen, and must not stop the others."""
    return 0 < len(name) <= LONGEST_QUEUE_NAME and "\x00" not in name


OnSnapshot = Callable[[ContactCenterSnapshot], None]
OnState = Callable[[ConnectorState, str], None]


class Connector(Protocol):
    """One contact centre."""

    async def run(self, on_snapshot: OnSnapshot, on_state: OnState) -> None:
        """Watch until cancelled, reconnecting by itself.

        Every change delivers a complete new snapshot, called from the loop. `on_state` gets the state and one
        sentence about it. A stale or failed connector delivers no snapshots; pace nothing on an old one.
        """

    async def fetch(self, timeout: float = 3.0) -> ContactCenterSnapshot:  # noqa: ASYNC109 - whole seconds of an admin's patience
        """Ask once, for the test button and the queue list; ConnectorError says what is wrong."""


@runtime_checkable
class TakesPushes(Protocol):
    """A connector to which its contact centre can say itself what has changed."""

    def push(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Changes in the connector's own words, in the loop that runs it."""
