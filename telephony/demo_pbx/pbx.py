"""The PBX's SIP side: reads datagrams, authenticates, and hands each request to the call it belongs to."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from sipmessage import Address, Message, Request, Response

from .call import Call
from .call_log import CallRecord, wall_ms
from .customers import plan_call
from .dialog import Dialog
from .digest import Challenge, DigestGuard
from .exchange import Exchange
from .messages import ALLOW, Endpoint, Incoming, MalformedRequestError, make_response
from .registrar import Registrar
from .sdp import AudioSession, NoCommonCodecError, parse_session
from .transactions import ServerTransaction

CHALLENGED_CALLS_KEPT: Final = 10_000


class DemoPbx:
    """Takes datagrams in by `receive`; what it sends goes through the exchange's transactions."""

    def __init__(self, exchange: Exchange) -> None:
        config = exchange.config
        self.exchange = exchange
        self.registrar = Registrar()
        self.requests = 0
        self.garbage = 0
        self.refused_credentials = 0
        self._guard = DigestGuard(config.realm, config.users, config.nonce_lifetime_s)
        self._first_seen: dict[str, int] = {}  # Call-ID -> ms of the INVITE that was challenged
        self._without_dialog: dict[str, Callable[[ServerTransaction], None]] = {
            "REGISTER": self._register,
            "INVITE": self._invite,
            "OPTIONS": self._options,
        }
        self._in_dialog: dict[str, Callable[[Call, ServerTransaction], None]] = {
            "INVITE": self._reinvite,
            "BYE": self._bye,
            "REFER": self._refer,
            "OPTIONS": lambda _call, transaction: self._options(transaction),
        }

    def receive(self, data: bytes, source: Endpoint) -> None:
        """One datagram. Whatever it holds, the PBX goes on."""
        if not data.strip(b"\r\n\0 "):
            return  # keep-alive, RFC 5626 section 3.5.1
        try:
            message = Message.parse(data)
        except (ValueError, TypeError):
            self.garbage += 1
            return
        if isinstance(message, Response):
            self._response(message)
            return
        try:
            incoming = Incoming.read(message, source)
        except MalformedRequestError:
            self._malformed(message, source)
            return
        self.requests += 1
        if incoming.method == "ACK":
            self._ack(incoming)
            return
        transaction = self.exchange.transactions.receive(incoming)
        if transaction is not None:
            self._dispatch(transaction)

    def _response(self, response: Response) -> None:
        try:
            self.exchange.transactions.receive_response(response)
        except ValueError:
            self.garbage += 1

    def _malformed(self, request: Request, source: Endpoint) -> None:
        """400 without a transaction, when there is enough to answer to (RFC 3261 section 8.2)."""
        self.garbage += 1
        headers = request.headers
        if request.method == "ACK" or any(
            headers.get(name) is None for name in ("Via", "From", "To", "CSeq")
        ):
            return
        response = make_response(request, source, 400, local_tag="malformed")
        self.exchange.transactions.send(bytes(response), source)

    def _dispatch(self, transaction: ServerTransaction) -> None:
        incoming = transaction.incoming
        method = incoming.method
        if method == "CANCEL":
            self._cancel(transaction)
        elif method not in self._without_dialog and method not in self._in_dialog:
            transaction.reply(405, extra=(("Allow", ALLOW),))
        elif incoming.request.uri.scheme != "sip":
            transaction.reply(416)
        elif required := incoming.request.require:
            transaction.reply(420, extra=(("Unsupported", ", ".join(required)),))
        elif incoming.to_tag is not None:
            self._dispatch_in_dialog(transaction)
        elif method in self._without_dialog:
            self._without_dialog[method](transaction)
        else:  # REFER is for calls only; BYE without a dialog has nothing to end
            transaction.reply(403 if method == "REFER" else 481)

    def _dispatch_in_dialog(self, transaction: ServerTransaction) -> None:
        incoming = transaction.incoming
        call = self._call_of(incoming)
        if call is None or incoming.method not in self._in_dialog:
            transaction.reply(481)
        elif not call.dialog.accepts(incoming):
            transaction.reply(500, local_tag=call.dialog.local_tag)
        else:
            self._in_dialog[incoming.method](call, transaction)

    def _call_of(self, incoming: Incoming) -> Call | None:
        return self.exchange.calls.get((incoming.call_id, incoming.to_tag or "", incoming.from_tag))

    # Requests without a dialog

    def _authenticated(self, transaction: ServerTransaction) -> str | None:
        """The user, or None after a 401."""
        verdict = self._guard.check(transaction.incoming.request, self.exchange.loop.time())
        if isinstance(verdict, Challenge):
            self.refused_credentials += verdict.refused
            transaction.reply(401, extra=(("WWW-Authenticate", verdict.header),))
            return None
        return verdict.user

    def _register(self, transaction: ServerTransaction) -> None:
        user = self._authenticated(transaction)
        if user is None:
            return
        now = self.exchange.loop.time()
        result = self.registrar.register(transaction.incoming, user, now)
        transaction.reply(result.code, extra=result.headers)
        contact = self.registrar.contacts(now).get(user)
        self.exchange.log.write("register", user=user, contact=contact, sip_code=result.code)

    def _options(self, transaction: ServerTransaction) -> None:
        transaction.reply(200, extra=(("Allow", ALLOW), ("Accept", "application/sdp")))

    def _invite(self, transaction: ServerTransaction) -> None:
        exchange, incoming = self.exchange, transaction.incoming
        first_seen = self._first_seen.setdefault(incoming.call_id, wall_ms())
        if len(self._first_seen) > CHALLENGED_CALLS_KEPT:
            del self._first_seen[next(iter(self._first_seen))]
        user = self._authenticated(transaction)
        if user is None:
            return
        transaction.reply(100)
        del self._first_seen[incoming.call_id]
        if self._is_merged(incoming):
            transaction.reply(482)
            return
        try:
            offer = parse_session(incoming.request.body) if incoming.request.body else None
            dialog = Dialog.of_invite(incoming, exchange.contact)
        except NoCommonCodecError:
            transaction.reply(488)
            return
        except ValueError:
            transaction.reply(400)
            return
        self._start_call(transaction, dialog, user, offer, first_seen)

    def _is_merged(self, incoming: Incoming) -> bool:
        """The same INVITE by another way (RFC 3261 section 8.2.2.2): one call is enough."""
        return any(key[0] == incoming.call_id and key[2] == incoming.from_tag for key in self.exchange.calls)

    def _start_call(
        self,
        transaction: ServerTransaction,
        dialog: Dialog,
        user: str,
        offer: AudioSession | None,
        first_seen: int,
    ) -> None:
        exchange = self.exchange
        number = (transaction.incoming.request.uri.user or "").removeprefix("+")
        if not number:
            transaction.reply(484)
            return
        if number in exchange.pilots or not number.isdecimal():
            transaction.reply(404)
            return
        exchange.call_counts[number] += 1
        count = exchange.call_counts[number]
        plan = plan_call(number, count, exchange.config.customers, exchange.config.behaviour)
        exchange.kinds[plan.kind] += 1
        record = CallRecord(user, number, plan.kind, count, dialog.call_id, first_seen)
        call = Call(exchange, transaction, dialog, plan, record, offer)
        exchange.calls[dialog.key] = call
        exchange.count_peaks(user, number)
        call.start()

    def _cancel(self, transaction: ServerTransaction) -> None:
        """RFC 3261 section 9.2: 200 to the CANCEL, 487 to an INVITE that has no final response yet."""
        invite = self.exchange.transactions.invite_of(transaction.incoming)
        if invite is None:
            transaction.reply(481)
            return
        transaction.reply(200)
        for call in list(self.exchange.calls.values()):
            if call.belongs_to(invite):
                call.cancel()

    # Requests of a dialog

    def _ack(self, incoming: Incoming) -> None:
        if self.exchange.transactions.acknowledge(incoming):
            return
        call = self._call_of(incoming)
        if call is not None:
            call.acknowledge(incoming.request.body)

    def _reinvite(self, call: Call, transaction: ServerTransaction) -> None:
        call.reinvite(transaction)

    def _bye(self, call: Call, transaction: ServerTransaction) -> None:
        call.bye()
        transaction.reply(200)

    def _refer(self, call: Call, transaction: ServerTransaction) -> None:
        values = transaction.incoming.request.headers.getlist("Refer-To")
        try:
            target = Address.parse(values[0]).uri.user if len(values) == 1 else None
        except ValueError:
            target = None
        if not target:  # RFC 3515 section 2.4.2: exactly one
            transaction.reply(400, local_tag=call.dialog.local_tag)
            return
        call.refer(transaction, target.removeprefix("+"))

    def stats(self) -> dict[str, object]:
        """Counters since the start, and what is up now (the leak counters)."""
        exchange, transactions = self.exchange, self.exchange.transactions
        return {
            "calls": sum(exchange.call_counts.values()),
            "calls_up": len(exchange.calls),
            "most_calls": exchange.most_calls,
            "most_calls_of_a_user": exchange.most_calls_of_a_user,
            "most_calls_to_a_number": exchange.most_calls_to_a_number,
            "streams": exchange.media.streams,
            "most_late_tick_ms": round(exchange.media.most_late_s * 1000, 1),
            "kinds": dict(exchange.kinds),
            "transfers": dict(exchange.transfers),
            "registrations": self.registrar.contacts(exchange.loop.time()),
            "requests": self.requests,
            "requests_absorbed": transactions.requests_absorbed,
            "responses_repeated": transactions.responses_repeated,
            "requests_repeated": transactions.requests_repeated,
            "requests_unanswered": transactions.under_way,
            "finals_without_ack": transactions.finals_without_ack,
            "refused_credentials": self.refused_credentials,
            "garbage": self.garbage,
        }


class SipSocket(asyncio.DatagramProtocol):
    """The UDP socket: hands datagrams to the PBX once it is there."""

    def __init__(self) -> None:
        self.pbx: DemoPbx | None = None
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: Endpoint) -> None:
        if self.pbx is not None:
            self.pbx.receive(data, addr)

    def send(self, data: bytes, destination: Endpoint) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, destination)
