"""One call's sockets: RTP from the start, RTCP on the port above it from the answer on."""

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Callable
from typing import Any, Protocol

from telephony.datagrams import NOW, Pointer, Room, pointer, recv, send

from .agreed import AgreedAudio
from .latch import Address
from .quality import MediaQuality
from .reports import RtcpReports
from .rtcp import is_rtcp
from .sockets import STAMP_ROOM, arrival, datagram_socket, peer_socket
from .srtp import SrtpContext
from .stream import RtpStream

MAX_DATAGRAMS_A_TICK = 50  # for each call: a flood on one port must not stop the others
MAX_DATAGRAM = 2048
TIMED_EVERY = (
    8  # packets: six times a second are enough for the jitter, and asking costs a quarter of reading
)
FrameListener = Callable[[bytes | None], None]


class SessionKeeper(Protocol):
    """The engine that ticks the session. `room` holds one datagram, while it is looked at."""

    room: Room

    def watch(self, number: int, read: Callable[[float], None]) -> None: ...

    def unwatch(self, number: int) -> None: ...

    def forget(self, session: "RtpSession") -> None: ...


class RtpSession:
    """One call's audio. `listener` gets a frame or None every 20 ms from the answer on, `early_listener` the same
    from the first packet to the answer."""

    def __init__(self, keeper: SessionKeeper, sock: socket.socket) -> None:
        self.stream = RtpStream()
        self.reports = RtcpReports(self.stream, secrets.token_urlsafe(12))  # RFC 7022: it says nothing of us
        self.listener: FrameListener | None = None
        self.early_listener: FrameListener | None = None
        self._keeper = keeper
        self._sock = sock
        self._peer: tuple[Address, socket.socket] | None = (
            None  # whom we hear, over a socket connected to them
        )
        self._peer_number = -1  # its descriptor
        self._packet = bytearray()  # the one that the stream writes over and over, sent before
        self._packet_pointer = Pointer()
        self._followed: Address | None = None  # the same peer, also when the system had no socket to give
        self._control: socket.socket | None = None
        self._control_source: Address | None = None  # where the peer's RTCP comes from
        self._agreed: AgreedAudio | None = None
        self._srtp: SrtpContext | None = None
        self._shares_port = False
        self._untimed = 0  # packets until the next whose arrival is asked
        self._awaiting_first = 0  # datagrams that may still be read beside the tick
        self.host: str = sock.getsockname()[0]
        self.port: int = sock.getsockname()[1]

    def negotiate(self, agreed: AgreedAudio) -> None:
        """Also in mid-call. Keys that stay the same go on counting, others begin anew (RFC 4568 section 6.4)."""
        self.stream.negotiate(agreed.address, agreed.payload_type, agreed.event_type)
        if self._agreed is None or agreed.address != self._agreed.address:
            self._control_source = None
        self._agreed, self._shares_port = agreed, agreed.mux
        if agreed.keys is None:
            self._srtp = None
        elif self._srtp is None or self._srtp.keys != agreed.keys:
            self._srtp = SrtpContext(agreed.keys)
        self._follow_peer()

    def hold(self, on_hold: bool) -> None:
        self.stream.on_hold = on_hold

    def answer(self) -> None:
        self.stream.answer()
        self.reports.start(asyncio.get_running_loop().time())
        self._open_control()
        self._await_first_audio()

    def _open_control(self) -> None:
        """Most calls are never answered: they need no second socket. Somebody else's port: then no RTCP comes."""
        if self._control is not None:
            return
        with contextlib.suppress(OSError):
            self._control = datagram_socket(self.host, self.port + 1)
            self._keeper.watch(self._control.fileno(), self._read_control)

    def _await_first_audio(self) -> None:
        """The first packet is read when it comes, not at the next tick: its time is a figure of the trunk."""
        if self._awaiting_first == 0:
            self._awaiting_first = MAX_DATAGRAMS_A_TICK
            asyncio.get_running_loop().add_reader(self.fileno(), self._read_first)

    def _read_first(self) -> None:
        self.read(asyncio.get_running_loop().time())
        self._awaiting_first -= 1
        if self.stream.first_audio_at is not None or self._awaiting_first == 0:
            self._stop_awaiting()

    def _stop_awaiting(self) -> None:
        self._awaiting_first = 0
        asyncio.get_running_loop().remove_reader(self.fileno())

    def fileno(self) -> int:
        return self._sock.fileno()

    def read(self, now: float) -> None:
        """Take one datagram off the RTP socket that anybody may send to."""
        try:
            data, extra, _, source = self._sock.recvmsg(MAX_DATAGRAM, STAMP_ROOM)
        except OSError:
            return
        self._take(data, source[:2], now, arrival(extra))
        self._follow_peer()

    def _follow_peer(self) -> None:
        """Whom we hear gets a socket, from the first audio on: until then the first one is awaited."""
        stream = self.stream
        source = stream.latch.source if stream.first_audio_at is not None else None
        if source == self._followed:
            return
        self._leave_peer()
        self._followed = source
        if source is not None:
            with contextlib.suppress(OSError):  # else all goes on by the first socket
                sock = peer_socket(self._sock, source)
                self._peer, self._peer_number = (source, sock), sock.fileno()
                self._keeper.watch(sock.fileno(), self._read_peer)

    def _leave_peer(self) -> None:
        if self._peer is not None:
            self._keeper.unwatch(self._peer[1].fileno())
            self._peer[1].close()
            self._peer = None
        self._followed = None

    def _read_peer(self, now: float) -> None:
        """Take one datagram of whom we hear. Nearly all come this way: 15,000 a second of 300 calls."""
        assert self._peer is not None
        room, stamp = self._keeper.room, None
        if self._untimed:
            self._untimed -= 1
            size = recv(self._peer_number, room.pointer, MAX_DATAGRAM, NOW)
        else:
            self._untimed = TIMED_EVERY - 1
            size, stamp = room.recv_timed(self._peer_number)
        if size < 0:
            return
        if self._srtp is not None or not self.stream.receive_next(room.data, size, now, stamp):
            self._take(bytes(room.data[:size]), self._peer[0], now, stamp)
            self._follow_peer()

    def _take(self, data: bytes, source: Address, now: float, stamp: float | None) -> None:
        if self._shares_port and is_rtcp(data):
            self._take_control(data, source, stamp)
            return
        srtp = self._srtp
        if srtp is not None:
            opened = srtp.open(data)
            if opened is None:
                return
            data = opened
        self.stream.receive(data, source, now, stamp, srtp is not None)

    def _read_control(self, now: float) -> None:
        assert self._control is not None
        try:
            data, extra, _, source = self._control.recvmsg(MAX_DATAGRAM, STAMP_ROOM)
        except OSError:
            return
        self._take_control(data, source, arrival(extra))

    def _take_control(self, data: bytes, source: Any, stamp: float | None) -> None:
        """RTCP counts from the host whose RTP is heard, or with a seal that proves the peer."""
        if self._srtp is not None:
            opened = self._srtp.open_rtcp(data)
            if opened is None:
                return
            data = opened
        elif self.stream.remote is None or source[0] != self.stream.remote[0]:
            return
        self._control_source = source[:2]
        self.reports.receive(data, time.time() if stamp is None else stamp)

    def advance(self, now: float) -> None:
        """20 ms pass: send what is due, hand out what is due."""
        stream = self.stream
        packet = stream.next_packet()
        if packet is not None:
            if packet is self._packet and self._peer is not None and self._srtp is None:
                # As nearly always. A full buffer or a closed port loses this packet, as a network may.
                send(self._peer_number, self._packet_pointer, len(packet), NOW)
            else:
                self._send_audio(packet)
        if now >= self.reports.due_at:
            self._send_control(self.reports.report(now, time.time()))
        answered = stream.answered
        listener = self.listener if answered else self.early_listener
        stream.is_heard = listener is not None
        if listener is not None and (answered or stream.early_frames):
            listener(stream.next_frame())

    def _send_audio(self, packet: bytearray) -> None:
        if self._srtp is None and self._peer is not None:
            self._packet, self._packet_pointer = packet, pointer(packet)
            send(self._peer_number, self._packet_pointer, len(packet), NOW)
            return
        data = bytes(packet) if self._srtp is None else self._srtp.seal(bytes(packet))
        if self._peer is not None:
            send(self._peer_number, data, len(data), NOW)
        else:
            assert self.stream.remote is not None
            _send(self._sock, data, self.stream.remote)

    def _send_control(self, packet: bytes) -> None:
        remote, agreed = self.stream.remote, self._agreed
        if remote is None or agreed is None:
            return
        sock = self._sock if self._shares_port else self._control
        if sock is None:
            return
        if self._shares_port:
            to = remote
        elif self._control_source is not None:
            to = self._control_source
        elif agreed.control is not None and remote == agreed.address:
            to = agreed.control
        else:
            to = (remote[0], remote[1] + 1)
        _send(sock, self._srtp.seal_rtcp(packet) if self._srtp is not None else packet, to)

    def quality(self) -> MediaQuality:
        """How good the audio is up to now."""
        stream, reports = self.stream, self.reports
        round_trip, peer = reports.round_trip_s, reports.peer
        return MediaQuality(
            packets_in=stream.received,
            packets_out=stream.sent,
            lost=stream.lost,
            jitter_ms=round(stream.reception.jitter / 8, 1) if stream.reception else 0.0,
            round_trip_ms=round(round_trip * 1000, 1) if round_trip is not None else None,
            peer_lost=peer.lost if peer is not None else None,
            peer_jitter_ms=round(peer.jitter / 8, 1) if peer is not None else None,
            encryption=self._srtp.keys.suite if self._srtp is not None else None,
        )

    def close(self) -> None:
        """Says goodbye and frees the ports; the counts stay to be read."""
        self.listener = self.early_listener = None
        if self._sock.fileno() < 0:
            return
        if self._awaiting_first:
            self._stop_awaiting()
        goodbye = self.reports.goodbye(time.time())
        if goodbye is not None:
            self._send_control(goodbye)
        self._keeper.forget(self)
        self._leave_peer()
        if self._control is not None:
            self._keeper.unwatch(self._control.fileno())
            self._control.close()
            self._control = None
        self._sock.close()


def _send(sock: socket.socket, packet: bytes, to: Address) -> None:
    # A full buffer or a closed port loses this packet, as a network may; above port 65535 there is nobody.
    try:  # noqa: SIM105  (`suppress` costs as much as the header does, 15,000 times a second)
        sock.sendto(packet, to)
    except (OSError, OverflowError):
        pass
