"""One outbound call: INVITE, its dialog and its end (RFC 3261 sections 9, 13, 14 and 15).

No I/O: it talks to the transaction layer and to a `CallMedia`, and tells a `CallListener` what happens.
"""

import logging
from collections.abc import Callable

from sipmessage import URI, Request, Response

from .call_events import CallEnding, CallListener, CallState, EndedBy, Nobody
from .dialog import Dialog
from .dialog_requests import DialogRequest, NextHop, Resolve
from .digest import DigestSession
from .ended_call import EndedCall
from .invitation import Invitation
from .invite import CallSetup, target_uri
from .message import Envelope, Reason, new_call_id, new_tag
from .offer_answer import AudioNegotiation, CallMedia, UnusableAudioError
from .peer_requests import PeerRequests
from .running_transaction import Failure, ResponseHandler, ServerTransaction
from .session_refresh import SessionRefresh
from .transaction_layer import TransactionLayer
from .transfer import Transfer
from .transport import Destination

logger = logging.getLogger(__name__)


class OutboundCall:
    """A call we make. `ending` is set when it is over."""

    def __init__(
        self,
        layer: TransactionLayer,
        setup: CallSetup,
        media: CallMedia,
        listener: CallListener,
        *,
        resolve: Resolve = lambda uri, otherwise, then: then([otherwise]),
        on_ended: Callable[["OutboundCall"], None] = lambda _: None,
        on_place_failed: Callable[[Destination], None] = lambda _: None,
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
        self.remote_ending: CallEnding | None = None
        self.resolve = resolve
        self._on_ended = on_ended
        self._on_place_failed = on_place_failed
        self.digest = DigestSession(setup.account.credentials_user, setup.account.password)
        self._hop = NextHop(setup.destination)
        self._invitation = Invitation(self)
        self.session = SessionRefresh(self)
        self._peer = PeerRequests(self)

    # --- what the owner asks for -------------------------------------------------------------

    def start(self) -> None:
        """Send the INVITE."""
        self.state = CallState.CALLING
        self._invitation.start()

    def cancel(self) -> None:
        """Give up before the answer. The CANCEL waits for a first provisional response (section 9.1)."""
        if self.is_calling:
            self._invitation.cancel()

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
        return self._invitation.is_cancelled or self.state in (CallState.ENDING, CallState.ENDED)

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
        self.finish(CallEnding(EndedBy.LOCAL, text="user agent closed"))

    def leave_behind(self) -> EndedCall:
        """What stays of an ended call; after this the call itself is not asked any more.

        It and its parts hold each other: they part here, else each call would wait for the garbage collector.
        """
        branches, invite = self._invitation.leave_behind()
        self.listener = Nobody()
        del self._invitation, self.session, self._peer
        return EndedCall(self.layer, self.dialog, branches, invite, transferred=bool(self.transfers))

    # --- what the INVITE comes to (`Invitation`) -------------------------------------------------------

    @property
    def is_calling(self) -> bool:
        """The INVITE is on its way, and not answered."""
        return self.state is CallState.CALLING

    def ringing(self, response: Envelope, code: int) -> None:
        """A provisional response, perhaps with early media."""
        if response.message.body:
            self.audio.take_early_answer(response)
        self.listener.on_ringing(code)

    def answered(self, dialog: Dialog, response: Envelope, hop: NextHop) -> None:
        """The first 2xx."""
        message = response.message
        assert isinstance(message, Response)
        self.dialog, self._hop, self.answer_code = dialog, hop, message.code
        if self._invitation.is_cancelled:
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
        self.session.answered(response)
        self.listener.on_answered()

    def finish(self, ending: CallEnding) -> None:
        """The call is over."""
        if self.state is CallState.ENDED:
            return
        self.state = CallState.ENDED
        self.ending = ending
        self._invitation.stop()
        self.session.stop()
        self.audio.close()
        self._on_ended(self)
        self.listener.on_ended(ending)

    def place_failed(self, destination: Destination) -> None:
        """The INVITE got no answer there, or 503, and goes to another place."""
        self._on_place_failed(destination)

    def hop_to(self, uri: URI) -> NextHop:
        """The next hop of a dialog, its name asked for."""
        hop = NextHop(on_failed=self._on_place_failed)
        hop.look_up(uri, self._invitation.destination, self.resolve)
        return hop

    # --- within the dialog ------------------------------------------------------------------------

    def matches(self, request: Envelope) -> bool:
        return self.dialog_of(request) is not None

    def dialog_of(self, request: Envelope) -> Dialog | None:
        """Ours to which a request of the peer belongs; before the answer there may be several."""
        if self.dialog is not None:
            return self.dialog if self.dialog.matches(request) else None
        return self._invitation.early.dialog_of(request) if self.is_calling else None

    def early_offer_was_answered(self, dialog: Dialog) -> bool:
        """So that an UPDATE may bring another one."""
        return self._invitation.early.has_answer(dialog)

    def on_request(self, transaction: ServerTransaction) -> None:
        """A request of the peer in this call's dialog."""
        self._peer.receive(transaction)

    def on_ack(self, ack: Envelope) -> None:
        self._peer.receive_ack(ack)

    def request(self, method: str) -> Request:
        """A new request of the dialog, with Contact and identification."""
        assert self.dialog is not None
        return self.dressed(self.dialog.request(method))

    def send_in_dialog(self, request: Request, handler: ResponseHandler) -> DialogRequest:
        dialog = self.dialog
        assert dialog is not None
        sending = DialogRequest(
            self.layer,
            request,
            self._hop,
            handler,
            digest=self.digest,
            next_cseq=dialog.next_cseq,
            wanted=lambda: self.in_session or request.method == "BYE",
        )
        sending.send()
        return sending

    def send_ack(self, ack: Request) -> None:
        """ACK of a 2xx to a re-INVITE of ours."""
        self._hop.when_known(lambda: self.layer.send_ack(ack, self._hop.places[0]))

    @property
    def in_session(self) -> bool:
        return self.state is CallState.ANSWERED

    def target_moved(self) -> None:
        """The peer gave another Contact: later requests go there."""
        assert self.dialog is not None
        self._hop.look_up(self.dialog.next_hop(), self._invitation.destination, self.resolve)

    def peer_hung_up(self, reason: Reason) -> None:
        """BYE from the peer."""
        if self.state is CallState.ENDING:
            self.bye_done()  # both hung up: ours was first, its answer is not waited for
            return
        self.finish(CallEnding(EndedBy.REMOTE, self.answer_code, reason.cause, reason.text))

    def _send_bye(self) -> None:
        self.send_in_dialog(self.request("BYE"), _ByeHandler(self))

    def bye_done(self) -> None:
        """Our BYE was answered, or never will be."""
        self.finish(self.remote_ending or CallEnding(EndedBy.LOCAL, self.answer_code))

    def dressed(self, request: Request) -> Request:
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


__all__ = ["CallEnding", "CallListener", "CallState", "EndedBy", "OutboundCall"]
