"""The network between the parts: relays that stand still, lose packets, or cut what goes through them.

One thread with a loop of its own carries all of them. A relay that stands still keeps its connections and says
nothing: what the peers notice of a network that swallows everything.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from tests.patience import PATIENCE

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wires:
    """The thread that carries the relays."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()

    def stream(self, listen: Path, target: Path) -> "StreamRelay":
        """Between two sockets of the file system."""
        relay = StreamRelay(lambda: asyncio.open_unix_connection(target))
        self._do(relay.open(listen))
        return relay

    def connections(self, target: Callable[[], tuple[str, int]]) -> "StreamRelay":
        """From a new TCP port of 127.0.0.1 to `target`."""
        relay = StreamRelay(lambda: asyncio.open_connection(*target()))
        self._do(relay.open(None))
        return relay

    def datagrams(self, target: Callable[[], tuple[str, int]], random: Random) -> "DatagramRelay":
        """From a new UDP port of 127.0.0.1 to `target`."""
        relay = DatagramRelay(target, random)
        self._do(relay.open())
        return relay

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


class StreamRelay:
    """`flows` cleared: nothing goes through, in either direction, until it is set again."""

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, Ends]]) -> None:
        self.port = 0
        """Of TCP, where it listens there."""
        self._connect = connect
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flows = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, listen: Path | None) -> None:
        """At a socket of the file system, or a new TCP port."""
        self._loop = asyncio.get_running_loop()
        self._flows.set()
        if listen is not None:
            self._server = await asyncio.start_unix_server(self._carry, listen)
            return
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def pause(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._flows.clear)

    def resume(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._flows.set)

    def cut(self) -> None:
        """All connections that are there; new ones are carried."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        try:
            there_reader, there_writer = await self._connect()
        except OSError:
            writer.close()
            return
        self._writers |= {writer, there_writer}
        both = [
            asyncio.create_task(self._pump(reader, there_writer)),
            asyncio.create_task(self._pump(there_reader, writer)),
        ]
        self._tasks.update(both)
        for task in both:
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            await self._flows.wait()  # the end of a connection is a packet too
            with suppress(OSError):
                writer.close()
            self._writers.discard(writer)


class DatagramRelay:
    """Carries SIP in both directions; `loss` is the share of packets that it loses."""

    def __init__(self, target: Callable[[], tuple[str, int]], random: Random) -> None:
        self.loss = 0.0
        self.lost = 0
        self.port = 0
        self._target = target
        self._random = random
        self._front = _bound()
        self._there: dict[Any, socket.socket] = {}

    async def open(self) -> None:
        self.port = self._front.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._front, self._from_dialer)

    def _is_lost(self) -> bool:
        lost = self._random.random() < self.loss
        self.lost += lost
        return lost

    def _from_dialer(self) -> None:
        with suppress(OSError):
            data, source = self._front.recvfrom(65536)
            there = self._there.get(source)
            if there is None:
                there = self._there[source] = _bound()
                asyncio.get_running_loop().add_reader(there, self._from_pbx, there, source)
            if not self._is_lost():
                there.sendto(data, self._target())

    def _from_pbx(self, there: socket.socket, source: Any) -> None:
        with suppress(OSError):
            data, _sender = there.recvfrom(65536)
            if not self._is_lost():
                self._front.sendto(data, source)


def _bound() -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.setblocking(False)
    found.bind(("127.0.0.1", 0))
    return found
