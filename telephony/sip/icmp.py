"""Whom an ICMP error means, on a UDP socket with many peers (Linux: IP_RECVERR, see `man 7 ip`).

An unconnected socket is not told of ICMP errors, unless it asks for them: then each waits in the socket's error queue
with the address that the datagram went to. Other systems have no such queue: there the timers notice.
"""

import errno
import os
import socket
import struct
import sys

# Linux numbers; `socket` names them from Python 3.14 on.
_IP_RECVERR = (socket.IPPROTO_IP, 11)
_IPV6_RECVERR = (socket.IPPROTO_IPV6, 25)
_EXTENDED_ERROR = struct.Struct("=IBBB")  # errno, origin, ICMP type, ICMP code
_FROM_ICMP, _FROM_ICMP6 = 2, 3
_FRAGMENTATION_NEEDED = 4
_MOST_ERRORS_A_TURN = 500


def want_errors(sock: socket.socket) -> None:
    """From now on ICMP errors are queued; nothing happens where the system has no queue for them."""
    if not sys.platform.startswith("linux"):
        return
    level, option = _IPV6_RECVERR if sock.family == socket.AF_INET6 else _IP_RECVERR
    sock.setsockopt(level, option, 1)


def take_errors(sock: socket.socket) -> list[tuple[str, int, str]]:
    """Empties the queue: host, port and words of each destination that can't be reached."""
    unreachable: list[tuple[str, int, str]] = []
    queue = getattr(socket, "MSG_ERRQUEUE", None)
    if queue is None:
        return unreachable
    for _ in range(_MOST_ERRORS_A_TURN):
        try:
            _, ancillary, _, address = sock.recvmsg(1, 512, queue)
        except OSError:
            break
        for level, kind, data in ancillary:
            if (level, kind) in (_IP_RECVERR, _IPV6_RECVERR) and len(data) >= _EXTENDED_ERROR.size:
                number, origin, icmp_type, icmp_code = _EXTENDED_ERROR.unpack_from(data)
                if _says_unreachable(origin, icmp_type, icmp_code):
                    unreachable.append((address[0], address[1], os.strerror(number or errno.EHOSTUNREACH)))
    return unreachable


def _says_unreachable(origin: int, icmp_type: int, icmp_code: int) -> bool:
    """RFC 3261 section 18.4: host, network, port or protocol unreachable and parameter problem count, source quench
    and time exceeded don't; a packet too long for the path is the kernel's to mend."""
    if origin == _FROM_ICMP:
        return (icmp_type == 3 and icmp_code != _FRAGMENTATION_NEEDED) or icmp_type == 12
    return origin == _FROM_ICMP6 and icmp_type in (1, 4)
