"""The connectors by kind."""

from collections.abc import Callable, Mapping
from typing import Final

from .asterisk_ami import AmiConnector
from .base import Connector
from .demo import DemoConnector
from .rest import RestConnector

CONNECTOR_KINDS: Final[Mapping[str, Callable[[Mapping[str, object]], Connector]]] = {
    "asterisk_ami": AmiConnector.from_settings,
    "demo": DemoConnector.from_settings,
    "rest": RestConnector.from_settings,
}


def make_connector(kind: str, settings: Mapping[str, object]) -> Connector:
    """The connector of this kind; ValueError names an unknown kind or a setting that is wrong. It does no I/O."""
    if kind not in CONNECTOR_KINDS:
        known = ", ".join(sorted(CONNECTOR_KINDS))
        raise ValueError(f"unknown kind of contact centre {kind!r}; known are: {known}")
    if not isinstance(settings, Mapping):  # what a JSON field may hold
        raise ValueError("settings must be a JSON object")
    return CONNECTOR_KINDS[kind](settings)
