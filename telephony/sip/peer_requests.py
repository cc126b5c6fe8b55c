"""What the peer asks within a call's dialog: BYE, re-INVITE, UPDATE, NOTIFY, OPTIONS, INFO (RFC 3261, 3311)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sipmessage import Request, Response

from .body import session_description
from .dialog import Dialog
from .message import ALLOW, Envelope, Reason, make_response
from .running_transaction import ServerTransaction
from .session_timer import MIN_INTERVAL_S
from .transfer import notified

if TYPE_CHECKING:
    from .call import OutboundCall

KNOWN_METHODS = frozenset(
    [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "PRACK",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "INFO",
        "REFER",
        "MESSAGE",
        "UPDATE",
    ]
)


UNDERSTOOD = frozenset(["timer", "norefersub"])


def not_understood(request: Envelope) -> str:
    """Extensions that a request requires and we don't have, for the 420 (RFC 3261 section 8.2.2.3)."""
    return ", ".join(sorted(request.tokens("Require") - UNDERSTOOD))


class PeerRequests:
    """Answers the peer's requests of one call."""

    def __init__(self, call: "OutboundCall") -> None:
        self._call = call
        self._reinvite: ServerTransaction | None = None
        self._awaiting_answer = False

    def receive(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        dialog = self._call.dialog_of(request)
        assert dialog is not None
        if not dialog.accept_cseq(request.cseq):
            transaction.reply(500, "CSeq out of order")
            return
        handler = {
            "BYE": self._bye,
            "INVITE": self._invite,
            "UPDATE": self._update,
            "NOTIFY": self._notify,
            "OPTIONS": self._options,
            "INFO": self._info,
        }.get(request.method)
        foreign = not_understood(request)
        if handler is None:
            transaction.reply(405 if request.method in KNOWN_METHODS else 501)
        elif dialog is not self._call.dialog:
            self._receive_early(transaction, dialog, handler)
        elif not self._call.in_session and request.method not in ("BYE", "NOTIFY"):
            transaction.reply(481)  # one of us has said BYE
        elif foreign:
            transaction.reply(420, headers={"Unsupported": foreign})
        else:
            handler(transaction)

    def _receive_early(
        self, transaction: ServerTransaction, dialog: Dialog, handler: Callable[[ServerTransaction], None]
    ) -> None:
        """Before the answer (RFC 3261 section 12.1): the call is not yet, so there is nothing to end or refresh."""
        method, foreign = transaction.request.method, not_understood(transaction.request)
        if foreign:
            transaction.reply(420, headers={"Unsupported": foreign})
        elif method == "UPDATE":
            self._early_update(transaction, dialog)
        elif method == "INVITE":
            transaction.reply(491)  # section 14.2: ours is under way
        elif method in ("OPTIONS", "INFO"):
            handler(transaction)
        else:
            transaction.reply(481)

    def _early_update(self, transaction: ServerTransaction, dialog: Dialog) -> None:
        """RFC 3311 section 5.2: of who is called, or another offer where ours was answered."""
        if _refused_body(transaction):
            return
        offer, body = session_description(_request_of(transaction)), b""
        if offer:
            if not self._call.early_offer_was_answered(dialog):
                transaction.reply(491)
                return
            try:
                body = self._call.audio.take_offer(offer)
            except ValueError:
                transaction.reply(488)
                return
        dialog.refresh_target(transaction.request)
        transaction.respond(self._acceptance(transaction, body))

    def receive_ack(self, ack: Envelope) -> None:
        """ACK of our 200 to a re-INVITE; it carries the answer when the offer was ours."""
        pending = self._reinvite
        if pending is None or pending.request.cseq != ack.cseq:
            return
        pending.receive_ack()
        self._reinvite = None
        if self._awaiting_answer:
            self._awaiting_answer = False
            if not self._call.audio.take_late_answer(ack):
                self._call.give_up("answer without usable audio in the ACK")

    def _bye(self, transaction: ServerTransaction) -> None:
        transaction.reply(200)
        self._call.peer_hung_up(Reason.of(transaction.request.message))

    def _invite(self, transaction: ServerTransaction) -> None:
        if self._reinvite is not None:
            # Section 14.2: the last one is not acknowledged yet.
            transaction.reply(500, headers={"Retry-After": "1"})
            return
        if self._call.session.reinvite_pending:
            transaction.reply(491)
            return
        if self._refused_interval(transaction) or _refused_body(transaction):
            return
        offer = session_description(_request_of(transaction))
        if offer:
            try:
                body = self._call.audio.take_offer(offer)
            except ValueError:
                transaction.reply(488)
                return
        else:
            body, self._awaiting_answer = self._call.audio.offer(), True
        self._moved(transaction)
        self._reinvite = transaction
        transaction.on_lost = self._ack_lost
        self._accept(transaction, body)

    def _ack_lost(self) -> None:
        """Section 13.3.1.4: no ACK for 64*T1, the session is ended."""
        self._reinvite = None
        self._call.hang_up()

    def _update(self, transaction: ServerTransaction) -> None:
        if self._refused_interval(transaction) or _refused_body(transaction):
            return
        offer = session_description(_request_of(transaction))
        body = b""
        if offer:
            own_is_open = self._reinvite is not None and self._awaiting_answer
            if own_is_open or self._call.session.reinvite_pending:
                transaction.reply(491)  # RFC 3311 section 5.2
                return
            try:
                body = self._call.audio.take_offer(offer)
            except ValueError:
                transaction.reply(488)
                return
        self._moved(transaction)
        self._accept(transaction, body)

    def _refused_interval(self, transaction: ServerTransaction) -> bool:
        if not self._call.session.too_short(transaction.request):
            return False
        transaction.reply(422, headers={"Min-SE": str(MIN_INTERVAL_S)})
        return True

    def _accept(self, transaction: ServerTransaction, body: bytes) -> None:
        response = self._acceptance(transaction, body)
        for name, value in self._call.session.requested(transaction.request).items():
            response.headers.set(name, value)
        transaction.respond(response)

    def _acceptance(self, transaction: ServerTransaction, body: bytes) -> Response:
        response = make_response(_request_of(transaction), 200)
        response.headers.set("Contact", f"<{self._call.setup.contact}>")
        response.headers.set("Supported", "timer, norefersub")
        records = transaction.request.message.headers.getlist("Record-Route")
        if records:
            response.headers.setlist("Record-Route", list(records))
        if body:
            response.headers.set("Content-Type", "application/sdp")
            response.body = body
        return response

    def _moved(self, transaction: ServerTransaction) -> None:
        assert self._call.dialog is not None
        before = self._call.dialog.remote_target
        self._call.dialog.refresh_target(transaction.request)
        if self._call.dialog.remote_target != before:
            self._call.target_moved()

    def _notify(self, transaction: ServerTransaction) -> None:
        event = (transaction.request.header("Event") or "").partition(";")[0].strip().lower()
        transfers = self._call.transfers
        if event != "refer":
            transaction.reply(489, headers={"Allow-Events": "refer"})
        elif not transfers:
            transaction.reply(481, "Subscription Does Not Exist")
        else:
            transaction.reply(200)
            transfer = notified(transfers, transaction.request)
            transfer.take_notify(transaction.request, self._call.layer.scheduler.time())
            self._call.listener.on_transfer(transfer)

    def _options(self, transaction: ServerTransaction) -> None:
        transaction.reply(
            200, headers={"Allow": ALLOW, "Accept": "application/sdp, multipart/mixed, message/sipfrag"}
        )

    def _info(self, transaction: ServerTransaction) -> None:
        transaction.reply(200)


def _refused_body(transaction: ServerTransaction) -> bool:
    """A session is described by SDP (RFC 3261 section 8.2.3)."""
    request = _request_of(transaction)
    if not request.body or session_description(request):
        return False
    transaction.reply(415, headers={"Accept": "application/sdp, multipart/mixed"})
    return True


def _request_of(transaction: ServerTransaction) -> Request:
    message = transaction.request.message
    assert isinstance(message, Request)
    return message
