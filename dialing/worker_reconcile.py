"""A calls worker compares its own SIP calls, audio sockets, ports and waiting threads, and repairs (I4).

Runs in the worker's event loop. Only what stays wrong over two looks is touched, and never a call that an attempt
has: a dialog counts as left over when no `place_call` carries it, so nobody could ever end it.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dialing.call_loop import CallEvents, CallLoop, NotDialed
from dialing.models import Repair
from telephony.rtp.session import RtpSession
from telephony.sip.call import OutboundCall

K = TypeVar("K", bound=Hashable)

Told = Callable[[Repair, str], None]
"""Hears of each repair, with a sentence for the log."""

LAST_RESORT = 60.0
"""Seconds after which a left-over call whose BYE or CANCEL gets no answer is given up: SIP's own timers end after 32."""


@dataclass(slots=True)
class Twice(Generic[K]):
    """Lets through what was wrong at the last look already; remembers since when."""

    since: dict[K, float] = field(default_factory=dict)

    def look(self, wrong: Iterable[K], now: float) -> list[tuple[K, float]]:
        """Those that were wrong before too, with the seconds since they were found."""
        self.since = {key: self.since.get(key, now) for key in wrong}
        return [(key, now - began) for key, began in self.since.items() if now > began]


class WorkerReconciler:
    """`look` each few seconds, in the loop."""

    def __init__(self, calls: CallLoop, told: Told) -> None:
        self._calls = calls
        self._told = told
        self._orphans: Twice[str] = Twice()
        self._sockets: Twice[RtpSession] = Twice()
        self._waits: Twice[int] = Twice()

    def orphans(self) -> list[OutboundCall]:
        """SIP calls that nobody carries."""
        carried = {call.call_id for call in self._calls.calls.values()}
        return [call for call in self._calls.agent.calls if call.call_id not in carried]

    def idle_sockets(self) -> list[RtpSession]:
        """Audio sockets of no SIP call."""
        of_calls = {id(call.audio.media) for call in self._calls.agent.calls}
        return [s for s in self._calls.agent.media.sessions if id(s) not in of_calls]

    def look(self, now: float, waiting: dict[int, CallEvents], ended: set[int]) -> None:
        """`waiting`: attempts whose task threads wait for events; `ended`: those of them that the database has
        ended. A thread that waits for a call that is not there any more holds its port for ever: it is let go."""
        calls = {call.call_id: call for call in self.orphans()}
        for call_id, seconds in self._orphans.look(calls, now):
            self._end(calls[call_id], seconds)
        for socket, _seconds in self._sockets.look(self.idle_sockets(), now):
            self._told(
                Repair.SOCKET_CLOSED, f"an audio socket on port {socket.port} had no call; it is closed."
            )
            socket.close()
        gone = [attempt for attempt in ended if attempt in waiting and attempt not in self._calls.calls]
        for attempt, _seconds in self._waits.look(gone, now):
            self._told(Repair.WAIT_ENDED, f"attempt {attempt} has ended and held its port; the port is free.")
            waiting[attempt].put(NotDialed("The attempt had ended."))

    def _end(self, call: OutboundCall, seconds: float) -> None:
        if seconds > LAST_RESORT:
            self._told(
                Repair.CALL_HUNG_UP, f"call {call.call_id} without an attempt could not be hung up; given up."
            )
            call.abandon()
        elif not call.is_being_ended:
            self._told(Repair.CALL_HUNG_UP, f"call {call.call_id} belonged to no attempt; it is hung up.")
            call.hang_up()
