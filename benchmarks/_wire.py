"""SIP messages as they pass the loopback interface, with the kernel's time of each: neither peer's loop is in it.

A packet socket (packet(7)) takes a copy of what is sent from or to one UDP port, and a filter in the kernel keeps the
audio of hundreds of calls away from it. It needs the right to open one (CAP_NET_RAW).
"""

import ctypes
import socket
import struct
import threading
from dataclasses import dataclass

from telephony.datagrams import SO_TIMESTAMPNS, STAMP

_ETH_P_ALL = 0x0003
_SO_ATTACH_FILTER = 26
_PACKET_OUTGOING = 4
_RECEIVE_ROOM = 16 * 2**20


@dataclass(frozen=True)
class Moments:
    """Of one call, in ms since 1970 with fractions."""

    invite: float
    answer: float
    refer: float


class Wire:
    """Listens to the loopback interface from its making to `moments`.

    Raises PermissionError where the process may not open a packet socket, and says what it takes.
    """

    def __init__(self, port: int) -> None:
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        except PermissionError:
            raise PermissionError(
                "Timing SIP on the wire takes CAP_NET_RAW: run this benchmark as root."
            ) from None
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_ROOM)
        _keep_only(self._socket, port)
        self._socket.bind(("lo", _ETH_P_ALL))
        self._socket.settimeout(0.2)
        self._seen: list[tuple[float, bytes]] = []
        self._ended = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def moments(self) -> dict[str, Moments]:
        """Ends the listening. By Call-ID: the calls that were answered and transferred."""
        self._ended.set()
        self._listener.join()
        self._socket.close()
        first: dict[tuple[str, str], float] = {}
        for at, packet in self._seen:
            if (message := _read(packet)) is not None:
                first.setdefault(message, at)
        return {
            call_id: Moments(first[call_id, "INVITE"], answer, first[call_id, "REFER"])
            for (call_id, what), answer in first.items()
            if what == "200 INVITE" and (call_id, "REFER") in first
        }

    def _listen(self) -> None:
        while not self._ended.is_set():
            try:
                packet, control, _, address = self._socket.recvmsg(4096, 64)
            except TimeoutError:
                continue
            if address[2] != _PACKET_OUTGOING:  # each packet passes loopback twice
                continue
            seconds, nanoseconds = STAMP.unpack(control[0][2][: STAMP.size])
            self._seen.append((seconds * 1e3 + nanoseconds / 1e6, packet))


def _read(packet: bytes) -> tuple[str, str] | None:
    """Call-ID, and the method of a request or the status with the method of an answer; None for a keep-alive."""
    message = packet[(packet[0] & 15) * 4 + 8 :]  # behind the headers of IPv4 and UDP
    start, _, rest = message.partition(b"\r\n")
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in rest.partition(b"\r\n\r\n")[0].split(b"\r\n"))
    }
    call_id = fields.get(b"call-id", fields.get(b"i", b"")).decode()
    if not call_id:
        return None
    method = fields[b"cseq"].split()[1].decode()
    return call_id, f"{start.split()[1].decode()} {method}" if start.startswith(b"SIP/") else method


def _keep_only(listener: socket.socket, port: int) -> None:
    """A filter of the kernel (classic BPF): UDP over IPv4 from or to the port."""
    load_byte, load_half_x = 0x30, 0x48
    header_length, equal, keep = 0xB1, 0x15, 0x06
    program = [
        (load_byte, 0, 0, 9),  # the protocol
        (equal, 0, 6, socket.IPPROTO_UDP),
        (header_length, 0, 0, 0),
        (load_half_x, 0, 0, 0),  # the port it comes from
        (equal, 2, 0, port),
        (load_half_x, 0, 0, 2),  # the port it goes to
        (equal, 0, 1, port),
        (keep, 0, 0, 0xFFFF),
        (keep, 0, 0, 0),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    listener.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code))
    )
