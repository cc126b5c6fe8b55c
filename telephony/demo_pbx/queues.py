"""The contact centre's queue: agents with talk time and wrap-up, and callers that wait for them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .config import AgentConfig, QueueConfig
from .destinations import Caller, Publish

AgentActivity = Literal["FREE", "BUSY", "WRAP_UP"]


class UnknownAgentError(LookupError):
    """No queue has an agent with this id."""


@dataclass(slots=True, eq=False)
class Agent:
    """An agent. Ringing counts as busy; pause and sign-out take effect when a call in progress has ended."""

    id: str
    name: str
    activity: AgentActivity = "FREE"
    paused: bool = False
    signed_in: bool = True
    caller: Caller | None = None
    talking: bool = False
    calls: int = 0
    free_since: float = 0.0
    timer: asyncio.TimerHandle | None = None

    @property
    def state(self) -> str:
        if self.activity == "BUSY":
            return "BUSY"
        if not self.signed_in:
            return "SIGNED_OUT"
        if self.paused:
            return "PAUSED"
        return self.activity


class AgentQueue:
    """Gives each caller to the agent who is free the longest; who finds none waits in order of arrival."""

    def __init__(
        self, name: str, config: QueueConfig, loop: asyncio.AbstractEventLoop, publish: Publish
    ) -> None:
        self.name = name
        self.pilot = config.pilot
        self.agents = {item.id: self._new_agent(item) for item in config.agents}
        self._config = config
        self._loop = loop
        self._publish = publish
        self._waiting: dict[Caller, asyncio.TimerHandle] = {}

    @staticmethod
    def _new_agent(config: AgentConfig) -> Agent:
        return Agent(config.id, config.name)

    # Callers

    def enter(self, caller: Caller) -> None:
        agent = self._free_agent()
        if agent is not None:
            self._ring(agent, caller)
            return
        self._waiting[caller] = self._loop.call_later(self._config.max_wait_s, self._give_up, caller)
        self._publish_waiting()

    def leave(self, caller: Caller) -> None:
        if self._stop_waiting(caller):
            return
        for agent in self.agents.values():
            if agent.caller is caller:
                self._end_call(agent)

    def _give_up(self, caller: Caller) -> None:
        self._stop_waiting(caller)
        caller.refused(480)

    def _stop_waiting(self, caller: Caller) -> bool:
        timer = self._waiting.pop(caller, None)
        if timer is None:
            return False
        timer.cancel()
        self._publish_waiting()
        return True

    # Agents

    def _free_agent(self) -> Agent | None:
        free = [agent for agent in self.agents.values() if agent.state == "FREE"]
        return min(free, key=lambda agent: agent.free_since, default=None)

    def _ring(self, agent: Agent, caller: Caller) -> None:
        agent.caller, agent.talking = caller, False
        agent.calls += 1
        before, agent.activity = agent.state, "BUSY"
        self._tell_change(agent, before)
        self._later(agent, self._config.answer_s.pick(f"{caller.key}/answer"), self._answer)

    def _answer(self, agent: Agent) -> None:
        caller = agent.caller
        if caller is None:
            return
        agent.talking = True
        self._later(agent, self._config.talk_s.pick(f"{caller.key}/talk"), self._end_call)
        caller.connected(agent.id)

    def _end_call(self, agent: Agent) -> None:
        """The conversation is over, or the caller hung up while the agent's phone rang (no wrap-up then)."""
        caller, talked = agent.caller, agent.talking
        agent.caller, agent.talking = None, False
        if talked:
            before, agent.activity = agent.state, "WRAP_UP"
            self._tell_change(agent, before)
            self._later(agent, self._config.wrap_up_s.pick(f"{agent.id}/{agent.calls}"), self._become_free)
        else:
            self._become_free(agent)
        if caller is not None:
            caller.released()

    def _become_free(self, agent: Agent) -> None:
        if agent.timer is not None:
            agent.timer.cancel()
        agent.free_since = self._loop.time()
        before, agent.activity = agent.state, "FREE"
        self._tell_change(agent, before)
        self._serve_waiting()

    def _serve_waiting(self) -> None:
        while self._waiting and (agent := self._free_agent()) is not None:
            caller = next(iter(self._waiting))
            self._stop_waiting(caller)
            self._ring(agent, caller)

    def _later(self, agent: Agent, seconds: float, step: Callable[[Agent], None]) -> None:
        if agent.timer is not None:
            agent.timer.cancel()
        agent.timer = self._loop.call_later(seconds, step, agent)

    # The agents' own wishes

    def pause(self, agent_id: str, paused: bool) -> None:
        agent = self._agent(agent_id)
        before, agent.paused = agent.state, paused
        self._tell_change(agent, before)
        self._serve_waiting()

    def sign(self, agent_id: str, signed_in: bool) -> None:
        agent = self._agent(agent_id)
        before, agent.signed_in = agent.state, signed_in
        self._tell_change(agent, before)
        self._serve_waiting()

    def _agent(self, agent_id: str) -> Agent:
        if agent_id not in self.agents:
            raise UnknownAgentError(agent_id)
        return self.agents[agent_id]

    # What others see

    def _tell_change(self, agent: Agent, before: str) -> None:
        """Tell of a change when the state that others see is another one."""
        if agent.state != before:
            self._publish(
                {
                    "type": "agent",
                    "queue": self.name,
                    "id": agent.id,
                    "name": agent.name,
                    "state": agent.state,
                    "previous": before,
                }
            )

    def _publish_waiting(self) -> None:
        self._publish({"type": "queue", "queue": self.name, "waiting_callers": len(self._waiting)})

    def snapshot(self) -> dict[str, object]:
        return {
            "name": self.name,
            "kind": "OSCC",
            "pilot_number": self.pilot,
            "agents": [
                {"id": agent.id, "name": agent.name, "state": agent.state} for agent in self.agents.values()
            ],
            "waiting_callers": len(self._waiting),
            "channels_total": 0,
            "channels_busy": 0,
        }
