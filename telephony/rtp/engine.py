"""The media shell: the sockets of all calls, served by one 20 ms tick."""

import asyncio
import logging
import select
from collections.abc import Callable

from telephony.datagrams import Room

from .seldom import Seldom
from .session import MAX_DATAGRAM, MAX_DATAGRAMS_A_TICK, RtpSession
from .sockets import even_port_socket

logger = logging.getLogger(__name__)

TICK_S = 0.02
MAX_CATCH_UP_S = 1.0  # so much is made up for after a stall; beyond that the time is skipped


class RtpEngine:
    """Opens sessions and ticks them; idle while there is none.

    `after_tick` is called once a tick, when every session has handed out its frame.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.after_tick: Callable[[], None] | None = None
        self.room = Room(MAX_DATAGRAM)
        self._sessions: dict[int, RtpSession] = {}
        self._readers: dict[int, Callable[[float], None]] = {}  # RTP and RTCP sockets
        self._epoll = select.epoll()
        self._timer: asyncio.TimerHandle | None = None
        self._next_tick = 0.0
        self._late, self._faults = Seldom(), Seldom()

    @property
    def open_sessions(self) -> int:
        return len(self._sessions)

    @property
    def sessions(self) -> tuple[RtpSession, ...]:
        """The sessions that are open."""
        return tuple(self._sessions.values())

    def open(self, host: str | None = None) -> RtpSession:
        """A new session on an even port (RFC 3550 section 11); OSError when the system has none left."""
        session = RtpSession(self, even_port_socket(host or self.host))
        self._sessions[session.fileno()] = session
        self.watch(session.fileno(), session.read)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next_tick = loop.time() + TICK_S
            self._timer = loop.call_at(self._next_tick, self._tick)
        return session

    def watch(self, number: int, read: Callable[[float], None]) -> None:
        """`read` takes one datagram off this socket, whenever a tick finds some."""
        self._readers[number] = read
        self._epoll.register(number, select.EPOLLIN)

    def unwatch(self, number: int) -> None:
        if self._readers.pop(number, None) is not None:
            self._epoll.unregister(number)

    def forget(self, session: RtpSession) -> None:
        if self._sessions.pop(session.fileno(), None) is not None:
            self.unwatch(session.fileno())
        if not self._sessions and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        for session in list(self._sessions.values()):
            session.close()
        self._epoll.close()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._guarded(now, self._drain, now)
        self._advance(now)
        if self.after_tick is not None:
            self._guarded(now, self.after_tick)
        self._next_tick += TICK_S
        behind = loop.time() - self._next_tick
        if behind > MAX_CATCH_UP_S:
            if (more := self._late.words(now)) is not None:
                logger.warning(
                    "the audio is %.1f s late: this machine is too slow for its calls%s", behind, more
                )
            self._next_tick += behind
        if self._timer is not None:  # a listener may have closed the last session
            # Late ticks follow at once, but signalling gets its turn between them.
            self._timer = loop.call_at(self._next_tick, self._tick)

    def _advance(self, now: float) -> None:
        # Guarded in place: 15,000 more calls of a function a second would be seen.
        for session in self.sessions:
            try:
                session.advance(now)
            except Exception as fault:
                self._failed(now, fault)

    def _guarded(self, now: float, step: Callable[..., None], *args: float) -> None:
        """A fault in one call's audio must stop neither the others nor the tick."""
        try:
            step(*args)
        except Exception as fault:
            self._failed(now, fault)

    def _failed(self, now: float, fault: Exception) -> None:
        if (more := self._faults.words(now)) is not None:
            logger.error("a step of the audio failed; the calls go on%s", more, exc_info=fault)

    def _drain(self, now: float) -> None:
        """Read every socket empty. Asking epoll which have more costs a third of trying them all."""
        for _ in range(MAX_DATAGRAMS_A_TICK):
            readable = self._epoll.poll(0, max(1, len(self._readers)))
            if not readable:
                return
            for number, _events in readable:
                read = self._readers.get(number)
                if read is not None:
                    read(now)
