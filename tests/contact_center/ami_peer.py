"""Messages as Asterisk writes them, and a small Asterisk over TCP that says what a test tells it to."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable
from typing import Any

from tests.patience import PATIENCE

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
SETTINGS: dict[str, Any] = {"host": "127.0.0.1", "username": "dialer", "password": "pass-word", "wrapup_s": 3}
EPOCH = 1_795_392_900.0


def message(**fields: object) -> bytes:
    """One message; `_` in a name stands for `-`."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def member(agent: str, *, queue: str = "sales", status: int = 1, **fields: object) -> dict[str, object]:
    """What Asterisk tells of one agent in one queue."""
    return {
        "Queue": queue,
        "Interface": f"PJSIP/{agent}",
        "MemberName": f"Agent {agent}",
        "StateInterface": f"PJSIP/{agent}",
        "LastCall": 0,
        "InCall": 0,
        "Status": status,
        "Paused": 0,
        **fields,
    }


def status(agent: str, value: int, **fields: Any) -> bytes:
    return message(Event="QueueMemberStatus", **member(agent, status=value, **fields))


def call(event: str, caller: str, agent: str, queue: str = "sales") -> bytes:
    """AgentCalled, AgentConnect, AgentRingNoAnswer, AgentComplete."""
    return message(Event=event, Queue=queue, Uniqueid=caller, Interface=f"PJSIP/{agent}", Linkedid="x")


def caller(event: str, uniqueid: str, count: int, queue: str = "sales") -> bytes:
    """QueueCallerJoin, QueueCallerLeave."""
    return message(Event=event, Queue=queue, Uniqueid=uniqueid, Count=count)


def listing(
    action_id: str, members: list[dict[str, object]], waiting: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """The answer to QueueStatus."""
    reply = message(Response="Success", ActionID=action_id, EventList="start")
    for queue in sorted({str(one["Queue"]) for one in members} | {queue for queue, _ in waiting}):
        reply += message(Event="QueueParams", Queue=queue, ActionID=action_id)
    for one in members:
        item = {**one, "Name": one["MemberName"], "Location": one["Interface"]}
        del item["MemberName"], item["Interface"]
        reply += message(Event="QueueMember", **item, ActionID=action_id)
    for queue, uniqueid in waiting:
        reply += message(Event="QueueEntry", Queue=queue, Uniqueid=uniqueid, ActionID=action_id)
    return reply + message(Event="QueueStatusComplete", ActionID=action_id, EventList="Complete")


def actions(data: bytes) -> list[dict[str, str]]:
    """The actions that a client sent."""
    texts = [text for text in data.decode().split("\r\n\r\n") if text]
    return [dict(line.split(": ", 1) for line in text.split("\r\n")) for text in texts]


class AmiPeer:
    """Answers sign-ins and lists with what `members` and `waiting` hold; `say` sends to all who are signed in."""

    def __init__(self, members: list[dict[str, object]]) -> None:
        self.members = members
        self.waiting: list[tuple[str, str]] = []
        self.channels: list[dict[str, object]] | None = None
        """None: this user may not list them."""
        self.seen: list[dict[str, str]] = []
        self.is_mute = False
        self.greeting = GREETING
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self, context: ssl.SSLContext | None = None) -> "AmiPeer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        self.drop()
        await asyncio.sleep(0)

    def drop(self) -> None:
        """All connections, as a restart does."""
        for writer in list(self._writers):
            writer.close()

    def say(self, data: bytes) -> None:
        for writer in self._writers:
            writer.write(data)

    @property
    def settings(self) -> dict[str, Any]:
        return {**SETTINGS, "port": self.port}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        writer.write(self.greeting)
        try:
            while not writer.is_closing():
                asked = actions(await reader.readuntil(b"\r\n\r\n"))[0]
                self.seen.append(asked)
                if not self.is_mute:
                    writer.write(self._answer(asked))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, asked: dict[str, str]) -> bytes:
        action_id = asked["ActionID"]
        match asked["Action"]:
            case "Challenge":
                return message(Response="Success", ActionID=action_id, Challenge="4711")
            case "Login":
                right = hashlib.md5(b"4711" + SETTINGS["password"].encode()).hexdigest()
                if right not in asked.values() and SETTINGS["password"] not in asked.values():
                    return message(Response="Error", ActionID=action_id, Message="Authentication failed")
                return message(Response="Success", ActionID=action_id) + message(Event="FullyBooted")
            case "Ping":
                return message(
                    Response="Success", ActionID=action_id, Ping="Pong", Timestamp=f"{time.time():.6f}"
                )
            case "QueueStatus":
                return listing(action_id, self.members, tuple(self.waiting))
            case "CoreShowChannels" if self.channels is not None:
                items = [
                    message(Event="CoreShowChannel", **item, ActionID=action_id) for item in self.channels
                ]
                end = message(Event="CoreShowChannelsComplete", ActionID=action_id, EventList="Complete")
                return (
                    message(Response="Success", ActionID=action_id, EventList="start") + b"".join(items) + end
                )
            case _:
                return message(Response="Error", ActionID=action_id, Message="Permission denied")


async def until(fits: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not fits():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.005)
