"""The UDP sockets of a call's audio, and when their datagrams came."""

import contextlib
import socket
from typing import Any

from telephony.datagrams import SO_TIMESTAMPNS, STAMP

from .latch import Address

STAMP_ROOM = socket.CMSG_SPACE(STAMP.size)
"""Bytes of ancillary data that `arrival` reads."""
_TRIES_FOR_EVEN = 32
_MOST_THROWN_AWAY = 100


def even_port_socket(host: str) -> socket.socket:
    """A socket of its own on an even port (RFC 3550 section 11), on an odd one if that is all the system gives.

    OSError: it has none left.
    """
    spare: list[socket.socket] = []
    try:
        for _ in range(_TRIES_FOR_EVEN):
            sock = datagram_socket(host, 0)
            spare.append(sock)
            if sock.getsockname()[1] % 2 == 0:
                break
        return spare.pop()
    finally:
        for sock in spare:
            sock.close()


def datagram_socket(host: str, port: int) -> socket.socket:
    """A socket on this address whose datagrams carry the time at which they came; OSError: it can't be had."""
    sock = _timed_socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def peer_socket(sock: socket.socket, peer: Address) -> socket.socket:
    """A second socket on the same port, connected: the kernel gives it what comes from `peer`, `sock` all the rest.

    Nobody then makes or reads an address for each datagram. What came in the moment between binding and connecting may
    be anybody's, and is thrown away. OSError: no such socket can be had.
    """
    twin = _timed_socket(sock.family)
    try:
        # Only now: two calls that both may share would be given one port by the system.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        twin.bind(sock.getsockname())
        twin.connect(peer)
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MOST_THROWN_AWAY):
                twin.recv(1)
    except OSError:
        twin.close()
        raise
    finally:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return twin


def arrival(extra: list[Any]) -> float | None:
    """When the kernel got a datagram, in seconds of the system's clock, from its ancillary data."""
    for _level, _kind, data in extra:
        if len(data) == STAMP.size:
            seconds, nanoseconds = STAMP.unpack(data)
            return float(seconds + nanoseconds / 1e9)
    return None


def _timed_socket(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setblocking(False)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock
