"""Runs the transactions: matches messages to them, owns their timers, sends what they ask for.

Free of sockets and clocks: transports and a scheduler (an asyncio loop, or a simulated one) are given.
"""

import logging
from collections.abc import Callable

from sipmessage import Request, Response

from .message import (
    MAGIC_COOKIE,
    Envelope,
    MessageError,
    make_response,
    new_branch,
    read_message,
    serialize,
    with_via,
)
from .running_transaction import ClientTransaction, ResponseHandler, Scheduler, ServerTransaction
from .transport import Destination, Transport

logger = logging.getLogger(__name__)

MAX_SERVER_TRANSACTIONS = 5000


class TransactionLayer:
    """All transactions of one user agent."""

    def __init__(self, scheduler: Scheduler, on_request: Callable[[ServerTransaction], None]) -> None:
        self.scheduler = scheduler
        self.transports: dict[str, Transport] = {}
        self.on_ack: Callable[[Envelope], None] = lambda _: None
        self.is_of_a_call: Callable[[Envelope], bool] = lambda _: False
        self.on_way_broken: Callable[[Destination], None] = lambda _: None
        self._on_request = on_request
        self._clients: dict[tuple[str, str], ClientTransaction] = {}
        self._servers: dict[str, ServerTransaction] = {}

    @property
    def open_transactions(self) -> int:
        return len(self._clients) + len(self._servers)

    def transport_of(self, destination: Destination) -> Transport:
        return self.transports[destination.transport]

    def send(self, message: Request | Response, destination: Destination) -> bytes:
        data = serialize(message)
        logger.debug("to %s: %s", destination, _summary(message))
        self.transport_of(destination).send(data, destination)
        return data

    def via(self, destination: Destination, branch: str) -> str:
        host, port = self.transport_of(destination).local_address(destination)
        host = f"[{host}]" if ":" in host else host
        return f"SIP/2.0/{destination.transport.upper()} {host}:{port};branch={branch};rport"

    def send_request(
        self,
        request: Request,
        destination: Destination,
        handler: ResponseHandler,
        *,
        branch: str | None = None,
    ) -> ClientTransaction:
        """Start a client transaction; the request gets its Via here. A CANCEL takes its INVITE's branch."""
        branch = branch or new_branch()
        request = with_via(request, self.via(destination, branch))
        transaction = ClientTransaction(self, branch, request, destination, handler)
        self._clients[transaction.key] = transaction
        transaction.run(transaction.machine.start(request))
        return transaction

    def send_ack(self, ack: Request, destination: Destination) -> None:
        """The ACK of a 2xx is its own transaction without answer (RFC 3261 section 13.2.2.4)."""
        self.send(with_via(ack, self.via(destination, new_branch())), destination)

    def as_sent(self, ack: Request, destination: Destination) -> bytes:
        """The same ACK, to be sent over and over."""
        return serialize(with_via(ack, self.via(destination, new_branch())))

    def receive(self, data: bytes, source: Destination) -> None:
        """One datagram or one framed message; never raises."""
        if not data.strip(b"\r\n\x00 "):
            return  # keep-alive (RFC 5626 section 3.5.1)
        self.guarded(self._receive, data, source)

    def transport_failed(self, destination: Destination, error: str) -> None:
        """Requests to that address which have no response at all end at once (section 18.4); a call that rings or
        talks has reached its peer, and goes on."""
        for transaction in list(self._clients.values()):
            if transaction.unanswered and transaction.destination.address == destination.address:
                self.guarded(transaction.fail, error)
        self.guarded(self.on_way_broken, destination)

    def guarded(self, function: Callable[..., None], *args: object) -> None:
        """Run a step; a fault in it is logged and ends there, never in the socket's or timer's callback."""
        try:
            function(*args)
        except Exception:
            logger.exception("a SIP step failed; the user agent goes on")

    def _receive(self, data: bytes, source: Destination) -> None:
        try:
            envelope = read_message(data, stream=source.transport != "udp")
        except MessageError as error:
            logger.debug("from %s: dropped: %s", source, error)
            if error.answer is not None:
                self.send(error.answer, source)
            return
        logger.debug("from %s: %s", source, _summary(envelope.message))
        if isinstance(envelope.message, Response):
            client = self._clients.get((envelope.branch, envelope.method))
            if client is not None:
                client.receive(envelope)
            return
        self._receive_request(envelope, source)

    def _receive_request(self, request: Envelope, source: Destination) -> None:
        source = self._response_destination(request, source)
        key = _server_key(request)
        known = self._servers.get(key)
        if request.method == "ACK":
            if known is not None:
                known.receive_ack()
            self.on_ack(request)
        elif known is not None:
            known.receive_retransmission()
        elif self._is_too_much(request):
            self.respond_statelessly(request, source, 503)
        else:
            transaction = self._servers[key] = ServerTransaction(self, key, request, source)
            self._on_request(transaction)

    def _is_too_much(self, request: Envelope) -> bool:
        """A flood of strangers must not keep out what our own peers have to say."""
        held = len(self._servers)
        return held >= MAX_SERVER_TRANSACTIONS and (
            held >= 2 * MAX_SERVER_TRANSACTIONS or not self.is_of_a_call(request)
        )

    def _response_destination(self, request: Envelope, source: Destination) -> Destination:
        """RFC 3261 section 18.2.2 and RFC 3581; `received` and `rport` go into the top Via."""
        if source.transport != "udp":
            return source
        values = request.message.headers.getlist("Via")
        top, comma, rest = values[0].partition(",")
        if "rport" in request.via.params and request.via.params["rport"] is None:
            top = top.replace(";rport", f";rport={source.port}", 1)
        elif "rport" not in request.via.params:
            source = Destination("udp", source.host, request.via.port or 5060)
        if request.via.host != source.host and "received" not in request.via.params:
            top = f"{top.rstrip()};received={source.host}"
        values[0] = top + comma + rest
        return source

    def respond_statelessly(self, request: Envelope, source: Destination, code: int) -> None:
        assert isinstance(request.message, Request)
        self.send(make_response(request.message, code), source)

    def invite_server_of(self, cancel: Envelope) -> ServerTransaction | None:
        """The INVITE that a CANCEL means (RFC 3261 section 9.2)."""
        return self._servers.get(_server_key(cancel, "INVITE"))

    def forget_client(self, transaction: ClientTransaction) -> None:
        transaction.stop_timers()
        transaction.part()
        self._clients.pop(transaction.key, None)

    def forget_server(self, transaction: ServerTransaction) -> None:
        transaction.stop_timers()
        self._servers.pop(transaction.key, None)

    def close(self) -> None:
        for transaction in [*self._clients.values(), *self._servers.values()]:
            transaction.stop_timers()
        self._clients.clear()
        self._servers.clear()
        for transport in self.transports.values():
            transport.close()
        self.transports.clear()


def _server_key(request: Envelope, method: str | None = None) -> str:
    """RFC 3261 section 17.2.3; a branch without the cookie comes from an RFC 2543 element."""
    method = method or ("INVITE" if request.method == "ACK" else request.method)
    if request.branch.startswith(MAGIC_COOKIE):
        return f"{request.branch}|{request.via.host}|{request.via.port}|{method}"
    return (
        f"{request.call_id}|{request.from_tag}|{request.cseq}|{request.via.host}|{request.via.port}|{method}"
    )


def _summary(message: Request | Response) -> str:
    """One line for the log, without headers: credentials never get there."""
    if isinstance(message, Request):
        return f"{message.method} {message.uri} ({message.headers.get('Call-ID')})"
    return (
        f"{message.code} {message.phrase} to {message.headers.get('CSeq')} ({message.headers.get('Call-ID')})"
    )
