"""The connectors of all enabled contact centres, one task each."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dialing.engine.book import Center
from dialing.records import one_line
from telephony.contact_center import (
    Connector,
    ConnectorState,
    ContactCenterSnapshot,
    TakesPushes,
    is_queue_name,
    make_connector,
)

logger = logging.getLogger(__name__)

RESTART_AFTER = 2.0
"""Seconds before a connector that ended by an error runs again."""

OnSnapshot = Callable[[Center, ContactCenterSnapshot], None]
OnState = Callable[[Center, ConnectorState, str], None]


class Watch:
    """Runs a connector for each contact centre of the last `follow`."""

    def __init__(self, on_snapshot: OnSnapshot, on_state: OnState) -> None:
        self._on_snapshot = on_snapshot
        self._on_state = on_state
        self._tasks: dict[Center, asyncio.Task[None]] = {}
        self._running: dict[int, Connector] = {}

    def follow(self, centers: Iterable[Center]) -> None:
        """Starts connectors of new or changed contact centres, ends the others'."""
        wanted = set(centers)
        for center in self._tasks.keys() - wanted:
            self._tasks.pop(center).cancel()
            self._running.pop(center.id, None)
            self._on_state(center, ConnectorState.CONNECTING, "")
        for center in wanted - self._tasks.keys():
            self._tasks[center] = asyncio.create_task(self._run(center))

    def push(self, center: int, changes: Sequence[Mapping[str, Any]]) -> None:
        """What a contact centre has said by itself. One that is not watched, or takes no pushes, is passed over."""
        connector = self._running.get(center)
        if isinstance(connector, TakesPushes):
            connector.push(changes)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, center: Center) -> None:
        odd: set[str] = set()

        def on_snapshot(snapshot: ContactCenterSnapshot) -> None:
            self._on_snapshot(center, _nameable(center, snapshot, odd))

        def on_state(state: ConnectorState, about: str) -> None:
            self._on_state(center, state, about)

        while True:
            try:
                connector = make_connector(center.kind, json.loads(center.settings))
                self._running[center.id] = connector
                await connector.run(on_snapshot, on_state)
            except ValueError as error:
                on_state(ConnectorState.FAILED, one_line(error))
            except Exception as error:
                logger.exception("The connector of contact centre %d failed.", center.id)
                on_state(ConnectorState.FAILED, one_line(error))
            await asyncio.sleep(RESTART_AFTER)


def _nameable(center: Center, snapshot: ContactCenterSnapshot, odd: set[str]) -> ContactCenterSnapshot:
    """Without queues whose name no row can have; each is told once."""
    names = {name for name in snapshot.queues if not is_queue_name(name)}
    if not names:
        return snapshot
    for name in names - odd:
        logger.warning("Contact centre %d has a queue whose name can't be kept: %.120r", center.id, name)
    odd |= names
    return replace(snapshot, queues={n: q for n, q in snapshot.queues.items() if n not in names})
