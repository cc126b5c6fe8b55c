"""A transaction under way: its machine of `transaction`, with timers, and actions carried out through the layer."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from sipmessage import Request, Response

from .message import Envelope, make_response, read_message, serialize
from .transaction import (
    Action,
    ClientMachine,
    Deliver,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Send,
    SendAck,
    ServerMachine,
    StartTimer,
    State,
    StopTimer,
    Terminated,
    TimedOut,
    ack_of_rejection,
)
from .transport import Destination

if TYPE_CHECKING:
    from .transaction_layer import TransactionLayer


class Timer(Protocol):
    def cancel(self) -> None: ...


class Scheduler(Protocol):
    """The part of an asyncio loop that is needed here."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Timer: ...


class Failure(StrEnum):
    """Why a request got no response."""

    TIMEOUT = "timeout"
    TRANSPORT = "transport"


class ResponseHandler(Protocol):
    """The transaction user of a client transaction."""

    def on_response(self, response: Envelope) -> None: ...

    def on_failure(self, failure: Failure, text: str) -> None: ...


class Ignore:
    """A transaction user that expects nothing."""

    def on_response(self, response: Envelope) -> None:
        pass

    def on_failure(self, failure: Failure, text: str) -> None:
        pass


class _Running:
    """What client and server transactions have in common: timers and the execution of actions."""

    def __init__(self, layer: "TransactionLayer", destination: Destination) -> None:
        self.layer = layer
        self.destination = destination
        self._timers: dict[str, Timer] = {}

    def run(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.layer.send(action.message, self.destination)
            elif isinstance(action, StartTimer):
                self._start_timer(action)
            elif isinstance(action, StopTimer):
                self._stop_timer(action.name)
            else:
                self.handle(action)

    def _start_timer(self, action: StartTimer) -> None:
        self._stop_timer(action.name)
        self._timers[action.name] = self.layer.scheduler.call_later(
            action.seconds, self.layer.guarded, self._expired, action.name
        )

    def _stop_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def stop_timers(self) -> None:
        for name in list(self._timers):
            self._stop_timer(name)

    def _expired(self, name: str) -> None:
        self._timers.pop(name, None)
        self.run(self.expire(name))

    def expire(self, name: str) -> list[Action]:
        raise NotImplementedError

    def handle(self, action: Action) -> None:
        raise NotImplementedError


class ClientTransaction(_Running):
    """A request of ours on its way."""

    def __init__(
        self,
        layer: "TransactionLayer",
        branch: str,
        request: Request,
        destination: Destination,
        handler: ResponseHandler,
    ) -> None:
        super().__init__(layer, destination)
        reliable = layer.transport_of(destination).reliable
        self.machine: ClientMachine = (
            InviteClient(reliable=reliable)
            if request.method == "INVITE"
            else NonInviteClient(reliable=reliable)
        )
        self.key = (branch, request.method)
        self._request: Request | bytes = request
        self._handler = handler
        self._response: Envelope | None = None

    @property
    def request(self) -> Request:
        if isinstance(self._request, Request):
            return self._request
        message = read_message(self._request).message
        assert isinstance(message, Request)
        return message

    def settle_down(self, handler: ResponseHandler) -> None:
        """An INVITE that has its final response waits for repetitions only: as bytes, and told to `handler`."""
        if isinstance(self.machine, InviteClient) and not self.waiting and isinstance(self._request, Request):
            self.machine.forget_request()
            self._request, self._handler, self._response = serialize(self._request), handler, None

    def part(self) -> None:
        """Nothing more will come. Its user holds it as well: such rings would wait for Python's garbage collector."""
        self._handler = Ignore()

    def receive(self, response: Envelope) -> None:
        assert isinstance(response.message, Response)
        self._response = response
        self.run(self.machine.receive(response.message))

    def expire(self, name: str) -> list[Action]:
        return self.machine.expire(name)

    @property
    def waiting(self) -> bool:
        """No final response yet."""
        return self.machine.state in (State.CALLING, State.TRYING, State.PROCEEDING)

    @property
    def unanswered(self) -> bool:
        """No response at all yet."""
        return self.machine.state in (State.CALLING, State.TRYING)

    def fail(self, text: str) -> None:
        """The transport gave up (RFC 3261 section 17.1.4)."""
        handler = self._handler
        self.layer.forget_client(self)
        handler.on_failure(Failure.TRANSPORT, text)

    def handle(self, action: Action) -> None:
        if isinstance(action, Deliver):
            assert self._response is not None
            self._handler.on_response(self._response)
        elif isinstance(action, SendAck):
            self.layer.send(ack_of_rejection(self.request, action.response), self.destination)
        elif isinstance(action, TimedOut):
            self._handler.on_failure(Failure.TIMEOUT, "no response")
        elif isinstance(action, Terminated):
            self.layer.forget_client(self)


class ServerTransaction(_Running):
    """A request of the peer that we answer."""

    def __init__(self, layer: "TransactionLayer", key: str, request: Envelope, source: Destination) -> None:
        super().__init__(layer, source)
        reliable = layer.transport_of(source).reliable
        self.machine: ServerMachine = (
            InviteServer(reliable=reliable)
            if request.method == "INVITE"
            else NonInviteServer(reliable=reliable)
        )
        self.key = key
        self.request = request
        self.on_lost: Callable[[], None] | None = (
            None  # our final response to an INVITE was never acknowledged
        )

    def respond(self, response: Response) -> None:
        self.run(self.machine.respond(response))

    def reply(self, code: int, phrase: str = "", *, headers: dict[str, str] | None = None) -> None:
        """Answer with a plain response; `headers` come on top."""
        assert isinstance(self.request.message, Request)
        response = make_response(self.request.message, code, phrase)
        for name, value in (headers or {}).items():
            response.headers.set(name, value)
        self.respond(response)

    def receive_retransmission(self) -> None:
        self.run(self.machine.receive_retransmission())

    def receive_ack(self) -> None:
        if isinstance(self.machine, InviteServer):
            self.run(self.machine.receive_ack())

    def expire(self, name: str) -> list[Action]:
        return self.machine.expire(name)

    def handle(self, action: Action) -> None:
        if isinstance(action, TimedOut) and self.on_lost is not None:
            self.on_lost()
        elif isinstance(action, Terminated):
            self.layer.forget_server(self)
