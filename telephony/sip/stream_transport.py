"""TCP and TLS (RFC 3261 sections 18 and 26.3.1): one connection to each peer, opened when needed.

Connections leave from the port that we listen on and name in Via and Contact, so a peer that looks for a
connection to our Contact finds the one that is open (RFC 5923 in effect), and TCP peers may also connect to it.
"""

import asyncio
import contextlib
import errno
import logging
import random
import socket
import ssl
from collections.abc import Coroutine
from typing import Any, cast

from .framing import FramingError, StreamFramer
from .transport import Destination, Receiver, local_host_towards

logger = logging.getLogger(__name__)

CONNECT_S = 8.0
CLOSE_S = 0.5
MAX_UNSENT_BYTES = 1_000_000
MAX_CONNECTIONS = 500
PONG_S = 10.0  # RFC 5626 section 4.4.1
UNACKNOWLEDGED_MS = 32_000  # 64*T1: a peer whose TCP acknowledges nothing for so long is gone
_PORT_TAKEN = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)
PING, PONG = b"\r\n\r\n", b"\r\n"


class _Connection(asyncio.Protocol):
    """One connection; messages wait in it until it is open."""

    def __init__(self, owner: "StreamTransport", peer: Destination | None) -> None:
        self.peer = peer
        self.transport: asyncio.Transport | None = None
        self.waiting: list[bytes] = []
        self._owner = owner
        self._framer = StreamFramer()
        self._is_ours = peer is not None
        self._peer_answers_pings = False
        self._pong_due: asyncio.TimerHandle | None = None
        self._failure: str | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self.peer is None:
            host, port = self.transport.get_extra_info("peername")[:2]
            self.peer = Destination(self._owner.name, host, port)
            if not self._owner.adopt(self):
                self.transport.abort()
                return
        for data in self.waiting:
            self.transport.write(data)
        self.waiting.clear()

    def send(self, data: bytes) -> None:
        if self.transport is None:
            self.waiting.append(data)
        elif self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            logger.warning("%s does not read; its connection is closed", self.peer)
            self.transport.abort()
        else:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        assert self.peer is not None
        pings, blank_lines = self._framer.pings, self._framer.blank_lines
        try:
            messages = self._framer.feed(data)
        except FramingError as error:
            logger.info("connection with %s closed: %s", self.peer, error)
            if self.transport is not None:
                self.transport.abort()
            return
        self._heard(self._framer.pings - pings, self._framer.blank_lines - blank_lines)
        for message in messages:
            self._owner.receiver.receive(message, self.peer)

    def ping(self) -> None:
        """A sign of life; one that a peer which answers them does not answer ends the connection."""
        if self.transport is None or self._pong_due is not None:
            return
        self.send(PING)
        if self._peer_answers_pings:
            self._pong_due = asyncio.get_running_loop().call_later(PONG_S, self._no_pong)

    def _heard(self, pings: int, blank_lines: int) -> None:
        """Something came, so the connection is alive. Not every peer answers pings (RFC 5626 is an extension): a
        missing answer says something only of one that did before."""
        if self._pong_due is not None:
            self._pong_due.cancel()
            self._pong_due = None
        if self._is_ours:
            self._peer_answers_pings |= blank_lines > 0
        elif pings:
            self.send(PONG)

    def _no_pong(self) -> None:
        self._failure = f"no answer to a keep-alive within {PONG_S:g} s"
        logger.info("connection with %s closed: %s", self.peer, self._failure)
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._pong_due is not None:
            self._pong_due.cancel()
        self.gone.set()
        self._owner.lost(self, self._failure or (str(exc) if exc else "") or "connection closed by the peer")


class StreamTransport:
    """All TCP (or TLS) connections of a user agent."""

    reliable = True

    def __init__(
        self, receiver: Receiver, host: str, *, tls: ssl.SSLContext | None = None, keep_alive_s: float = 0
    ) -> None:
        self.name = "tls" if tls is not None else "tcp"
        self.receiver = receiver
        self._tls = tls
        self._keep_alive_s = keep_alive_s
        self._host = host
        self._wildcard = host in ("0.0.0.0", "::")  # noqa: S104
        self._connections: dict[tuple[str, int], _Connection] = {}
        self._closing: list[_Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._towards: dict[str, str] = {}
        self._port = 0

    async def open(self) -> None:
        """Take a port. TCP listens on it; TLS only calls from it, for it has no certificate to show."""
        listener = _shared_socket(self._host, 0)
        self._port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        if self._tls is None:
            self._server = await loop.create_server(lambda: _Connection(self, None), sock=listener)
        else:
            listener.close()
        if self._keep_alive_s > 0:
            self._spawn(self._keep_alive())

    def local_address(self, destination: Destination) -> tuple[str, int]:
        if not self._wildcard:
            return self._host, self._port
        host = self._towards.get(destination.host)
        if host is None:
            host = self._towards[destination.host] = local_host_towards(destination.host)
        return host, self._port

    def send(self, data: bytes, destination: Destination) -> None:
        key = (destination.host, destination.port)
        connection = self._connections.get(key)
        if connection is None:
            connection = self._connections[key] = _Connection(self, destination)
            self._spawn(self._connect(connection, destination))
        connection.send(data)

    def adopt(self, connection: _Connection) -> bool:
        """A connection that the peer opened; False when there are too many."""
        assert connection.peer is not None
        if len(self._connections) >= MAX_CONNECTIONS:
            return False
        self._connections[connection.peer.host, connection.peer.port] = connection
        return True

    def lost(self, connection: _Connection, error: str) -> None:
        """The connection is gone, or never came to be: what waits on it fails."""
        peer = connection.peer
        assert peer is not None
        if self._connections.get((peer.host, peer.port)) is connection:
            del self._connections[peer.host, peer.port]
            self.receiver.transport_failed(peer, error)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._server is not None:
            self._server.close()
        connections, self._connections = self._connections, {}
        self._closing = [
            connection for connection in connections.values() if connection.transport is not None
        ]
        for connection in self._closing:
            if connection.transport is not None:
                connection.transport.close()

    async def closed(self) -> None:
        """After `close`: what was written has left. TLS says goodbye, which takes a round trip, or CLOSE_S at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(connection.gone.wait() for connection in self._closing))
        for connection in self._closing:
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)

    async def _connect(self, connection: _Connection, destination: Destination) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._dial(connection, destination)
        except TimeoutError:
            self.lost(connection, f"no connection within {CONNECT_S:g} s")
        except ssl.SSLCertVerificationError as error:
            self.lost(connection, f"certificate not trusted: {error.verify_message}")
        except (OSError, ValueError) as error:
            self.lost(connection, getattr(error, "strerror", None) or str(error))

    async def _dial(self, connection: _Connection, destination: Destination) -> None:
        loop = asyncio.get_running_loop()
        address = (destination.host, destination.port)
        host = _any_like(destination.host) if self._wildcard else self._host
        try:
            sock = await _connected(host, self._port, address)
        except OSError as error:
            if error.errno not in _PORT_TAKEN:
                raise
            # the last connection from our port to this peer still winds down
            sock = await _connected(_any_like(destination.host), 0, address)
        name = destination.name or destination.host
        await loop.create_connection(
            lambda: connection, sock=sock, ssl=self._tls, server_hostname=name if self._tls else None
        )

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._keep_alive_s * random.uniform(0.8, 1.0))
            for connection in list(self._connections.values()):
                connection.ping()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _any_like(host: str) -> str:
    return "::" if ":" in host else "0.0.0.0"  # noqa: S104


async def _connected(host: str, port: int, address: tuple[str, int]) -> socket.socket:
    sock = _shared_socket(host, port)
    try:
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:  # also when it takes too long
        sock.close()
        raise
    return sock


def _shared_socket(host: str, port: int) -> socket.socket:
    """A TCP socket whose port its listener and its outgoing connections share."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(AttributeError, OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with contextlib.suppress(AttributeError, OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot bind {host} port {port}: {error.strerror}") from error
    return sock
