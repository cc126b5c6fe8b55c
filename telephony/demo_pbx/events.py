"""The events feed: JSON lines over TCP. A snapshot on connect, every change at once, a heartbeat each second.

Commands come in as JSON lines too, for tests and demonstrations; each gets one `reply` line.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Final

from .call import Call
from .call_log import wall_ms
from .destinations import Destination
from .ivr import Ivr
from .pbx import DemoPbx
from .queues import AgentQueue, UnknownAgentError

HEARTBEAT_S: Final = 1.0
MOST_UNREAD_BYTES: Final = 4 * 1024 * 1024


class CommandError(ValueError):
    """A command can't be done; the message is for the one who sent it."""


class EventsFeed:
    """All listeners. `publish` is what queues, IVRs and calls tell their changes to."""

    def __init__(self, queues: Mapping[str, AgentQueue], ivrs: Mapping[str, Ivr]) -> None:
        self.pbx: DemoPbx | None = None
        self._queues = queues
        self._ivrs = ivrs
        self._listeners: set[asyncio.StreamWriter] = set()

    def publish(self, event: dict[str, object]) -> None:
        """Tell every listener; who does not read is cut off."""
        line = _line(event)
        for writer in list(self._listeners):
            if writer.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
                self._listeners.discard(writer)
                writer.transport.abort()
            else:
                writer.write(line)

    async def beat(self) -> None:
        """The heartbeat, until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self.publish({"type": "heartbeat"})

    def snapshot(self) -> dict[str, object]:
        places: list[Destination] = [*self._queues.values(), *self._ivrs.values()]
        return {"type": "snapshot", "queues": [place.snapshot() for place in places]}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the peer closes it."""
        writer.write(_line(self.snapshot()))
        self._listeners.add(writer)
        try:
            while line := await reader.readline():
                writer.write(_line({"type": "reply", **self._reply(line)}))
                await writer.drain()
        except (OSError, ValueError):  # ValueError: a line beyond the reader's limit
            pass
        finally:
            self._listeners.discard(writer)
            writer.close()

    def close(self) -> None:
        for writer in self._listeners:
            writer.close()

    # Commands

    def _reply(self, line: bytes) -> dict[str, object]:
        try:
            command = json.loads(line)
        except ValueError:
            return {"ok": False, "error": "the line is no JSON"}
        if not isinstance(command, dict):
            return {"ok": False, "error": "a command is a JSON object"}
        reply: dict[str, object] = {"command": command.get("command")}
        try:
            return {**reply, "ok": True, **self._run(command)}
        except CommandError as error:
            return {**reply, "ok": False, "error": str(error)}

    def _run(self, command: Mapping[str, object]) -> dict[str, object]:
        assert self.pbx is not None
        match command.get("command"):
            case "pause" | "unpause" | "sign_in" | "sign_out" as verb:
                self._change_agent(verb, command)
            case "set_channels":
                self._set_channels(command)
            case "drop_customer":
                self._call(command.get("call_id")).customer_hangs_up()
            case "stats":
                return {"stats": self.pbx.stats()}
            case "calls":
                return {"calls": list(self.pbx.exchange.log.calls)}
            case "snapshot":
                return {"queues": self.snapshot()["queues"]}
            case unknown:
                raise CommandError(f"{unknown!r} is not a command")
        return {}

    def _change_agent(self, verb: str, command: Mapping[str, object]) -> None:
        agent = command.get("agent")
        if not isinstance(agent, str):
            raise CommandError("agent must be an agent's id")
        for queue in self._queues.values():
            try:
                if verb in ("pause", "unpause"):
                    queue.pause(agent, verb == "pause")
                else:
                    queue.sign(agent, verb == "sign_in")
            except UnknownAgentError:
                continue
            return
        raise CommandError(f"there is no agent {agent}")

    def _set_channels(self, command: Mapping[str, object]) -> None:
        name, channels = command.get("queue"), command.get("channels")
        ivr = self._ivrs.get(name) if isinstance(name, str) else None
        if ivr is None:
            raise CommandError(f"there is no IVR {name!r}")
        if isinstance(channels, bool) or not isinstance(channels, int) or channels < 0:
            raise CommandError("channels must be a whole number from 0")
        ivr.set_channels(channels)

    def _call(self, call_id: object) -> Call:
        assert self.pbx is not None
        for call in self.pbx.exchange.calls.values():
            if call.record.call_id == call_id:
                return call
        raise CommandError(f"there is no call {call_id!r}")


def _line(event: dict[str, object]) -> bytes:
    kind = event.get("type")
    return json.dumps({"type": kind, "at": wall_ms(), **event}, ensure_ascii=False).encode() + b"\n"
