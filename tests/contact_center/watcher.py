"""Runs a connector and keeps what it says."""

import asyncio

from telephony.contact_center import Connector, ConnectorState, ContactCenterSnapshot
from tests.contact_center.ami_peer import until


class Watcher:
    def __init__(self, connector: Connector) -> None:
        self.snapshots: list[ContactCenterSnapshot] = []
        self.states: list[ConnectorState] = []
        self.words: list[str] = []
        self.task = asyncio.create_task(connector.run(self.snapshots.append, self._on_state))

    def _on_state(self, state: ConnectorState, about: str) -> None:
        self.states.append(state)
        self.words.append(about)

    def free(self, queue: str = "sales") -> int:
        return self.snapshots[-1].queues[queue].free

    async def in_state(self, state: ConnectorState) -> None:
        await until(lambda: self.states and self.states[-1] is state)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
