"""One outbound call: INVITE, its dialog and its end (RFC 3261 sections 9, 13, 14 and 15).

No I/O: it talks to the transaction layer and to a `CallMedia`, and tells a `CallListener` what happens.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from sipmessage import URI, Request, Response

from .call_events import CallEnding, CallListener, CallState, EndedBy
from .dialog import Dialog
from .digest import DigestSession
from .ended_call import EndedCall
from .exchange import Exchange, Ignore, show_credentials
from .grammar import parse_uri
from .invite import CallSetup, InviteOffer, invite_request, target_uri
from .message import Envelope, Reason, new_call_id, new_tag, retry_after_of, serialize
from .offer_answer import AudioNegotiation, CallMedia, UnusableAudioError
from .peer_requests import PeerRequests
from .redirection import Targets
from .session_refresh import SessionRefresh
from .session_timer import min_se_of
from .transaction import T1, cancel_of
from .transaction_layer import Failure, ResponseHandler, ServerTransaction, Timer, TransactionLayer
from .transfer import Transfer
from .transport import Destination

logger = logging.getLogger(__name__)

MAX_LONGER_SESSIONS = 5


Resolve = Callable[[URI, Destination, Callable[[Destination], None]], None]


class OutboundCall:
    """A call we make. `ending` is set when it is over."""

    def __init__(
        self,
        layer: TransactionLayer,
        setup: CallSetup,
        media: CallMedia,
        listener: CallListener,
        *,
        resolve: Resolve | None = None,
        on_ended: Callable[["OutboundCall"], None] = lambda _: None,
    ) -> None:
        self.layer = layer
        self.setup = setup
        self.listener = listener
        self.state = CallState.IDLE
        self.call_id = new_call_id()
        self.local_tag = new_tag()
        self.audio = AudioNegotiation(media, setup.account.encryption)
        self.dialog: Dialog | None = None
        self.transfers: list[Transfer] = []
        self.ending: CallEnding | None = None
        self.answer_code: int | None = None
        self.cancelled = False
        self.remote_ending: CallEnding | None = None
        self._resolve = resolve
        self._on_ended = on_ended
        self._digest = DigestSession(setup.account.credentials_user, setup.account.password)
        self._cseq = 0
        self._invite: Exchange | None = None
        self._hop = setup.destination
        self._acks: dict[str, tuple[Request, Destination]] = {}
        self._cancel_sent = False
        self._timer: Timer | None = None
        self._offer = InviteOffer()
        self._longer_sessions = 0
        self._targets = Targets(parse_uri(target_uri(setup.account, setup.number)))
        self.session = SessionRefresh(self)
        self._peer = PeerRequests(self)

    # --- what the owner asks for -------------------------------------------------------------

    def start(self) -> None:
        """Send the INVITE."""
        self.state = CallState.CALLING
        self._send_invite(self.setup.destination)

    def cancel(self) -> None:
        """Give up before the answer. The CANCEL waits for a first provisional response (section 9.1)."""
        if self.state is not CallState.CALLING or self.cancelled:
            return
        self.cancelled = True
        if self._invite is not None and self._invite.is_proceeding:
            self._send_cancel()

    def hang_up(self) -> None:
        """End the call: BYE after the answer, CANCEL before."""
        if self.state is CallState.CALLING:
            self.cancel()
        elif self.state is CallState.ANSWERED:
            self.state = CallState.ENDING
            self.session.stop()
            self.audio.close()
            self._send_bye()

    @property
    def is_being_ended(self) -> bool:
        """A CANCEL or BYE of ours was asked for, or the peer hung up."""
        return self.cancelled or self.state in (CallState.ENDING, CallState.ENDED)

    def give_up(self, why: str) -> None:
        """End an answered call whose audio is of no use."""
        self.remote_ending = CallEnding(EndedBy.LOCAL, 488, text=why)
        self.hang_up()

    def refer(self, target: str) -> Transfer:
        """Blind transfer of the answered call to a number of the account's domain, or a SIP URI.

        May be asked again when one failed and the call is still there.
        """
        if self.state is not CallState.ANSWERED or self.dialog is None:
            raise ValueError("only an answered call can be transferred")
        uri = target_uri(self.setup.account, target)
        request = self.request("REFER")
        transfer = Transfer(target, self.layer.scheduler.time(), self.dialog.local_cseq)
        self.transfers.append(transfer)
        request.headers.set("Refer-To", f"<{uri}>")
        request.headers.set("Referred-By", f"<{self.setup.account.aor}>")  # RFC 3892
        self.send_in_dialog(request, _ReferHandler(self, transfer))
        return transfer

    def abandon(self) -> None:
        """Stop all timers and media at once, when the user agent closes."""
        self._finish(CallEnding(EndedBy.LOCAL, text="user agent closed"))

    def leave_behind(self) -> EndedCall:
        """What stays of an ended call; after this the call itself is not asked any more."""
        acks = {tag: (serialize(ack), hop) for tag, (ack, hop) in self._acks.items()}
        return EndedCall(self.layer, self.dialog, acks, self._invite, transferred=bool(self.transfers))

    # --- responses to the INVITE ----------------------------------------------------------------

    def on_response(self, response: Envelope) -> None:
        message = response.message
        assert isinstance(message, Response)
        if message.code < 200:
            self._progress(response, message)
        elif message.code < 300:
            self._success(response, message)
        elif not self._try_again(response, message):
            self._rejected(message)

    def on_failure(self, failure: Failure, text: str) -> None:
        if self.state is CallState.CALLING:
            self._finish(CallEnding(EndedBy.TIMEOUT, text=text))

    def _progress(self, response: Envelope, message: Response) -> None:
        if self.state is not CallState.CALLING:
            return
        if self.cancelled:
            self._send_cancel()
        if message.code > 100 and message.body:
            self.audio.take_early_answer(response)
        if message.code > 100:
            self.listener.on_ringing(message.code)

    def _success(self, response: Envelope, message: Response) -> None:
        tag = response.to_tag or ""
        if tag in self._acks:
            ack, hop = self._acks[tag]  # a retransmission: the same ACK again (RFC 6026, section 13.2.2.4)
            self.layer.send(ack, hop)
            return
        assert self._invite is not None
        dialog = Dialog.from_response(self._invite.sent, response)
        self._resolved(dialog.next_hop(), lambda hop: self._acknowledge(dialog, response, message, hop))

    def _acknowledge(self, dialog: Dialog, response: Envelope, message: Response, hop: Destination) -> None:
        assert self._invite is not None
        if dialog.remote_tag in self._acks:
            return  # retransmitted while its host name was looked up
        ack = dialog.request("ACK", cseq=response.cseq)
        show_credentials(ack, self._invite.sent)
        self._acks[dialog.remote_tag] = (self.layer.send_ack(ack, hop), hop)
        if self.dialog is not None or self.state is not CallState.CALLING:
            # A second branch answered, or we had given up: end that dialog (section 13.2.2.4).
            self._end_extra_dialog(dialog, hop)
            return
        self.dialog, self._hop, self.answer_code = dialog, hop, message.code
        self._cseq = dialog.local_cseq
        if self.cancelled:
            self.state = CallState.ENDING
            self.remote_ending = CallEnding(EndedBy.CANCELLED, message.code, text="answered after our CANCEL")
            self.audio.close()
            self._send_bye()
            return
        self.state = CallState.ANSWERED
        try:
            self.audio.take_answer(response)
        except UnusableAudioError as unusable:
            logger.warning("call %s: %s, hanging up", self.call_id, unusable)
            self.give_up(str(unusable))
            return
        self._stop_timer()
        self.session.answered(response)
        self.listener.on_answered()

    def _try_again(self, response: Envelope, message: Response) -> bool:
        """Redirections (RFC 3261 section 8.1.3.4) and longer session intervals (RFC 4028 section 7.3)."""
        if self.state is not CallState.CALLING or self.cancelled:
            return False
        least = min_se_of(response)
        if message.code == 422 and least is not None and least > self._offer.session_seconds:
            if self._longer_sessions >= MAX_LONGER_SESSIONS:
                return False
            self._longer_sessions += 1
            self._offer = replace(self._offer, session_seconds=least, min_se=least)
            assert self._invite is not None
            self._send_invite(self._invite.destination)
            return True
        self._targets.take(response)
        target = self._targets.next() if message.code < 600 else None
        if target is None:
            return False
        self._offer = replace(self._offer, target=target)
        self._resolved(target, self._send_invite)
        return True

    def _end_extra_dialog(self, dialog: Dialog, hop: Destination) -> None:
        bye = self._dress(dialog.request("BYE"))
        Exchange(
            self.layer, bye, hop, Ignore(), digest=self._digest, next_cseq=lambda: _count_up(dialog)
        ).send()

    def _rejected(self, message: Response) -> None:
        if self.state is not CallState.CALLING:
            return
        reason = Reason.of(message)
        # A challenge or redirection that we did not follow, because we had given up, ends the call as 487 does.
        given_up = self.cancelled and message.code in (487, 401, 407, 301, 302, 305, 422)
        by = EndedBy.CANCELLED if given_up else EndedBy.REJECTED
        text = reason.text or message.phrase or None
        self._finish(CallEnding(by, message.code, reason.cause, text, retry_after_of(message)))

    # --- within the dialog ------------------------------------------------------------------------

    def matches(self, request: Envelope) -> bool:
        return self.dialog is not None and self.dialog.matches(request)

    def on_request(self, transaction: ServerTransaction) -> None:
        """A request of the peer in this call's dialog."""
        self._peer.receive(transaction)

    def on_ack(self, ack: Envelope) -> None:
        self._peer.receive_ack(ack)

    def request(self, method: str) -> Request:
        """A new request of the dialog, with Contact and identification."""
        assert self.dialog is not None
        return self._dress(self.dialog.request(method))

    def send_in_dialog(self, request: Request, handler: ResponseHandler) -> Exchange:
        dialog = self.dialog
        assert dialog is not None
        exchange = Exchange(
            self.layer, request, self._hop, handler, digest=self._digest, next_cseq=lambda: _count_up(dialog)
        )
        exchange.send()
        return exchange

    def send_ack(self, ack: Request) -> None:
        """ACK of a 2xx to a re-INVITE of ours."""
        self.layer.send_ack(ack, self._hop)

    @property
    def in_session(self) -> bool:
        return self.state is CallState.ANSWERED

    def target_moved(self) -> None:
        """The peer gave another Contact: later requests go there."""
        assert self.dialog is not None

        def moved(hop: Destination) -> None:
            self._hop = hop

        self._resolved(self.dialog.next_hop(), moved)

    def peer_hung_up(self, reason: Reason) -> None:
        """BYE from the peer."""
        if self.state is CallState.ENDING:
            self.bye_done()  # both hung up: ours was first, its answer is not waited for
            return
        self._finish(CallEnding(EndedBy.REMOTE, self.answer_code, reason.cause, reason.text))

    def _send_bye(self) -> None:
        self.send_in_dialog(self.request("BYE"), _ByeHandler(self))

    def bye_done(self) -> None:
        """Our BYE was answered, or never will be."""
        self._finish(self.remote_ending or CallEnding(EndedBy.LOCAL, self.answer_code))

    # --- the pieces --------------------------------------------------------------------------------

    def _send_cancel(self) -> None:
        if self._cancel_sent or self._invite is None or self._invite.transaction is None:
            return
        self._cancel_sent = True
        invite = self._invite.transaction
        self.layer.send_request(cancel_of(invite.request), invite.destination, Ignore(), branch=invite.key[0])
        # Section 9.1: without a final response 64*T1 later, the INVITE counts as cancelled.
        self._timer = self.layer.scheduler.call_later(64 * T1, self.layer.guarded, self._cancel_unanswered)

    def _cancel_unanswered(self) -> None:
        if self.state is CallState.CALLING:
            self._finish(CallEnding(EndedBy.CANCELLED, text="no response to our CANCEL"))

    def _finish(self, ending: CallEnding) -> None:
        if self.state is CallState.ENDED:
            return
        self.state = CallState.ENDED
        self.ending = ending
        self._stop_timer()
        self.session.stop()
        self.audio.close()
        self._on_ended(self)
        self.listener.on_ended(ending)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _resolved(self, uri: URI, then: Callable[[Destination], None]) -> None:
        if self._resolve is None:
            then(self.setup.destination)
        else:
            self._resolve(uri, self.setup.destination, then)

    def _send_invite(self, destination: Destination) -> None:
        if self.state is not CallState.CALLING:
            return
        if self.cancelled:
            self._finish(CallEnding(EndedBy.CANCELLED, text="cancelled"))
            return
        offer = replace(self._offer, body=self.audio.offer())
        request = self._dress(
            invite_request(self.setup, self.call_id, self.local_tag, self._next_cseq(), offer)
        )
        self._invite = Exchange(
            self.layer,
            request,
            destination,
            self,
            digest=self._digest,
            next_cseq=self._next_cseq,
            wanted=lambda: not self.cancelled,
        )
        self._invite.send()

    def _dress(self, request: Request) -> Request:
        if request.method in ("INVITE", "REFER", "UPDATE"):
            request.headers.set("Contact", f"<{self.setup.contact}>")
        if self.setup.user_agent:
            request.headers.set("User-Agent", self.setup.user_agent)
        return request


class _ReferHandler:
    def __init__(self, call: OutboundCall, transfer: Transfer) -> None:
        self._call = call
        self._transfer = transfer

    def on_response(self, response: Envelope) -> None:
        self._transfer.take_response(response, self._call.layer.scheduler.time())
        self._call.listener.on_transfer(self._transfer)

    def on_failure(self, failure: Failure, text: str) -> None:
        code = 408 if failure is Failure.TIMEOUT else 503
        self._transfer.take_failure(code, self._call.layer.scheduler.time())
        self._call.listener.on_transfer(self._transfer)


class _ByeHandler:
    def __init__(self, call: OutboundCall) -> None:
        self._call = call

    def on_response(self, response: Envelope) -> None:
        if isinstance(response.message, Response) and response.message.code >= 200:
            self._call.bye_done()

    def on_failure(self, failure: Failure, text: str) -> None:
        self._call.bye_done()


def _count_up(dialog: Dialog) -> int:
    dialog.local_cseq += 1
    return dialog.local_cseq


__all__ = ["CallEnding", "CallListener", "CallState", "EndedBy", "OutboundCall"]
