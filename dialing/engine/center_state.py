"""Writes the state of each contact centre's connector, for the page that shows it."""

import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from telephony import services as telephony
from telephony.contact_center import ConnectorState

EVENTS_EVERY = 2.0
"""Seconds between writes of a contact centre's last event, however many come."""

InThread = Callable[..., Awaitable[None]]
"""Runs a function and its arguments in a database thread; a lost database is no error."""


class CenterStates:
    """The last known states. Writes of one contact centre follow each other: the newest state is the last written."""

    def __init__(self, in_thread: InThread, spawn: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._in_thread = in_thread
        self._spawn = spawn
        self._unwritten: dict[int, tuple[ConnectorState, str, datetime | None]] = {}
        self._writing: set[int] = set()
        self._heard_at: dict[int, float] = {}

    def changed(self, center: int, state: ConnectorState, error: str) -> None:
        """The connector told a new state, with one sentence when something is wrong."""
        heard = datetime.now(UTC) if state is ConnectorState.CONNECTED else None
        self._note(center, state, error, heard)

    def heard(self, center: int) -> None:
        """An event came."""
        if time.monotonic() - self._heard_at.get(center, float("-inf")) >= EVENTS_EVERY:
            self._note(center, ConnectorState.CONNECTED, "", datetime.now(UTC))

    def _note(self, center: int, state: ConnectorState, error: str, heard: datetime | None) -> None:
        self._heard_at[center] = time.monotonic()
        self._unwritten[center] = (state, error, heard)
        if center not in self._writing:
            self._writing.add(center)
            self._spawn(self._write(center))

    async def _write(self, center: int) -> None:
        try:
            while note := self._unwritten.pop(center, None):
                state, error, heard = note
                await self._in_thread(telephony.record_connector_state, center, state.value, error, heard)
        finally:
            self._writing.discard(center)
