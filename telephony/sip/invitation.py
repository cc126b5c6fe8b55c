"""A call's INVITE in all its tries, from the first to the answer or the end (RFC 3261 sections 9, 13 and 8.1.3)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sipmessage import Request, Response

from .answered_branches import AnsweredBranches
from .call_events import CallEnding, EndedBy
from .dialog import Dialog
from .dialog_requests import DialogRequest, NextHop
from .early_dialogs import EarlyDialogs
from .exchange import Exchange
from .grammar import parse_uri
from .invite import InviteOffer, invite_request, target_uri
from .message import Envelope, Reason, retry_after_of
from .redirection import Targets
from .running_transaction import Failure, Ignore, Timer
from .session_timer import min_se_of
from .transaction import T1, cancel_of
from .transaction_layer import TransactionLayer
from .transport import Destination

if TYPE_CHECKING:
    from .call import OutboundCall

MAX_LONGER_SESSIONS = 5
NEXT_PLACE_AFTER_S = (
    8.0  # a place that says nothing for so long, not even 100, is left for the next, if there is one
)
ENDED_BY_CANCEL = (
    487,
    401,
    407,
    301,
    302,
    305,
    421,
    422,
    503,
)  # also what we would have answered with another try


class Invitation:
    """Also the transaction user of the INVITE. Its call hears of what it comes to: `ringing`, `answered`, `finish`."""

    def __init__(self, call: "OutboundCall") -> None:
        setup = call.setup
        self.is_cancelled = False
        self._call = call
        self._layer = call.layer
        self._exchange: Exchange | None = None
        self._cseq = 0
        self._offer = InviteOffer()
        self._longer_sessions = 0
        self._targets = Targets(parse_uri(target_uri(setup.account, setup.number)))
        self._places = [setup.destination, *setup.other_destinations]
        self._branches = AnsweredBranches(call.layer)
        self.early = EarlyDialogs()
        self._cancel_sent = False
        self._deadline: Timer | None = None
        self._patience: Timer | None = None

    @property
    def destination(self) -> Destination:
        """Where the last try went."""
        return self._call.setup.destination if self._exchange is None else self._exchange.destination

    def start(self) -> None:
        self._send(self._places.pop(0))

    def cancel(self) -> None:
        """Give up. The CANCEL waits for a first provisional response (section 9.1)."""
        if self.is_cancelled:
            return
        self.is_cancelled = True
        if self._exchange is not None and self._exchange.is_proceeding:
            self._send_cancel()

    def stop(self) -> None:
        """The call is answered, or over: no timer of ours."""
        for timer in (self._deadline, self._patience):
            if timer is not None:
                timer.cancel()
        self._deadline = self._patience = None

    def leave_behind(self) -> tuple[AnsweredBranches, Exchange | None]:
        """What must outlive the call."""
        return self._branches, self._exchange

    # --- responses ---------------------------------------------------------------------------------

    def on_response(self, response: Envelope) -> None:
        message = response.message
        assert isinstance(message, Response)
        if message.code < 200:
            self._progress(response, message)
        elif message.code < 300:
            self._success(response)
        elif self._call.is_calling and not self._try_again(response, message):
            self._rejected(message)

    def on_failure(self, failure: Failure, text: str) -> None:
        """No answer, or the network refused: the next place (RFC 3263 section 4.3), the next contact."""
        if not self._call.is_calling:
            return
        if self.is_cancelled or not (self._try_next_place() or self._try_next_target()):
            self._call.finish(CallEnding(EndedBy.TIMEOUT, text=text))

    def _progress(self, response: Envelope, message: Response) -> None:
        if not self._call.is_calling or self._exchange is None:
            return
        if self.is_cancelled:
            self._send_cancel()
        if message.code > 100 and self.early.take(response, self._exchange.sent, self._send_prack):
            self._call.ringing(response, message.code)

    def _success(self, response: Envelope) -> None:
        if not self._branches.take(response):
            return
        assert self._exchange is not None
        invite = self._exchange.sent
        dialog = Dialog.from_response(invite, response)
        hop = self._call.hop_to(dialog.next_hop())
        self._branches.acknowledge(dialog, invite, response, hop)
        if self._call.is_calling:
            self.early.continue_in(dialog)
            self.stop()
            self._call.answered(dialog, response, hop)
        else:  # a second branch answered, or we had given up
            self._branches.end(dialog, hop, self._call.digest)

    def _rejected(self, message: Response) -> None:
        reason = Reason.of(message)
        given_up = self.is_cancelled and message.code in ENDED_BY_CANCEL
        by = EndedBy.CANCELLED if given_up else EndedBy.REJECTED
        text = reason.text or message.phrase or None
        self._call.finish(CallEnding(by, message.code, reason.cause, text, retry_after_of(message)))

    # --- other tries -------------------------------------------------------------------------------

    def _try_again(self, response: Envelope, message: Response) -> bool:
        if self.is_cancelled:
            return False
        offer = self._better_offer(response, message.code)
        if offer is not None:
            assert self._exchange is not None
            self._offer = offer
            self._send(self._exchange.destination)
            return True
        if message.code == 503 and self._try_next_place():
            return True
        self._targets.take(response)
        return message.code < 600 and self._try_next_target()

    def _better_offer(self, response: Envelope, code: int) -> InviteOffer | None:
        """What the same place may take instead."""
        least = min_se_of(response)
        if code == 422 and least is not None and least > self._offer.session_seconds:  # RFC 4028 section 7.3
            self._longer_sessions += 1
            if self._longer_sessions <= MAX_LONGER_SESSIONS:
                return replace(self._offer, session_seconds=least, min_se=least)
        if code == 421 and "100rel" in response.tokens("Require") and not self._offer.reliable:  # RFC 3262
            return replace(self._offer, reliable=True)
        if code in (488, 606) and self._call.audio.offer_in_the_clear():
            return self._offer
        return None

    def _try_next_place(self) -> bool:
        """Another server of the same name."""
        if not self._places:
            return False
        assert self._exchange is not None
        self._call.place_failed(self._exchange.destination)
        self._send(self._places.pop(0))
        return True

    def _try_next_target(self) -> bool:
        """Another contact of a redirection (RFC 3261 section 8.1.3.4)."""
        target = self._targets.next()
        if target is None:
            return False
        self._places.clear()
        self._offer = replace(self._offer, target=target)
        self._call.resolve(target, self.destination, self._send_to_first)
        return True

    def _send_to_first(self, places: Sequence[Destination]) -> None:
        self._places = list(places[1:])
        self._send(places[0])

    def _out_of_patience(self, exchange: Exchange) -> None:
        if exchange is self._exchange and exchange.is_silent and not self.is_cancelled:
            exchange.hand_to(_TooLate(self._layer, exchange, self._branches))
            self._try_next_place()

    def _send(self, destination: Destination) -> None:
        call = self._call
        if not call.is_calling:
            return
        if self.is_cancelled:
            call.finish(CallEnding(EndedBy.CANCELLED, text="cancelled"))
            return
        offer = replace(self._offer, body=call.audio.offer())
        request = invite_request(call.setup, call.call_id, call.local_tag, self._next_cseq(), offer)
        exchange = self._exchange = Exchange(
            self._layer,
            call.dressed(request),
            destination,
            self,
            digest=call.digest,
            next_cseq=self._next_cseq,
            wanted=lambda: not self.is_cancelled,
        )
        exchange.send()
        if self._places:
            self._later(NEXT_PLACE_AFTER_S, self._out_of_patience, exchange)

    def _later(self, seconds: float, what: Callable[[Exchange], None], exchange: Exchange) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self._layer.scheduler.call_later(seconds, self._layer.guarded, what, exchange)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    # --- PRACK and CANCEL ---------------------------------------------------------------------------

    def _send_prack(self, prack: Request, early: Dialog) -> None:
        request, hop = self._call.dressed(prack), self._call.hop_to(early.next_hop())
        DialogRequest(
            self._layer, request, hop, Ignore(), digest=self._call.digest, next_cseq=early.next_cseq
        ).send()

    def _send_cancel(self) -> None:
        if self._cancel_sent or self._exchange is None:
            return
        self._cancel_sent = True
        _cancel(self._layer, self._exchange)
        # Section 9.1: without a final response 64*T1 later, the INVITE counts as cancelled.
        self._deadline = self._layer.scheduler.call_later(
            64 * T1, self._layer.guarded, self._cancel_unanswered
        )

    def _cancel_unanswered(self) -> None:
        if self._call.is_calling:
            self._call.finish(CallEnding(EndedBy.CANCELLED, text="no response to our CANCEL"))


class _TooLate:
    """The transaction user of a try that was left for another place: when it is heard of after all, it is ended."""

    def __init__(self, layer: TransactionLayer, exchange: Exchange, branches: AnsweredBranches) -> None:
        self._layer = layer
        self._exchange = exchange
        self._branches = branches
        self._cancel_sent = False

    def on_response(self, response: Envelope) -> None:
        assert isinstance(response.message, Response)
        if response.message.code < 200:
            if not self._cancel_sent:
                self._cancel_sent = True
                _cancel(self._layer, self._exchange)
        elif response.message.code < 300 and self._branches.take(response):
            dialog = Dialog.from_response(self._exchange.sent, response)
            hop = NextHop(self._exchange.destination)
            self._branches.acknowledge(dialog, self._exchange.sent, response, hop)
            self._branches.end(dialog, hop)

    def on_failure(self, failure: Failure, text: str) -> None:
        pass


def _cancel(layer: TransactionLayer, exchange: Exchange) -> None:
    invite = exchange.transaction
    assert invite is not None
    layer.send_request(cancel_of(invite.request), invite.destination, Ignore(), branch=invite.key[0])
