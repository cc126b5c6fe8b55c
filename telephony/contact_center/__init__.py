"""Connectors to contact centres: which queues there are, who is free, who waits. No Django.

One file or folder for each integration; `registry.make_connector` knows them by kind.
"""

from .base import (
    Agent,
    AgentState,
    Connector,
    ConnectorError,
    ConnectorState,
    ContactCenterSnapshot,
    QueueSnapshot,
    TakesPushes,
    is_queue_name,
)
from .registry import CONNECTOR_KINDS, make_connector

__all__ = [
    "CONNECTOR_KINDS",
    "Agent",
    "AgentState",
    "Connector",
    "ConnectorError",
    "ConnectorState",
    "ContactCenterSnapshot",
    "QueueSnapshot",
    "TakesPushes",
    "is_queue_name",
    "make_connector",
]
