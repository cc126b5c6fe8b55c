"""Transports: the interface, and UDP (RFC 3261 section 18). Thin: bytes in, bytes out."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
from dataclasses import dataclass
from typing import Protocol, TypeVar

from telephony.datagrams import Room, host_and_port, ipv4_address, sendto

from . import icmp

logger = logging.getLogger(__name__)

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024  # a burst of 300 registrations fits
MAX_DATAGRAM = 65536
MAX_DATAGRAMS_A_TURN = 20  # some milliseconds; then timers, RTP and what the datagrams began get their turn
SEND_TRIES = 4
MAX_REMEMBERED = 1000  # addresses, as the system writes them


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a message goes or came from: transport (udp, tcp, tls), IP address, port; `name` for TLS."""

    transport: str
    host: str
    port: int
    name: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"

    @property
    def address(self) -> tuple[str, str, int]:
        """Two destinations with one address are the same place."""
        return self.transport, self.host, self.port


class Receiver(Protocol):
    """What a transport hands its news to."""

    def receive(self, data: bytes, source: Destination) -> None: ...

    def transport_failed(self, destination: Destination, error: str) -> None: ...


class Transport(Protocol):
    reliable: bool

    def send(self, data: bytes, destination: Destination) -> None:
        """Send one message; a failure is reported to the receiver, now or later."""

    def local_address(self, destination: Destination) -> tuple[str, int]:
        """Host and port under which this destination reaches us."""

    def close(self) -> None: ...


def local_host_towards(host: str) -> str:
    """Our address on the route to `host`; connecting a UDP socket sends nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            return str(probe.getsockname()[0])
    except OSError:  # no way leads there: that shows when something is sent
        return "::1" if family == socket.AF_INET6 else "127.0.0.1"


def bound_socket(host: str, port: int, kind: socket.SocketKind = socket.SOCK_DGRAM) -> socket.socket:
    """A non-blocking socket on the address; OSError names address and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(
                socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1
            )  # else its peers look like ::ffff:192.0.2.1
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot bind {host} port {port}: {error.strerror}") from error
    return sock


K = TypeVar("K")
V = TypeVar("V")


def _remember(known: dict[K, V], key: K, value: V) -> None:
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    known[key] = value


class UdpTransport:
    """All accounts and calls of a process on one UDP socket; bound to all IPv4 addresses, it opens a second one for
    the first destination with an IPv6 address."""

    reliable = False

    def __init__(self, receiver: Receiver, host: str, port: int) -> None:
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._towards: dict[str, str] = {}
        self._room = Room(MAX_DATAGRAM)
        self._packed: dict[tuple[str, int], bytes] = {}
        self._sources: dict[bytes, Destination] = {}
        self._sock = self._open(host, port)
        self._other: socket.socket | None = None
        self._host, self._port = self._sock.getsockname()[:2]
        self._wildcard = ipaddress.ip_address(self._host.partition("%")[0]).is_unspecified

    def _open(self, host: str, port: int) -> socket.socket:
        sock = bound_socket(host, port)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        icmp.want_errors(sock)
        self._listen(sock)
        return sock

    def _listen(self, sock: socket.socket) -> None:
        self._loop.add_reader(sock.fileno(), self._readable, sock)

    def _socket_for(self, destination: Destination) -> socket.socket:
        """OSError when this machine has no IPv6."""
        if ":" not in destination.host or ":" in self._host or not self._wildcard:
            return self._sock
        if self._other is None:
            self._other = self._open("::", 0)
        return self._other

    def local_address(self, destination: Destination) -> tuple[str, int]:
        if not self._wildcard:
            return self._host, self._port
        host = self._towards.get(destination.host)
        if host is None:
            host = self._towards[destination.host] = local_host_towards(destination.host)
        try:
            return host, self._socket_for(destination).getsockname()[1]
        except OSError:  # `send` will tell
            return host, self._port

    def send(self, data: bytes, destination: Destination) -> None:
        try:
            sock = self._socket_for(destination)
            self._send(sock, data, (destination.host, destination.port))
        except OSError as error:
            # Reported in the next turn, so that the sender has finished its bookkeeping.
            self._loop.call_soon(self._receiver.transport_failed, destination, str(error))

    def _send(self, sock: socket.socket, data: bytes, address: tuple[str, int]) -> None:
        if sock.family == socket.AF_INET and self._send_at_once(sock, data, address):
            return
        for tries_left in reversed(range(SEND_TRIES)):
            try:
                sock.sendto(data, address)
            except BlockingIOError:
                logger.debug("UDP send buffer is full; the retransmission will do")
            except OSError:
                # Often the ICMP error of a datagram that went out before, perhaps to somebody else.
                self._take_errors(sock)
                if not tries_left:
                    raise
                continue
            return

    def _send_at_once(self, sock: socket.socket, data: bytes, address: tuple[str, int]) -> bool:
        """As nearly always; False: somebody must look why not."""
        packed = self._packed.get(address)
        if packed is None:
            try:
                packed = ipv4_address(*address)
            except (OSError, struct.error):
                return False
            _remember(self._packed, address, packed)
        if sendto(sock.fileno(), data, packed) >= 0:
            return True
        self._take_errors(sock)
        return False

    def _readable(self, sock: socket.socket) -> None:
        begin = self._read_at_once(sock) if sock.family == socket.AF_INET else 0
        for number in range(begin, MAX_DATAGRAMS_A_TURN):
            try:
                data, address = sock.recvfrom(MAX_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                if number == 0:
                    self._take_errors(sock)
                return
            except OSError as error:
                logger.debug("UDP receive: %s", error)
                self._take_errors(sock)
                return
            self._receiver.receive(data, Destination("udp", address[0], address[1]))

    def _read_at_once(self, sock: socket.socket) -> int:
        """Reads until there is nothing, or something must be looked at; returns how many datagrams there were."""
        room, descriptor = self._room, sock.fileno()
        for number in range(MAX_DATAGRAMS_A_TURN):
            size, address = room.recvfrom(descriptor)
            if size < 0:
                return number
            source = self._sources.get(address)
            if source is None:
                source = Destination("udp", *host_and_port(address))
                _remember(self._sources, address, source)
            self._receiver.receive(bytes(room.data[:size]), source)
            if sock.fileno() < 0:  # closed by what came
                break
        return MAX_DATAGRAMS_A_TURN

    def _take_errors(self, sock: socket.socket) -> None:
        """Tell of the destinations that ICMP says can't be reached (RFC 3261 section 18.4)."""
        for host, port, error in icmp.take_errors(sock):
            self._loop.call_soon(self._receiver.transport_failed, Destination("udp", host, port), error)
        self._loop.call_soon(self._listen_on, sock)

    def _listen_on(self, sock: socket.socket) -> None:
        """uvloop stops watching a socket when it has an error waiting (libuv takes that for a bad descriptor)."""
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._listen(sock)

    def close(self) -> None:
        for sock in (self._sock, self._other):
            if sock is not None:
                self._loop.remove_reader(sock.fileno())
                sock.close()
