"""The four transactions of RFC 3261 section 17, with the corrections of RFC 6026; no I/O, no clock.

Each takes messages and expired timers, and returns actions for the layer that owns sockets and timers:

    transaction = InviteClient(reliable=False)
    actions = transaction.start(request)
    actions = transaction.receive(200)
    actions = transaction.expire("A")

Timer names are those of RFC 3261 table 4, and L and M of RFC 6026.
"""

from dataclasses import dataclass
from enum import StrEnum

from sipmessage import Request, Response

T1 = 0.5  # round-trip estimate, RFC 3261 section 17.1.1.1
T2 = 4.0  # longest retransmission interval of non-INVITE requests and INVITE responses
T4 = 5.0  # longest time a message stays in the network
TIMER_D = 32.0


class State(StrEnum):
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Send:
    """Put the message on the wire."""

    message: Request | Response


@dataclass(frozen=True, slots=True)
class SendAck:
    """Acknowledge this non-2xx response to our INVITE (RFC 3261 section 17.1.1.3)."""

    response: Response


@dataclass(frozen=True, slots=True)
class StartTimer:
    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    name: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand the response to the transaction user."""

    response: Response


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer: the transaction user is told (a 408 in its eyes, RFC 3261 section 8.1.3.1)."""


@dataclass(frozen=True, slots=True)
class Terminated:
    """The transaction is over; forget it."""


Action = Send | SendAck | StartTimer | StopTimer | Deliver | TimedOut | Terminated


class InviteClient:
    """Client INVITE transaction, RFC 3261 section 17.1.1 and RFC 6026 section 8.4."""

    def __init__(self, *, reliable: bool) -> None:
        self.state = State.CALLING
        self._reliable = reliable
        self._interval = T1

    def start(self, request: Request) -> list[Action]:
        self._request = request
        timers: list[Action] = [StartTimer("B", 64 * T1)]
        if not self._reliable:
            timers.append(StartTimer("A", self._interval))
        return [Send(request), *timers]

    def receive(self, response: Response) -> list[Action]:
        if response.code < 200:
            return self._provisional(response)
        if response.code < 300:
            return self._success(response)
        return self._rejection(response)

    def forget_request(self) -> None:
        """After the final response nothing is sent again."""
        if self.state in (State.ACCEPTED, State.COMPLETED):
            del self._request

    def _provisional(self, response: Response) -> list[Action]:
        if self.state is State.CALLING:
            self.state = State.PROCEEDING
            return [StopTimer("A"), StopTimer("B"), Deliver(response)]
        return [Deliver(response)] if self.state is State.PROCEEDING else []

    def _success(self, response: Response) -> list[Action]:
        if self.state in (State.CALLING, State.PROCEEDING):
            self.state = State.ACCEPTED
            return [StopTimer("A"), StopTimer("B"), StartTimer("M", 64 * T1), Deliver(response)]
        # RFC 6026: every further 2xx (retransmitted or forked) goes up, and is acknowledged there
        return [Deliver(response)] if self.state is State.ACCEPTED else []

    def _rejection(self, response: Response) -> list[Action]:
        if self.state in (State.CALLING, State.PROCEEDING):
            self.state = State.COMPLETED
            actions: list[Action] = [StopTimer("A"), StopTimer("B"), SendAck(response), Deliver(response)]
            if self._reliable:
                return [*actions, *self._terminate()]
            return [*actions, StartTimer("D", TIMER_D)]
        return [SendAck(response)] if self.state is State.COMPLETED else []

    def expire(self, timer: str) -> list[Action]:
        if timer == "A" and self.state is State.CALLING:
            self._interval *= 2
            return [Send(self._request), StartTimer("A", self._interval)]
        if timer == "B" and self.state is State.CALLING:
            return [TimedOut(), *self._terminate()]
        if timer in ("D", "M") and self.state in (State.COMPLETED, State.ACCEPTED):
            return self._terminate()
        return []

    def _terminate(self) -> list[Action]:
        self.state = State.TERMINATED
        return [Terminated()]


class NonInviteClient:
    """Client non-INVITE transaction, RFC 3261 section 17.1.2."""

    def __init__(self, *, reliable: bool) -> None:
        self.state = State.TRYING
        self._reliable = reliable
        self._interval = T1

    def start(self, request: Request) -> list[Action]:
        self._request = request
        actions: list[Action] = [Send(request), StartTimer("F", 64 * T1)]
        if not self._reliable:
            actions.append(StartTimer("E", self._interval))
        return actions

    def receive(self, response: Response) -> list[Action]:
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []
        if response.code < 200:
            self.state = State.PROCEEDING
            return [Deliver(response)]
        self.state = State.COMPLETED
        actions: list[Action] = [StopTimer("E"), StopTimer("F"), Deliver(response)]
        if self._reliable:
            self.state = State.TERMINATED
            return [*actions, Terminated()]
        return [*actions, StartTimer("K", T4)]

    def expire(self, timer: str) -> list[Action]:
        waiting = self.state in (State.TRYING, State.PROCEEDING)
        if timer == "E" and waiting:
            self._interval = T2 if self.state is State.PROCEEDING else min(2 * self._interval, T2)
            return [Send(self._request), StartTimer("E", self._interval)]
        if timer == "F" and waiting:
            self.state = State.TERMINATED
            return [TimedOut(), Terminated()]
        if timer == "K" and self.state is State.COMPLETED:
            self.state = State.TERMINATED
            return [Terminated()]
        return []


class InviteServer:
    """Server INVITE transaction, RFC 3261 section 17.2.1 and RFC 6026 section 8.2.

    In ACCEPTED it also retransmits the 2xx until the ACK arrives (RFC 3261 section 13.3.1.4 leaves that to the
    core; the timer is named 2XX here).
    """

    def __init__(self, *, reliable: bool) -> None:
        self.state = State.PROCEEDING
        self._reliable = reliable
        self._interval = T1
        self._last: Response | None = None
        self._acknowledged = False

    def respond(self, response: Response) -> list[Action]:
        if self.state is not State.PROCEEDING:
            return []
        self._last = response
        if response.code < 200:
            return [Send(response)]
        if response.code < 300:
            self.state = State.ACCEPTED
            return [Send(response), StartTimer("2XX", self._interval), StartTimer("L", 64 * T1)]
        self.state = State.COMPLETED
        actions: list[Action] = [Send(response), StartTimer("H", 64 * T1)]
        return actions if self._reliable else [*actions, StartTimer("G", self._interval)]

    def receive_retransmission(self) -> list[Action]:
        if self.state in (State.PROCEEDING, State.COMPLETED) and self._last is not None:
            return [Send(self._last)]
        return []

    def receive_ack(self) -> list[Action]:
        if self.state is State.COMPLETED:
            self.state = State.CONFIRMED
            stop: list[Action] = [StopTimer("G"), StopTimer("H")]
            if self._reliable:
                self.state = State.TERMINATED
                return [*stop, Terminated()]
            return [*stop, StartTimer("I", T4)]
        if self.state is State.ACCEPTED and not self._acknowledged:
            self._acknowledged = True
            return [StopTimer("2XX")]
        return []

    def expire(self, timer: str) -> list[Action]:
        if (timer == "G" and self.state is State.COMPLETED) or (
            timer == "2XX" and self.state is State.ACCEPTED and not self._acknowledged
        ):
            assert self._last is not None
            self._interval = min(2 * self._interval, T2)
            return [Send(self._last), StartTimer(timer, self._interval)]
        if timer == "H" and self.state is State.COMPLETED:
            self.state = State.TERMINATED
            return [TimedOut(), Terminated()]
        if timer == "L" and self.state is State.ACCEPTED:
            self.state = State.TERMINATED
            lost: list[Action] = [] if self._acknowledged else [TimedOut()]
            return [StopTimer("2XX"), *lost, Terminated()]
        if timer == "I" and self.state is State.CONFIRMED:
            self.state = State.TERMINATED
            return [Terminated()]
        return []


class NonInviteServer:
    """Server non-INVITE transaction, RFC 3261 section 17.2.2."""

    def __init__(self, *, reliable: bool) -> None:
        self.state = State.TRYING
        self._reliable = reliable
        self._last: Response | None = None

    def respond(self, response: Response) -> list[Action]:
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []
        self._last = response
        if response.code < 200:
            self.state = State.PROCEEDING
            return [Send(response)]
        if self._reliable:
            self.state = State.TERMINATED
            return [Send(response), Terminated()]
        self.state = State.COMPLETED
        return [Send(response), StartTimer("J", 64 * T1)]

    def receive_retransmission(self) -> list[Action]:
        if self.state in (State.PROCEEDING, State.COMPLETED) and self._last is not None:
            return [Send(self._last)]
        return []

    def expire(self, timer: str) -> list[Action]:
        if timer == "J" and self.state is State.COMPLETED:
            self.state = State.TERMINATED
            return [Terminated()]
        return []


ClientMachine = InviteClient | NonInviteClient
ServerMachine = InviteServer | NonInviteServer


def ack_of_rejection(invite: Request, response: Response) -> Request:
    """RFC 3261 section 17.1.1.3: same branch, route and Request-URI as the INVITE, To of the response."""
    ack = Request("ACK", invite.uri)
    for name in ("Via", "Max-Forwards", "Route", "From", "Call-ID", "Authorization", "Proxy-Authorization"):
        values = invite.headers.getlist(name)
        if values:
            ack.headers.setlist(name, list(values))
    ack.headers.set("To", response.headers["To"])
    ack.headers.set("CSeq", invite.headers["CSeq"].replace("INVITE", "ACK"))
    return ack


def cancel_of(invite: Request) -> Request:
    """RFC 3261 section 9.1: the CANCEL of a pending INVITE; the branch is given again when it is sent."""
    cancel = Request("CANCEL", invite.uri)
    for name in ("Max-Forwards", "Route", "From", "To", "Call-ID"):
        values = invite.headers.getlist(name)
        if values:
            cancel.headers.setlist(name, list(values))
    cancel.headers.set("CSeq", invite.headers["CSeq"].replace("INVITE", "CANCEL"))
    return cancel
