"""What the engine knows of the contact centres: their queues, the last snapshots, which of them can be believed now."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from dialing.engine.board import Board
from dialing.engine.book import Center
from dialing.engine.center_state import CenterStates
from dialing.engine.watch import Watch
from dialing.pacing import Pacer, Supply
from telephony import services as telephony
from telephony.contact_center import AgentState, ConnectorState, ContactCenterSnapshot, QueueSnapshot

logger = logging.getLogger(__name__)

SYNC_AGAIN = 1.0
"""Seconds until queues that could not be written are tried again."""

InThread = Callable[..., Awaitable[Any]]
"""Runs a function and its arguments in a database thread."""
Spawn = Callable[[Coroutine[Any, Any, None]], None]
Changed = Callable[[Collection[int], datetime], None]
"""Hears that supplies have changed: the queues with an agent who became free, and when that was told."""


class Centers:
    """Hears all connectors, and tells pacer and board of each queue by its id."""

    def __init__(
        self,
        pacer: Pacer,
        board: Board,
        *,
        in_thread: InThread,
        quietly: InThread,
        spawn: Spawn,
        changed: Changed,
    ) -> None:
        self._pacer, self._board = pacer, board
        self._in_thread, self._spawn, self._changed = in_thread, spawn, changed
        self._watch = Watch(self._on_snapshot, self._on_state)
        self._states = CenterStates(quietly, spawn)
        self._queues: dict[tuple[int, str], int] = {}  # (contact centre, queue's name) -> queue
        self._snapshots: dict[int, ContactCenterSnapshot] = {}
        self._connected: set[int] = set()
        self._signed_in: set[int] = set()  # contact centres whose queues are yet to be compared with the rows
        self._syncing: set[int] = set()

    def follow(self, centers: Iterable[Center]) -> None:
        """Watches these and no others."""
        self._watch.follow(centers)

    def push(self, center: int, changes: Sequence[Mapping[str, Any]]) -> None:
        """What a contact centre has said by itself."""
        self._watch.push(center, changes)

    async def close(self) -> None:
        await self._watch.close()

    def connected_queues(self) -> list[int]:
        """Those that the last snapshot of a connected contact centre has."""
        return [
            queue
            for (center, name), queue in self._queues.items()
            if center in self._connected and name in self._snapshots[center].queues
        ]

    def numbers(self) -> dict[str, float]:
        """For the pages and `/metrics`."""
        return {"queues": len(self._queues), "connected": len(self._connected)}

    def _on_snapshot(self, center: Center, snapshot: ContactCenterSnapshot) -> None:
        self._snapshots[center.id] = snapshot
        is_new = center.id in self._signed_in
        heard_at, freed = timezone.now(), set()
        for name, queue in snapshot.queues.items():
            queue_id = self._queues.get((center.id, name))
            if queue_id is None:
                is_new = True
            else:
                self._board.queue(queue_id, queue, heard_at.timestamp())
                if self._pacer.queue_reported(queue_id, supply_of(queue, center.id), time.monotonic()):
                    freed.add(queue_id)
        for (owner, name), queue_id in self._queues.items():
            if owner == center.id and name not in snapshot.queues:
                self._queue_lost(queue_id)
        self._changed(freed, heard_at)
        if is_new and center.id not in self._syncing:
            self._syncing.add(center.id)
            self._spawn(self._sync(center))
        self._states.heard(center.id)

    def _on_state(self, center: Center, state: ConnectorState, about: str) -> None:
        is_connected = state is ConnectorState.CONNECTED
        if is_connected:
            self._connected.add(center.id)
            self._signed_in.add(center.id)
        else:
            self._connected.discard(center.id)
            for (owner, _name), queue in self._queues.items():
                if owner == center.id:
                    self._queue_lost(queue)
        if is_connected or state is ConnectorState.STALE:
            logger.info("Contact centre %d: %s", center.id, about)
        is_wrong = state in {ConnectorState.STALE, ConnectorState.FAILED}
        self._states.changed(center.id, state, about if is_wrong else "")

    async def _sync(self, center: Center) -> None:
        """Writes queues that are new or have changed since the last sign-in, then looks at the newest snapshot again."""
        self._signed_in.discard(center.id)
        try:
            ids = await self._in_thread(telephony.sync_queues, center.id, self._snapshots[center.id])
        except (OperationalError, InterfaceError):
            await asyncio.sleep(SYNC_AGAIN)
            ids = {}
            self._signed_in.add(center.id)
        finally:
            self._syncing.discard(center.id)
        self._queues.update({(center.id, name): queue for name, queue in ids.items()})
        if center.id in self._connected:
            self._on_snapshot(center, self._snapshots[center.id])

    def _queue_lost(self, queue: int) -> None:
        self._pacer.queue_lost(queue)
        self._board.lost(queue)


def supply_of(queue: QueueSnapshot, center: int | None = None) -> Supply:
    """An agent in wrap-up counts as busy: somebody who went there from free was on a call between two reports."""
    if queue.kind == "IVR":
        return Supply.of_channels(queue.channels_total, queue.channels_busy, queue.waiting_callers)
    busy = (AgentState.BUSY, AgentState.WRAP_UP)
    return Supply(
        free=frozenset(agent.id for agent in queue.agents if agent.state is AgentState.FREE),
        busy=frozenset(agent.id for agent in queue.agents if agent.state in busy),
        waiting=queue.waiting_callers,
        center=center,
    )
