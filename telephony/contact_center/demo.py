"""Connector to the demo PBX's events feed: JSON lines over TCP (see `telephony/demo_pbx/events.py`)."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from .base import (
    Agent,
    AgentState,
    ConnectorError,
    ConnectorState,
    ContactCenterSnapshot,
    OnSnapshot,
    OnState,
    QueueKind,
    QueueSnapshot,
)

FIRST_RETRY_S: Final = 0.2
LONGEST_RETRY_S: Final = 2.0
STALE_AFTER_S: Final = 3.0  # the feed has a heartbeat each second
CONNECT_TIMEOUT_S: Final = 3.0
LONGEST_LINE: Final = 4 * 1024 * 1024


class FeedState:
    """The queues as the feed's lines tell them. No I/O: `apply` takes one line."""

    def __init__(self) -> None:
        self._queues: dict[str, QueueSnapshot] | None = None

    def apply(self, line: bytes) -> bool:
        """Take a line in; True when the snapshot is another one than before. ValueError for a broken line."""
        try:
            event = json.loads(line)
            if event.get("type") == "snapshot":
                self._queues = {item["name"]: _queue(item) for item in event["queues"]}
                return True
            if self._queues is None or event.get("queue") not in self._queues:
                return False  # heartbeats, finished calls, replies
            name = event["queue"]
            before = self._queues[name]
            self._queues[name] = _changed(before, event)
            return self._queues[name] != before
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"an event has not the expected shape ({error!r})") from error

    def snapshot(self, now: float) -> ContactCenterSnapshot | None:
        """What is known, None before the first snapshot line."""
        return None if self._queues is None else ContactCenterSnapshot(dict(self._queues), now)


def _queue(item: Mapping[str, object]) -> QueueSnapshot:
    agents = item["agents"]
    if not isinstance(agents, list):
        raise ValueError("agents must be a list")
    kind: QueueKind = "IVR" if item["kind"] == "IVR" else "OSCC"
    return QueueSnapshot(
        name=str(item["name"]),
        kind=kind,
        pilot_number=str(item["pilot_number"]),
        agents=tuple(Agent(str(one["id"]), str(one["name"]), AgentState(one["state"])) for one in agents),
        waiting_callers=_count(item["waiting_callers"]),
        channels_total=_count(item["channels_total"]),
        channels_busy=_count(item["channels_busy"]),
    )


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"a count must be a whole number, not {value!r}")
    return value


def _changed(queue: QueueSnapshot, event: Mapping[str, object]) -> QueueSnapshot:
    match event["type"]:
        case "agent":
            agent = Agent(str(event["id"]), str(event["name"]), AgentState(str(event["state"])))
            others = tuple(agent if one.id == agent.id else one for one in queue.agents)
            return replace(queue, agents=others if agent in others else (*others, agent))
        case "queue":
            return replace(queue, waiting_callers=_count(event["waiting_callers"]))
        case "channels":
            return replace(
                queue,
                channels_total=_count(event["channels_total"]),
                channels_busy=_count(event["channels_busy"]),
            )
        case _:
            return queue


@dataclass(frozen=True, slots=True)
class DemoConnector:
    """Watches one demo PBX."""

    host: str
    port: int

    @classmethod
    def from_settings(cls, settings: Mapping[str, object]) -> "DemoConnector":
        """From `{"host", "port"}`; ValueError names the setting that is wrong."""
        host, port = settings.get("host", "127.0.0.1"), settings.get("port")
        if not isinstance(host, str) or not host:
            raise ValueError(f"host must be a host name or an address, not {host!r}")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            raise ValueError(f"port must be a number from 1 to 65535, not {port!r}")
        return cls(host, port)

    async def run(self, on_snapshot: OnSnapshot, on_state: OnState) -> None:
        delay = FIRST_RETRY_S
        while True:
            on_state(ConnectorState.CONNECTING, f"connecting to {self.host}:{self.port}")
            try:
                reader, writer = await self._connect(CONNECT_TIMEOUT_S)
            except ConnectorError as error:
                on_state(ConnectorState.FAILED, str(error))
            else:
                try:
                    if await self._watch(reader, on_snapshot, on_state):
                        delay = FIRST_RETRY_S
                finally:
                    writer.close()
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_RETRY_S)

    async def fetch(self, timeout: float = 3.0) -> ContactCenterSnapshot:  # noqa: ASYNC109 - see Connector
        reader, writer = await self._connect(timeout)
        state = FeedState()
        try:
            async with asyncio.timeout(timeout):
                while (snapshot := state.snapshot(time.monotonic())) is None:
                    line = await reader.readline()
                    if not line:
                        raise ConnectorError(f"{self._name} closed the connection before it told its queues.")
                    state.apply(line)
        except TimeoutError as error:
            raise ConnectorError(f"{self._name} told nothing within {timeout:g} s.") from error
        except (OSError, ValueError) as error:
            raise ConnectorError(f"{self._name} does not speak as a demo PBX: {error}.") from error
        finally:
            writer.close()
        return snapshot

    @property
    def _name(self) -> str:
        return f"the demo PBX at {self.host}:{self.port}"

    async def _connect(self, seconds: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.open_connection(self.host, self.port, limit=LONGEST_LINE)
        except TimeoutError as error:
            raise ConnectorError(f"{self._name} did not answer within {seconds:g} s.") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConnectorError(f"{self._name} can't be reached ({reason}); is it running?") from error

    async def _watch(self, reader: asyncio.StreamReader, on_snapshot: OnSnapshot, on_state: OnState) -> bool:
        """Follow one connection to its end; whether it told its queues. A silent one is stale, then dropped."""
        state = FeedState()
        is_stale, told = False, False
        while True:
            try:
                async with asyncio.timeout(STALE_AFTER_S):
                    line = await reader.readline()
                changed = bool(line) and state.apply(line)
            except TimeoutError:
                if is_stale:
                    on_state(ConnectorState.FAILED, f"{self._name} stays silent, connecting anew")
                    return told
                is_stale = True
                on_state(ConnectorState.STALE, f"{self._name} has been silent for {STALE_AFTER_S:g} s")
                continue
            except (OSError, ValueError) as error:
                on_state(ConnectorState.FAILED, f"{self._name} was lost: {error}")
                return told
            if not line:
                on_state(ConnectorState.FAILED, f"{self._name} closed the connection")
                return told
            snapshot = state.snapshot(time.monotonic())
            if snapshot is None:
                continue
            if is_stale or not told:
                is_stale, told, changed = False, True, True
                on_state(ConnectorState.CONNECTED, f"connected to {self._name}")
            if changed:
                on_snapshot(snapshot)
