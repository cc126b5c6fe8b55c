"""What a contact centre pushes: changes of single agents and queues, between two polls. No I/O.

A push hastens what the next poll would tell. It names what has changed; the poll is the whole truth and mends what a
lost push left wrong.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..base import Agent, AgentState, QueueSnapshot
from .mapping import AnswerError, count_at, state_at, text_at
from .paths import Found
from .settings import RestSettings

MOST_CHANGES = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """One agent's state, or figures of one queue. None: it says nothing about that."""

    queue: str | None = None
    """None: all queues that the agent is in."""
    agent: str | None = None
    name: str | None = None
    state: AgentState | None = None
    waiting: int | None = None
    channels_total: int | None = None
    channels_busy: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Change":
        state = value.get("state")
        return cls(**{**value, "state": None if state is None else AgentState(state)})


def changes_of(body: bytes, settings: RestSettings) -> list[Change]:
    """All changes that the body tells, in its order. AnswerError is the end of a sentence about it."""
    try:
        root = Found(json.loads(body), "")
    except (ValueError, RecursionError) as error:
        raise AnswerError("is no JSON") from error
    found = list(settings.push.events.all(root))
    if not found:
        raise AnswerError(f"has no events at {settings.push.events.words()!r}")
    if len(found) > MOST_CHANGES:
        raise AnswerError(f"has {len(found)} events; {MOST_CHANGES} are taken at once")
    return [_change(item, settings) for item in found]


def _change(item: Found, settings: RestSettings) -> Change:
    paths = settings.push
    queue = text_at(item, paths.queue) or None
    agent = text_at(item, paths.agent_id) or None
    named = queue or agent or "an event"
    change = Change(
        queue=queue,
        agent=agent,
        name=text_at(item, paths.agent_name) or None,
        state=state_at(item, paths.agent_state, agent, settings) if agent else None,
        waiting=count_at(item, paths.waiting, named),
        channels_total=count_at(item, paths.channels_total, named),
        channels_busy=count_at(item, paths.channels_busy, named),
    )
    if queue is None and agent is None:
        raise AnswerError(
            f"has an event without a queue at {paths.queue.words()!r} and an agent at {paths.agent_id.words()!r}"
        )
    if agent is None and (change.waiting, change.channels_total, change.channels_busy) == (None, None, None):
        raise AnswerError(f"has an event about {queue!r} that tells no figure and no agent")
    return change


def applied(queues: Mapping[str, QueueSnapshot], changes: Iterable[Change]) -> dict[str, QueueSnapshot]:
    """The queues with the changes. What names an unknown queue is left to the next poll."""
    result = dict(queues)
    for change in changes:
        names = [change.queue] if change.queue is not None else list(result)
        for name in names:
            if name in result:
                result[name] = _changed(result[name], change)
    return result


def _changed(queue: QueueSnapshot, change: Change) -> QueueSnapshot:
    if queue.kind == "IVR":
        total, busy = change.channels_total, change.channels_busy
        queue = replace(
            queue,
            channels_total=queue.channels_total if total is None else total,
            channels_busy=queue.channels_busy if busy is None else busy,
        )
    elif change.agent is not None and change.state is not None:
        queue = replace(queue, agents=_with(queue.agents, change))
    return queue if change.waiting is None else replace(queue, waiting_callers=change.waiting)


def _with(agents: tuple[Agent, ...], change: Change) -> tuple[Agent, ...]:
    """An agent who is new joins the queue that the event names, and no other."""
    assert change.agent is not None
    assert change.state is not None
    known = {agent.id: agent for agent in agents}
    before = known.get(change.agent)
    if before is None and change.queue is None:
        return agents
    name = change.name or (before.name if before is not None else change.agent)
    known[change.agent] = Agent(change.agent, name, change.state)
    return tuple(sorted(known.values(), key=lambda agent: agent.id))
