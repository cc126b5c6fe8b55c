"""The media shell: the sockets of all calls, served by one 20 ms tick."""

import asyncio
import contextlib
import logging
import select
import socket
from collections.abc import Callable

from .stream import RtpStream

logger = logging.getLogger(__name__)

TICK_S = 0.02
MAX_CATCH_UP_S = 1.0  # so much is made up for after a stall; beyond that the time is skipped
MAX_DATAGRAMS_A_TICK = 50  # for each call: a flood on one port must not stop the others
FrameListener = Callable[[bytes | None], None]


class RtpSession:
    """One call's RTP socket. `listener` gets a frame or None every 20 ms from the answer on."""

    def __init__(self, engine: "RtpEngine", sock: socket.socket) -> None:
        self.stream = RtpStream()
        self.listener: FrameListener | None = None
        self._engine = engine
        self._sock = sock
        self._awaiting_first = 0  # datagrams that may still be read beside the tick
        self.host: str = sock.getsockname()[0]
        self.port: int = sock.getsockname()[1]

    def negotiate(self, host: str, port: int, payload_type: int, event_type: int | None) -> None:
        self.stream.negotiate((host, port), payload_type, event_type)

    def hold(self, on_hold: bool) -> None:
        self.stream.on_hold = on_hold

    def answer(self) -> None:
        self.stream.answer()
        self._await_first_audio()

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
        """Take one datagram off the socket."""
        try:
            data, source = self._sock.recvfrom(2048)
        except OSError:
            return
        self.stream.receive(data, source[:2], now)

    def advance(self) -> None:
        """20 ms pass: send what is due, hand out what is due."""
        stream = self.stream
        packet = stream.next_packet()
        if packet is not None and stream.remote is not None:
            with contextlib.suppress(
                OSError
            ):  # a full buffer or a closed port loses this packet, as a network may
                self._sock.sendto(packet, stream.remote)
        if stream.answered:
            frame = stream.next_frame()
            if self.listener is not None:
                self.listener(frame)

    def close(self) -> None:
        self.listener = None
        if self._awaiting_first:
            self._stop_awaiting()
        self._engine.forget(self)
        self._sock.close()


class RtpEngine:
    """Opens sessions and ticks them; idle while there is none.

    `after_tick` is called once a tick, when every session has handed out its frame.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.after_tick: Callable[[], None] | None = None
        self._sessions: dict[int, RtpSession] = {}
        self._epoll = select.epoll()
        self._timer: asyncio.TimerHandle | None = None
        self._next_tick = 0.0

    @property
    def open_sessions(self) -> int:
        return len(self._sessions)

    @property
    def sessions(self) -> tuple[RtpSession, ...]:
        """The sessions that are open."""
        return tuple(self._sessions.values())

    def open(self, host: str | None = None) -> RtpSession:
        """A new session on an even port (RFC 3550 section 11); OSError when the system has none left."""
        session = RtpSession(self, _even_port_socket(host or self.host))
        self._sessions[session.fileno()] = session
        self._epoll.register(session.fileno(), select.EPOLLIN)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next_tick = loop.time() + TICK_S
            self._timer = loop.call_at(self._next_tick, self._tick)
        return session

    def forget(self, session: RtpSession) -> None:
        if self._sessions.pop(session.fileno(), None) is not None:
            self._epoll.unregister(session.fileno())
        if not self._sessions and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        for session in list(self._sessions.values()):
            session.close()
        self._epoll.close()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._guarded(self._drain, loop.time())
        for session in list(self._sessions.values()):
            self._guarded(session.advance)
        if self.after_tick is not None:
            self._guarded(self.after_tick)
        self._next_tick += TICK_S
        behind = loop.time() - self._next_tick
        if behind > MAX_CATCH_UP_S:
            logger.warning("the audio is %.1f s late: this machine is too slow for its calls", behind)
            self._next_tick += behind
        if self._timer is not None:  # a listener may have closed the last session
            # Late ticks follow at once, but signalling gets its turn between them.
            self._timer = loop.call_at(self._next_tick, self._tick)

    def _guarded(self, step: Callable[..., None], *args: float) -> None:
        """A fault in one call's audio must stop neither the others nor the tick."""
        try:
            step(*args)
        except Exception:
            logger.exception("a step of the audio failed; the calls go on")

    def _drain(self, now: float) -> None:
        """Read every socket empty. Asking epoll which have more costs a third of trying them all."""
        for _ in range(MAX_DATAGRAMS_A_TICK):
            readable = self._epoll.poll(0, max(1, len(self._sessions)))
            if not readable:
                return
            for number, _events in readable:
                session = self._sessions.get(number)
                if session is not None:
                    session.read(now)


def _even_port_socket(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    spare: list[socket.socket] = []
    try:
        for _ in range(32):
            sock = socket.socket(family, socket.SOCK_DGRAM)
            spare.append(sock)
            sock.setblocking(False)
            sock.bind((host, 0))
            if sock.getsockname()[1] % 2 == 0:
                return spare.pop()
        return spare.pop()
    finally:
        for sock in spare:
            sock.close()
