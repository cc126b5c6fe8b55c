"""One request of ours with its answers to challenges (RFC 3261 sections 8.1.3.5 and 22)."""

from collections.abc import Callable

from sipmessage import Request, Response

from .digest import DigestSession
from .message import Envelope
from .running_transaction import ClientTransaction, Failure, Ignore, ResponseHandler
from .transaction import State
from .transaction_layer import TransactionLayer
from .transport import Destination


class Exchange:
    """Sends the request, again with credentials when challenged, and hands on every other response."""

    def __init__(
        self,
        layer: TransactionLayer,
        request: Request,
        destination: Destination,
        handler: ResponseHandler,
        *,
        digest: DigestSession | None = None,
        next_cseq: Callable[[], int] | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._layer = layer
        self._request = request
        self._handler = handler
        self._digest = digest
        self._next_cseq = next_cseq
        self._wanted = wanted
        self._answered: set[tuple[bool, str]] = set()
        self._stale_retries = 0
        self.destination = destination
        self.transaction: ClientTransaction | None = None

    @property
    def sent(self) -> Request:
        """The request as it last went out, with Via and credentials."""
        assert self.transaction is not None
        return self.transaction.request

    @property
    def is_proceeding(self) -> bool:
        """The peer has answered provisionally, and not finally."""
        return self.transaction is not None and self.transaction.machine.state is State.PROCEEDING

    @property
    def is_silent(self) -> bool:
        """Nothing has come in answer, not even a challenge."""
        return self._stale_retries == 0 and self.transaction is not None and self.transaction.unanswered

    def send(self) -> None:
        if self._digest is not None:
            self._digest.authorize(self._request)
        self.transaction = self._layer.send_request(self._request, self.destination, self)

    def give_up(self) -> None:
        """Sent no more, and what still comes in answer is dropped."""
        if self.transaction is not None:
            self._layer.forget_client(self.transaction)

    def hand_to(self, handler: ResponseHandler) -> None:
        """Another transaction user takes what comes from now on; challenges are not answered any more."""
        self._handler, self._next_cseq, self._wanted = handler, None, lambda: False

    def hand_over(self, handler: ResponseHandler) -> None:
        """The owner goes: what still comes in answer to an INVITE is for `handler`."""
        self.hand_to(Ignore())
        if self.transaction is not None:
            self.transaction.settle_down(handler)

    def on_response(self, response: Envelope) -> None:
        message = response.message
        if self._digest is not None and isinstance(message, Response) and 200 <= message.code < 300:
            self._digest.take_next_nonce(message)
        if not self._answer_challenge(response):
            is_last = not isinstance(message, Response) or message.code >= 200
            self._user(is_last=is_last and self._request.method != "INVITE").on_response(response)

    def on_failure(self, failure: Failure, text: str) -> None:
        self._user(is_last=True).on_failure(failure, text)

    def _user(self, *, is_last: bool) -> ResponseHandler:
        """Who hears what came. They hold us, so after the last word we leave them (see `ClientTransaction.part`)."""
        user = self._handler
        if is_last:
            self.hand_to(Ignore())
        return user

    def _answer_challenge(self, response: Envelope) -> bool:
        message = response.message
        if not isinstance(message, Response) or message.code not in (401, 407):
            return False
        if self._digest is None or self._next_cseq is None or not self._wanted():
            return False
        assert self.transaction is not None
        if self._response_is_old(response):
            return True
        if not self._digest.learn(message, answered=self._answered, stale_retries=self._stale_retries):
            return False
        self._stale_retries += 1
        self.transaction.settle_down(Ignore())
        self._request.headers.set("CSeq", f"{self._next_cseq()} {self._request.method}")
        self.send()
        return True

    def _response_is_old(self, response: Envelope) -> bool:
        """A late answer to an earlier try, which was answered already."""
        assert self.transaction is not None
        return response.branch != self.transaction.key[0]


def show_credentials(ack: Request, invite: Request) -> None:
    """The ACK of a 2xx carries the credentials of its INVITE (RFC 3261 section 22.1)."""
    for name in ("Authorization", "Proxy-Authorization"):
        values = invite.headers.getlist(name)
        if values:
            ack.headers.setlist(name, list(values))
