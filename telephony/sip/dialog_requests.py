"""Where the requests within a dialog go, and where else when nobody answers there (RFC 3263 section 4.3)."""

from collections.abc import Callable, Sequence

from sipmessage import URI, Request, Response

from .digest import DigestSession
from .exchange import Exchange
from .message import Envelope
from .running_transaction import Failure, ResponseHandler
from .transaction_layer import TransactionLayer
from .transport import Destination

NEXT_PLACE_AFTER_S = 6.0  # over UDP three repetitions had no answer by then

TakePlaces = Callable[[Sequence[Destination]], None]
Resolve = Callable[[URI, Destination, TakePlaces], None]
"""Tells where a URI leads, now or later: the place to ask first, then the others. Always tells one at least."""


class NextHop:
    """A dialog's next hop. What is to be sent before its name is looked up waits; so nothing else needs to."""

    def __init__(
        self, *places: Destination, on_failed: Callable[[Destination], None] = lambda place: None
    ) -> None:
        self._places = list(places)
        self._on_failed = on_failed
        self._waiting: list[Callable[[], None]] = []
        self._asked = 0

    @property
    def places(self) -> tuple[Destination, ...]:
        """The one that requests go to, then those for when it fails."""
        return tuple(self._places)

    def look_up(self, uri: URI, otherwise: Destination, resolve: Resolve) -> None:
        """The next hop is this now."""
        self._asked += 1
        asked = self._asked
        self._places = []

        def take(places: Sequence[Destination]) -> None:
            if asked == self._asked:  # else it has moved again meanwhile
                self._places = list(places)
                waiting, self._waiting = self._waiting, []
                for send in waiting:
                    send()

        resolve(uri, otherwise, take)

    def when_known(self, send: Callable[[], None]) -> None:
        if self._places:
            send()
        else:
            self._waiting.append(send)

    def failed(self, place: Destination) -> None:
        """It did not answer: what is sent from now on goes to the next."""
        if len(self._places) > 1 and self._places[0] == place:
            self._places.append(self._places.pop(0))
            self._on_failed(place)


class DialogRequest:
    """One request of ours on its way, to one place after the other until somebody answers."""

    def __init__(
        self,
        layer: TransactionLayer,
        request: Request,
        hop: NextHop,
        handler: ResponseHandler,
        *,
        digest: DigestSession | None,
        next_cseq: Callable[[], int],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`wanted`: whether it still makes sense to try another place."""
        self._layer = layer
        self._request = request
        self._hop = hop
        self._handler = handler
        self._digest = digest
        self._next_cseq = next_cseq
        self._wanted = wanted
        self._exchange: Exchange | None = None
        self._tries_left = 0

    @property
    def sent(self) -> Request:
        """The request as it last went out."""
        assert self._exchange is not None
        return self._exchange.sent

    def send(self) -> None:
        self._hop.when_known(self._begin)

    def on_response(self, response: Envelope) -> None:
        message = response.message
        unavailable = isinstance(message, Response) and message.code == 503
        if not (unavailable and self._go_elsewhere()):
            self._handler.on_response(response)

    def on_failure(self, failure: Failure, text: str) -> None:
        if not self._go_elsewhere():
            self._handler.on_failure(failure, text)

    def _begin(self) -> None:
        self._tries_left = len(self._hop.places) - 1
        self._try()

    def _try(self) -> None:
        exchange = self._exchange = Exchange(
            self._layer,
            self._request,
            self._hop.places[0],
            self,
            digest=self._digest,
            next_cseq=self._next_cseq,
        )
        exchange.send()
        # A re-INVITE that was heard after all would have a 200 that nobody acknowledges: it has all its time.
        if self._tries_left and self._request.method != "INVITE":
            self._layer.scheduler.call_later(
                NEXT_PLACE_AFTER_S, self._layer.guarded, self._out_of_patience, exchange
            )

    def _out_of_patience(self, exchange: Exchange) -> None:
        if exchange is self._exchange and exchange.is_silent and self._wanted():
            exchange.give_up()
            self._go_elsewhere()

    def _go_elsewhere(self) -> bool:
        if not self._tries_left or self._exchange is None or not self._wanted():
            return False
        self._tries_left -= 1
        self._hop.failed(self._exchange.destination)
        self._try()
        return True
