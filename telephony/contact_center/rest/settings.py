"""Settings of a connector to a JSON endpoint (docs/contact-centres.md has an example and the contract)."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ..base import AgentState
from ..setting_fields import Fields, pilot_number
from .paths import Path

STATES: Final[Mapping[str, AgentState]] = {state.value.casefold(): state for state in AgentState}
"""Words for states that need no table."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are: `queues` in the answer, `agents` and the figures in a queue, the rest in an agent."""

    queues: Path
    name: Path
    kind: Path
    pilot: Path
    waiting: Path
    channels_total: Path
    channels_busy: Path
    agents: Path
    agent_id: Path
    agent_name: Path
    agent_state: Path


DEFAULT_PATHS: Final[Mapping[str, str]] = {
    "queues": "queues[*]",
    "name": "name",
    "kind": "kind",
    "pilot": "pilot_number",
    "waiting": "waiting_callers",
    "channels_total": "channels_total",
    "channels_busy": "channels_busy",
    "agents": "agents[*]",
    "agent_id": "id",
    "agent_name": "name",
    "agent_state": "state",
}


@dataclass(frozen=True, slots=True)
class PushPaths:
    """Where things are in a push: `events` in the body, the rest in an event."""

    events: Path
    queue: Path
    agent_id: Path
    agent_name: Path
    agent_state: Path
    waiting: Path
    channels_total: Path
    channels_busy: Path


DEFAULT_PUSH_PATHS: Final[Mapping[str, str]] = {
    "events": "events[*]",
    "queue": "queue",
    "agent_id": "agent",
    "agent_name": "name",
    "agent_state": "state",
    "waiting": "waiting_callers",
    "channels_total": "channels_total",
    "channels_busy": "channels_busy",
}

SHORTEST_SECRET: Final = 24
"""Characters: whoever knows it says which agents are free."""


@dataclass(frozen=True, slots=True)
class RestSettings:
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    ca_file: str = ""
    interval_s: float = 1.0
    timeout_s: float = 2.0
    paths: Paths = field(default_factory=lambda: read_paths({}))
    states: Mapping[str, AgentState] = field(default_factory=lambda: STATES)
    pilots: Mapping[str, str] = field(default_factory=dict)
    push_secret: str = field(default="", repr=False)
    """Empty: pushes are not taken."""
    push_per_second: int = 20
    push: PushPaths = field(default_factory=lambda: read_push_paths({}))

    @classmethod
    def read(cls, settings: Mapping[str, object]) -> "RestSettings":
        """ValueError names the setting that is wrong."""
        fields = Fields(settings)
        read = cls(
            url=_url(fields.text("url", what="an address that begins with https://")),
            username=fields.text("username", ""),
            password=fields.secret("password") if fields.has("password") else "",
            token=fields.secret("token") if fields.has("token") else "",
            ca_file=fields.text("ca_file", "", what="the path of a file of certificates"),
            interval_s=fields.whole("interval_ms", 1000, 100, 60_000) / 1000,
            timeout_s=fields.number("timeout_s", 2.0, 0.1, 30),
            paths=read_paths(fields.object("paths")),
            states=_states(fields.object("states")),
            pilots={
                name: pilot_number(value, f"pilots.{name}") for name, value in fields.object("pilots").items()
            },
            push_secret=fields.secret("push_secret") if fields.has("push_secret") else "",
            push_per_second=fields.whole("push_per_second", 20, 1, 1000),
            push=read_push_paths(fields.object("push_paths")),
        )
        fields.done()
        if 0 < len(read.push_secret) < SHORTEST_SECRET:
            raise ValueError(f"push_secret must have {SHORTEST_SECRET} characters at least")
        if read.token and read.username:
            raise ValueError("token and username exclude each other; name one of them")
        if bool(read.username) != bool(read.password):
            raise ValueError("username and password go together; one of them is missing")
        return read

    def ssl_context(self) -> ssl.SSLContext:
        """OSError (SSLError included) when the file of certificates can't be used."""
        return ssl.create_default_context(cafile=self.ca_file or None)


def read_paths(chosen: Mapping[str, object]) -> Paths:
    return Paths(**_parsed(chosen, "paths", DEFAULT_PATHS))


def read_push_paths(chosen: Mapping[str, object]) -> PushPaths:
    return PushPaths(**_parsed(chosen, "push_paths", DEFAULT_PUSH_PATHS))


def _parsed(chosen: Mapping[str, object], where: str, defaults: Mapping[str, str]) -> dict[str, Path]:
    fields = Fields(chosen, where)
    paths: dict[str, Path] = {}
    for name, default in defaults.items():
        try:
            paths[name] = Path.parse(fields.text(name, default, what="a path"))
        except ValueError as error:
            raise ValueError(f"{fields.name(name)}: {error}") from error
    fields.done()
    return paths


def _states(chosen: Mapping[str, object]) -> Mapping[str, AgentState]:
    """The endpoint's words, case ignored, before our own."""
    states = dict(STATES)
    for word, state in chosen.items():
        if not isinstance(state, str) or state.casefold() not in STATES:
            known = ", ".join(AgentState)
            raise ValueError(f"states.{word} must be one of {known}, not {state!r}")
        states[word.casefold()] = STATES[state.casefold()]
    return states


def _url(url: str) -> str:
    """http:// is for the same machine only: the answers decide who is called."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"url {url!r} is no address ({error})") from error
    is_local = host in {"127.0.0.1", "::1", "localhost"}
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_local)):
        raise ValueError(f"url must be an address that begins with https://, not {url!r}")
    if parts.username or parts.password:
        raise ValueError("url must be without a password; use username and password, or token")
    return url
