"""The connectors by kind."""

from collections.abc import Callable, Mapping
from typing import Final

from .base import Connector
from .demo import DemoConnector

CONNECTOR_KINDS: Final[Mapping[str, Callable[[Mapping[str, object]], Connector]]] = {
    "demo": DemoConnector.from_settings,
}


def make_connector(kind: str, settings: Mapping[str, object]) -> Connector:
    """The connector of this kind; ValueError names an unknown kind or a setting that is wrong."""
    if kind not in CONNECTOR_KINDS:
        known = ", ".join(sorted(CONNECTOR_KINDS))
        raise ValueError(f"unknown kind of contact centre {kind!r}; known are: {known}")
    return CONNECTOR_KINDS[kind](settings)
