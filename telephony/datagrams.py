"""Datagrams in and out by system calls that keep Python's lock.

`socket` gives the lock away around each call, since a call may wait. On a non-blocking socket none does, and a loop that
sends and reads thousands of datagrams a second gives every other thread its turn with each: beside two threads that
compute, a datagram took 0.4 ms instead of 3 us. These functions take what ctypes passes on without a conversion (whole
numbers, `bytes`, pointers made before), which is as fast as `socket` is.

They return -1 where nothing was sent or nothing was there; the reason is the socket's to tell.
"""

import ctypes
import socket
import struct
from collections.abc import Callable

_libc = ctypes.PyDLL(None)  # unlike CDLL it keeps the lock
_sendto, _recvfrom, _recvmsg = _libc.sendto, _libc.recvfrom, _libc.recvmsg

Pointer = ctypes.c_void_p

NOW = int(socket.MSG_DONTWAIT)
"""The flag of all these calls."""
send: Callable[[int, bytes | Pointer, int, int], int] = _libc.send
"""`(descriptor, data, size, NOW)` on a connected socket: the bytes sent, or -1. The system's own function, as is `recv`:
300 calls send and read 30,000 times a second."""
recv: Callable[[int, Pointer, int, int], int] = _libc.recv
"""`(descriptor, room, size, NOW)`: the bytes read, or -1."""

_ADDRESS = struct.Struct("!2xH4s8x")  # sockaddr_in (ip(7)): family, port, address
_FAMILY = struct.pack("=H", socket.AF_INET)
STAMP = struct.Struct("@qq")
"""Seconds and nanoseconds, as the kernel writes them for SO_TIMESTAMPNS."""
_STAMP_AT, _CONTROL_SIZE = socket.CMSG_LEN(0), socket.CMSG_SPACE(STAMP.size)
SO_TIMESTAMPNS = 35
"""Linux (socket(7)): when the kernel got the datagram; `socket` does not name it."""


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Message(ctypes.Structure):
    """struct msghdr (recvmsg(2))."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


def pointer(data: bytearray) -> Pointer:
    """To the first byte; `data` must not change its size afterwards, and must live as long as the pointer is used."""
    return Pointer(ctypes.addressof(ctypes.c_char.from_buffer(data)))


def sendto(descriptor: int, data: bytes, address: bytes) -> int:
    """To an address of `ipv4_address`. Returns the bytes sent, or -1."""
    return int(_sendto(descriptor, data, len(data), NOW, address, len(address)))


def ipv4_address(host: str, port: int) -> bytes:
    """As the system takes it. OSError when `host` is no IPv4 address, struct.error when `port` is none."""
    return _FAMILY + _ADDRESS.pack(port, socket.inet_aton(host))[2:]


class Room:
    """Space for one datagram at a time: the next one takes the place of the last."""

    def __init__(self, size: int) -> None:
        self.data = bytearray(size)
        self.size = size
        self.pointer = pointer(self.data)
        self._control = bytearray(_CONTROL_SIZE)
        self._vector = _Vector(self.pointer, size)
        self._message = _Message(
            None, 0, ctypes.addressof(self._vector), 1, pointer(self._control), _CONTROL_SIZE, 0
        )
        self._message_pointer = Pointer(ctypes.addressof(self._message))
        self._address = bytearray(_ADDRESS.size)
        self._address_pointer = pointer(self._address)
        self._address_size = ctypes.c_uint32(_ADDRESS.size)
        self._address_size_pointer = Pointer(ctypes.addressof(self._address_size))

    def recv_timed(self, descriptor: int) -> tuple[int, float | None]:
        """One datagram into `data`: its bytes, or -1, and when the kernel got it, in seconds of the system's clock. The
        socket has SO_TIMESTAMPNS."""
        message = self._message
        message.control_length = _CONTROL_SIZE
        size: int = _recvmsg(descriptor, self._message_pointer, NOW)
        if size < 0 or message.control_length < _STAMP_AT + STAMP.size:
            return size, None
        seconds, nanoseconds = STAMP.unpack_from(self._control, _STAMP_AT)
        return size, seconds + nanoseconds / 1e9

    def recvfrom(self, descriptor: int) -> tuple[int, bytes]:
        """One datagram of an IPv4 socket; returns its bytes, or -1, and whence it came, see `host_and_port`."""
        self._address_size.value = _ADDRESS.size
        size: int = _recvfrom(
            descriptor, self.pointer, self.size, NOW, self._address_pointer, self._address_size_pointer
        )
        return size, bytes(self._address)


def host_and_port(address: bytes) -> tuple[str, int]:
    port, host = _ADDRESS.unpack(address)
    return socket.inet_ntoa(host), port
