"""Turns an endpoint's answer into queues. No I/O."""

import json
from typing import Any

from ..base import Agent, AgentState, QueueSnapshot
from .paths import Found, Path
from .settings import RestSettings


class AnswerError(ValueError):
    """The answer is not what the settings say; the message is the end of a sentence about it."""


def queues_of(body: bytes, settings: RestSettings) -> dict[str, QueueSnapshot]:
    """All queues of the answer, by name."""
    try:
        root = Found(json.loads(body), "")
    except (ValueError, RecursionError) as error:
        raise AnswerError("is no JSON") from error
    paths = settings.paths
    found = list(paths.queues.all(root))
    if not found and _is_absent(root, paths.queues):
        raise AnswerError(f"has no queues at {paths.queues.words()!r}")
    queues: dict[str, QueueSnapshot] = {}
    for item in found:
        queue = _queue(item, settings)
        if queue.name in queues:
            raise AnswerError(f"has the queue {queue.name!r} twice")
        queues[queue.name] = queue
    return queues


def _queue(item: Found, settings: RestSettings) -> QueueSnapshot:
    paths = settings.paths
    name = _text(item, paths.name, "a queue without a name")
    total = count_at(item, paths.channels_total, name)
    kind = paths.kind.first(item)
    is_ivr = str(kind).upper() == "IVR" if isinstance(kind, str) else total is not None
    if is_ivr and total is None:
        raise AnswerError(f"tells no channels of the IVR {name!r} at {paths.channels_total.words()!r}")
    agents = () if is_ivr else tuple(_agent(one, name, settings) for one in paths.agents.all(item))
    if not is_ivr and not agents and _is_absent(item, paths.agents):
        raise AnswerError(f"has no agents of {name!r} at {paths.agents.words()!r}")
    pilot = settings.pilots.get(name) or paths.pilot.first(item)
    return QueueSnapshot(
        name=name,
        kind="IVR" if is_ivr else "OSCC",
        pilot_number=str(pilot) if isinstance(pilot, str | int) else "",
        agents=tuple(sorted(agents, key=lambda agent: agent.id)),
        waiting_callers=count_at(item, paths.waiting, name) or 0,
        channels_total=(total or 0) if is_ivr else 0,
        channels_busy=(count_at(item, paths.channels_busy, name) or 0) if is_ivr else 0,
    )


def _agent(item: Found, queue: str, settings: RestSettings) -> Agent:
    paths = settings.paths
    agent_id = _text(item, paths.agent_id, f"an agent of {queue!r} without an id")
    name = paths.agent_name.first(item)
    state = state_at(item, paths.agent_state, agent_id, settings)
    return Agent(agent_id, name if isinstance(name, str) and name else agent_id, state)


def state_at(item: Found, path: Path, agent: str, settings: RestSettings) -> AgentState:
    """A word for a state that nobody knows counts as signed out: such an agent is given no call."""
    word = path.first(item)
    if word is None or isinstance(word, dict | list):
        raise AnswerError(f"tells no state of the agent {agent!r} at {path.words()!r}")
    return settings.states.get(_word(word).casefold(), AgentState.SIGNED_OUT)


def _word(value: Any) -> str:
    """A state as the table has it: texts, numbers, true and false."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _text(item: Found, path: Path, otherwise: str) -> str:
    text = text_at(item, path)
    if not text:
        raise AnswerError(f"has {otherwise} at {path.words()!r}")
    return text


def text_at(item: Found, path: Path) -> str:
    """A text or a number; empty when there is none."""
    value = path.first(item)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:100]


def count_at(item: Found, path: Path, queue: str) -> int | None:
    """None when there is none."""
    value = path.first(item)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise AnswerError(f"has {value!r} instead of a count at {path.words()!r} of {queue!r}")
    return value


def _is_absent(item: Found, path: Path) -> bool:
    """Nothing there at all, not even an empty list: the path is wrong, or the answer is."""
    parts = path.parts
    if parts and parts[-1] == "*":
        return not any(isinstance(one.value, list | dict) for one in Path(parts[:-1]).all(item))
    return True
