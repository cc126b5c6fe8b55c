"""Whether a registrar or trunk answers: OPTIONS at an interval (RFC 3261 section 11), and what its accounts learn."""

from collections.abc import Callable

from sipmessage import Request, Response

from .account import SipAccount
from .digest import DigestSession
from .exchange import Exchange
from .grammar import NameAddr, parse_uri
from .message import Envelope, new_call_id, new_tag
from .registration import Registration, RegistrationState
from .running_transaction import Failure, Timer
from .transaction_layer import TransactionLayer
from .transport import Destination
from .upkeep import Upkeep

ANSWER_S = 4.0  # over UDP two repetitions were sent by then
DOWN_INTERVAL_S = 5.0  # while it is down, so that it is back soon
BLIND_S = 10.0  # nothing answers OPTIONS there: then it is only left alone so long
OUT_OF_SERVICE = (408, 502, 503, 504)


class RegistrarWatch:
    """One registrar, whoever has accounts there. `since`: scheduler time of the last change of `is_up`.

    A registrar that has never answered OPTIONS is not judged by its silence: some drop them. Of a trunk nothing else
    is known: it counts as there when it `answers`.
    """

    def __init__(
        self, layer: TransactionLayer, account: SipAccount, destination: Destination, upkeep: Upkeep
    ) -> None:
        self.destination = destination
        self.is_up = True
        self.since = float("-inf")
        self.error = ""
        self.last_miss = ""  # of a place that has never answered
        self.listeners: set[Callable[[], None]] = set()
        self._layer = layer
        self._account = account
        self._upkeep = upkeep
        self._digest = DigestSession(account.credentials_user, account.password)
        self._call_id, self._tag, self._cseq = new_call_id(), new_tag(), 0
        self.answers = False  # pings, in service; once is enough
        self._missed = 0
        self._timer: Timer | None = None
        self._ping: _Ping | None = None

    def start(self) -> None:
        if self._upkeep.ping_s > 0:
            self._send()

    @property
    def is_asking(self) -> bool:
        """A ping is on its way."""
        return self._ping is not None and not self._ping.is_over

    @property
    def pings(self) -> bool:
        return self._upkeep.ping_s > 0

    def ask(self) -> None:
        """Now, not at its time."""
        if self.pings and not self.is_asking:
            self._send()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._ping is not None:
            self._ping.forget()

    def heard(self) -> None:
        """It answered: a ping, or somebody's REGISTER."""
        self._missed = 0
        self._change(is_up=True, error="")

    def not_heard(self, error: str) -> None:
        """A REGISTER got no answer in all its time, or was refused by the network: nobody else needs to wait for
        another one."""
        if self.is_up:
            self._change(is_up=False, error=error)
            self._again()

    def _send(self) -> None:
        if self._ping is not None:
            self._ping.unanswered()
        request = Request("OPTIONS", parse_uri(f"sip:{self._account.aor.partition('@')[2]}"))
        headers = request.headers
        headers.set("Max-Forwards", "70")
        headers.set("From", str(NameAddr(self._account.aor, "", {"tag": self._tag})))
        headers.set("To", f"<{request.uri}>")
        headers.set("Call-ID", self._call_id)
        headers.set("CSeq", f"{self._next_cseq()} OPTIONS")
        headers.set("Accept", "application/sdp")
        self._ping = _Ping(self, self._layer)
        Exchange(
            self._layer, request, self.destination, self._ping, digest=self._digest, next_cseq=self._next_cseq
        ).send()
        self._again()

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _again(self) -> None:
        """The next ping; without pings, the end of being left alone."""
        if self._timer is not None:
            self._timer.cancel()
        if self._upkeep.ping_s > 0 and (self.is_up or self.answers):
            seconds = self._upkeep.ping_s if self.is_up else min(self._upkeep.ping_s, DOWN_INTERVAL_S)
            self._timer = self._layer.scheduler.call_later(seconds, self._layer.guarded, self._send)
        elif not self.is_up:
            self._timer = self._layer.scheduler.call_later(BLIND_S, self._layer.guarded, self._try_blindly)

    def _try_blindly(self) -> None:
        self.heard()
        if self._upkeep.ping_s > 0:
            self._again()

    def answered(self, response: Response) -> None:
        """Any answer of a registrar in service, a refusal too."""
        if response.code in OUT_OF_SERVICE:
            self.missed(f"{response.code} {response.phrase}")
            return
        is_news, self.answers = not self.answers, True
        was_down = not self.is_up
        self.heard()
        if was_down:
            self._again()
        elif is_news:
            self._tell()

    def missed(self, why: str) -> None:
        self._missed += 1
        where = f"{self.destination.host}:{self.destination.port}"
        error = f"{where} does not answer OPTIONS ({self._missed} in a row): {why}"
        if not self.answers:
            self.last_miss = error
            self._tell()
        elif self.is_up and self._missed >= self._upkeep.ping_misses:
            self._change(is_up=False, error=error)
            self._again()

    def _change(self, *, is_up: bool, error: str) -> None:
        self.error = error
        if is_up is not self.is_up:
            self.is_up, self.since = is_up, self._layer.scheduler.time()
            self._tell()

    def _tell(self) -> None:
        for listener in list(self.listeners):
            listener()


class RegistrarWatches:
    """The watches of a user agent, one a registrar."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._watches: dict[tuple[str, str, int], RegistrarWatch] = {}

    def begin(
        self,
        layer: TransactionLayer,
        account: SipAccount,
        destination: Destination,
        listener: Callable[[], None],
    ) -> RegistrarWatch:
        """The watch of this registrar, which from now on tells `listener` of changes."""
        watch = self._watches.get(destination.address)
        if watch is None:
            watch = RegistrarWatch(layer, account, destination, self._upkeep)
            self._watches[destination.address] = watch
            watch.start()
        watch.listeners.add(listener)
        return watch

    def end(self, watch: RegistrarWatch, listener: Callable[[], None]) -> None:
        """Nobody else listens: the pings end too."""
        watch.listeners.discard(listener)
        if not watch.listeners and self._watches.pop(watch.destination.address, None) is not None:
            watch.stop()

    def why_down(self, destination: Destination) -> str | None:
        watch = self._watches.get(destination.address)
        return None if watch is None or watch.is_up else watch.error

    def learn(self, registration: Registration) -> None:
        """What became of a REGISTER says whether its registrar is there."""
        watch = self._watches.get(registration.destination.address)
        if watch is None:
            return
        if registration.state is RegistrationState.REGISTERED:
            watch.heard()
        elif registration.state is RegistrationState.FAILED and registration.last_code is None:
            watch.not_heard(registration.last_error or "no answer")

    def stop(self) -> None:
        for watch in self._watches.values():
            watch.stop()
        self._watches.clear()


class _Ping:
    """One OPTIONS on its way; the first news of it counts."""

    def __init__(self, watch: RegistrarWatch, layer: TransactionLayer) -> None:
        self._watch = watch
        self.is_over = False
        self._deadline = layer.scheduler.call_later(ANSWER_S, layer.guarded, self.unanswered)

    def forget(self) -> None:
        self.is_over = True
        self._deadline.cancel()

    def on_response(self, response: Envelope) -> None:
        message = response.message
        if isinstance(message, Response) and message.code >= 200 and not self.is_over:
            self.forget()
            self._watch.answered(message)

    def on_failure(self, failure: Failure, text: str) -> None:
        if not self.is_over:
            self.forget()
            self._watch.missed(text)

    def unanswered(self) -> None:
        """Its time is up."""
        if not self.is_over:
            self.forget()
            self._watch.missed("no answer in time")
