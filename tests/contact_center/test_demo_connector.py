"""The connector to the demo PBX: complete snapshots, reconnects, staleness, words for the administrator."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from telephony.contact_center import (
    AgentState,
    Connector,
    ConnectorError,
    ConnectorState,
    ContactCenterSnapshot,
    QueueSnapshot,
    demo,
    make_connector,
)
from telephony.contact_center.demo import DemoConnector, FeedState
from telephony.demo_pbx.process import DemoPbxProcess
from tests.patience import PATIENCE

SALES = {
    "name": "sales",
    "kind": "OSCC",
    "pilot_number": "7000",
    "agents": [{"id": "1", "name": "Ann", "state": "FREE"}, {"id": "2", "name": "Bob", "state": "PAUSED"}],
    "waiting_callers": 0,
    "channels_total": 0,
    "channels_busy": 0,
}
IVR = {**SALES, "name": "ivr", "kind": "IVR", "agents": [], "channels_total": 5, "channels_busy": 2}


def line(**event: object) -> bytes:
    return json.dumps(event).encode() + b"\n"


SNAPSHOT = line(type="snapshot", queues=[SALES, IVR])


class Watcher:
    """Runs a connector and keeps what it says."""

    def __init__(self, connector: Connector) -> None:
        self.snapshots: list[ContactCenterSnapshot] = []
        self.states: list[ConnectorState] = []
        self.task = asyncio.create_task(
            connector.run(self.snapshots.append, lambda state, _text: self.states.append(state))
        )

    async def until(self, fits: Callable[["Watcher"], object], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not fits(self):
            assert time.monotonic() < deadline, (self.states, self.snapshots[-1:])
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve(handler: Serve, port: int = 0) -> tuple[asyncio.Server, int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    return server, server.sockets[0].getsockname()[1]


# The core: lines in, snapshots out


def test_a_snapshot_line_gives_all_queues() -> None:
    state = FeedState()
    assert state.snapshot(1.0) is None
    assert state.apply(SNAPSHOT)
    snapshot = state.snapshot(1.0)
    assert snapshot
    assert snapshot.received_at == 1.0
    assert [(name, queue.free) for name, queue in snapshot.queues.items()] == [("sales", 1), ("ivr", 3)]
    assert snapshot.queues["sales"].agents[1].state is AgentState.PAUSED


def test_changes_make_new_snapshots_and_leave_old_ones_alone() -> None:
    state = FeedState()
    state.apply(SNAPSHOT)
    before = state.snapshot(0.0)
    assert state.apply(line(type="agent", queue="sales", id="1", name="Ann", state="BUSY"))
    assert state.apply(line(type="queue", queue="sales", waiting_callers=2))
    assert state.apply(line(type="channels", queue="ivr", channels_total=5, channels_busy=7))
    after = state.snapshot(0.0)
    assert before
    assert after
    assert before.queues["sales"].free == 1
    assert (after.queues["sales"].free, after.queues["sales"].waiting_callers) == (0, 2)
    assert after.queues["ivr"].free == 0  # more calls than channels is still none free


def test_what_changes_nothing_makes_no_snapshot() -> None:
    state = FeedState()
    assert not state.apply(line(type="agent", queue="sales", id="1", name="Ann", state="FREE"))
    state.apply(SNAPSHOT)
    for event in (
        {"type": "heartbeat"},
        {"type": "call", "number": "06"},
        {"type": "agent", "queue": "other", "id": "1"},
        {"type": "agent", "queue": "sales", "id": "1", "name": "Ann", "state": "FREE"},
        {"type": "something new", "queue": "sales"},
    ):
        assert not state.apply(line(**event)), event


@pytest.mark.parametrize(
    "broken",
    [
        b"nonsense\n",
        b"[1]\n",
        b"\xff\xfe\n",
        line(type="snapshot"),
        line(type="snapshot", queues=[{**SALES, "waiting_callers": "many"}]),
        line(type="snapshot", queues=[{**SALES, "agents": [{"id": 1, "name": "x", "state": "DANCING"}]}]),
        line(type="snapshot", queues=[{**SALES, "agents": 4}]),
    ],
)
def test_broken_lines_are_value_errors(broken: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every kind of broken line
        FeedState().apply(broken)


# Making one


def test_settings_and_kinds_that_are_wrong_are_named() -> None:
    with pytest.raises(ValueError, match=r"'avaya'.*known are: .*demo"):
        make_connector("avaya", {})
    with pytest.raises(ValueError, match="port must be"):
        make_connector("demo", {"host": "127.0.0.1"})
    with pytest.raises(ValueError, match="host must be"):
        make_connector("demo", {"host": 5, "port": 9})
    assert make_connector("demo", {"port": 9}) == DemoConnector("127.0.0.1", 9)


# With the demo PBX


def test_it_follows_the_demo_pbx(tmp_path: Path) -> None:
    async def scenario(port: int) -> None:
        watcher = Watcher(make_connector("demo", {"host": "127.0.0.1", "port": port}))
        await watcher.until(lambda seen: seen.snapshots)
        assert watcher.states == [ConnectorState.CONNECTING, ConnectorState.CONNECTED]
        queue = watcher.snapshots[-1].queues["sales"]
        assert (queue.kind, queue.pilot_number, queue.free) == ("OSCC", "7000", 4)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        asked = time.monotonic()
        writer.write(line(command="pause", agent="7102"))
        await watcher.until(lambda seen: seen.snapshots[-1].queues["sales"].free == 3)
        assert watcher.snapshots[-1].received_at - asked < 0.5
        writer.write(line(command="set_channels", queue="ivr", channels=0))
        await watcher.until(lambda seen: seen.snapshots[-1].queues["ivr"].free == 0)
        assert watcher.snapshots[-1].queues["sales"].free == 3
        writer.close()
        await watcher.stop()
        fetched = await make_connector("demo", {"port": port}).fetch()
        assert fetched.queues == watcher.snapshots[-1].queues

    with DemoPbxProcess(tmp_path) as pbx:
        asyncio.run(scenario(pbx.start().events_port))


# With a feed that misbehaves


def test_it_reconnects_by_itself_and_tells_the_whole_state_anew() -> None:
    async def scenario() -> None:
        connections = 0

        async def hang_up_twice(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            writer.write(SNAPSHOT)
            await writer.drain()
            if connections > 2:
                await asyncio.sleep(0.2)

        server, port = await serve(hang_up_twice)
        watcher = Watcher(DemoConnector("127.0.0.1", port))
        await watcher.until(lambda seen: len(seen.snapshots) == 3)
        turn = [ConnectorState.CONNECTING, ConnectorState.CONNECTED, ConnectorState.FAILED]
        assert watcher.states[:8] == [*turn, *turn, *turn[:2]]
        await watcher.stop()
        server.close()

    asyncio.run(scenario())


def test_it_waits_longer_after_each_failure() -> None:
    async def scenario() -> None:
        server, port = await serve(lambda *_: asyncio.sleep(0))
        server.close()
        await server.wait_closed()
        watcher = Watcher(DemoConnector("127.0.0.1", port))
        await asyncio.sleep(1.0)  # tries at 0, 0.2 and 0.6 s
        assert watcher.states.count(ConnectorState.CONNECTING) == 3
        assert watcher.states.count(ConnectorState.FAILED) == 3
        assert watcher.snapshots == []
        again, _ = await serve(lambda _, writer: _say(writer, SNAPSHOT), port)
        await watcher.until(lambda seen: seen.snapshots)
        await watcher.stop()
        again.close()

    asyncio.run(scenario())


async def _say(writer: asyncio.StreamWriter, data: bytes, seconds: float = 0.5) -> None:
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(seconds)


def test_a_silent_feed_is_stale_until_it_speaks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "STALE_AFTER_S", 0.15)

    async def scenario() -> None:
        async def silent_for_a_while(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _say(writer, SNAPSHOT, 0.25)
            await _say(writer, line(type="heartbeat"), 0.1)
            await _say(writer, b"", 5)

        server, port = await serve(silent_for_a_while)
        watcher = Watcher(DemoConnector("127.0.0.1", port))
        await watcher.until(lambda seen: ConnectorState.FAILED in seen.states)
        assert watcher.states == [
            ConnectorState.CONNECTING,
            ConnectorState.CONNECTED,
            ConnectorState.STALE,
            ConnectorState.CONNECTED,
            ConnectorState.STALE,
            ConnectorState.FAILED,
        ]
        assert len(watcher.snapshots) == 2  # the second one says that the first still holds
        await watcher.stop()
        server.close()

    asyncio.run(scenario())


def test_a_stranger_on_the_port_is_a_failure_not_a_crash() -> None:
    async def scenario() -> None:
        server, port = await serve(lambda _, writer: _say(writer, b"HTTP/1.1 400 Bad Request\r\n"))
        watcher = Watcher(DemoConnector("127.0.0.1", port))
        await watcher.until(lambda seen: ConnectorState.FAILED in seen.states)
        assert watcher.snapshots == []
        with pytest.raises(ConnectorError, match="does not speak"):
            await DemoConnector("127.0.0.1", port).fetch()
        await watcher.stop()
        server.close()

    asyncio.run(scenario())


def test_fetch_says_what_is_wrong() -> None:
    async def scenario() -> None:
        silent, port = await serve(lambda _, writer: _say(writer, b""))
        with pytest.raises(ConnectorError, match=r"told nothing within 0.2 s"):
            await DemoConnector("127.0.0.1", port).fetch(timeout=0.2)
        silent.close()
        closing, port = await serve(lambda *_: asyncio.sleep(0))
        with pytest.raises(ConnectorError, match="closed the connection"):
            await DemoConnector("127.0.0.1", port).fetch()
        closing.close()
        await closing.wait_closed()
        with pytest.raises(ConnectorError, match="is it running"):
            await DemoConnector("127.0.0.1", port).fetch()

    asyncio.run(scenario())


def test_free_agents_are_those_in_state_free_alone() -> None:
    item: dict[str, Any] = {**SALES, "agents": [{"id": s, "name": s, "state": s} for s in AgentState]}
    state = FeedState()
    state.apply(line(type="snapshot", queues=[item]))
    snapshot = state.snapshot(0.0)
    assert snapshot
    queue: QueueSnapshot = snapshot.queues["sales"]
    assert (len(queue.agents), queue.free) == (5, 1)
