"""One registration with its refreshes (RFC 3261 section 10.2)."""

import logging
import random
from collections.abc import Callable
from enum import StrEnum

from sipmessage import Request, Response

from .account import SipAccount
from .digest import DigestSession
from .exchange import Exchange
from .grammar import NameAddr, parse_uri
from .message import Envelope, Reason, new_call_id, new_tag, retry_after_of
from .resolver import literal_address
from .running_transaction import Failure, Timer
from .transaction_layer import TransactionLayer
from .transport import Destination

logger = logging.getLogger(__name__)

REFRESH_SHARE = (0.5, 0.8)  # of the granted time, spread so that many ports don't come at once
RETRY_S = (5.0, 60.0)  # first and longest pause after a failed refresh
LONGEST_EXPIRES_S = 86400
SOON_S = (0.0, 2.0)  # after the way to the registrar broke, spread likewise
LEARN_AGAIN_S = 10.0  # a NAT that gives every packet another port must not keep us registering
REFUSALS = (401, 403, 404, 407)  # asking again with the same credentials can only lock the account


class RegistrationFailed(Exception):  # noqa: N818  (the name its callers know)
    """The registrar refused, or did not answer (code None)."""

    def __init__(self, code: int | None, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(
            f"registration failed: {code} {reason}" if code else f"registration failed: {reason}"
        )
        self.code = code
        self.reason = reason
        self.retry_after_s = retry_after_s


class RegistrationState(StrEnum):
    UNREGISTERED = "unregistered"
    REGISTERING = "registering"
    REGISTERED = "registered"
    FAILED = "failed"


class Registration:
    """A binding of our contact to an account's address of record.

    `state`, `last_error`, `last_code` and `expires_at` (scheduler time) can be read at any time; `on_change` is
    called after each change, `on_settled` once after each attempt with None or the failure.
    """

    def __init__(
        self,
        layer: TransactionLayer,
        account: SipAccount,
        destination: Destination,
        contact: str,
        *,
        expires: int = 300,
        on_change: Callable[["Registration"], None] = lambda _: None,
    ) -> None:
        self.account = account
        self.destination = destination
        self.state = RegistrationState.UNREGISTERED
        self.last_error: str | None = None
        self.last_code: int | None = None
        self.expires_at: float | None = None
        self.on_settled: Callable[[RegistrationFailed | None], None] | None = None
        self._layer = layer
        self._contact = contact
        self._expires = expires
        self._on_change = on_change
        self._digest = DigestSession(account.credentials_user, account.password)
        self._call_id = new_call_id()
        self._tag = new_tag()
        self._cseq = 0
        self._timer: Timer | None = None
        self._refreshes_soon = False
        self._pause = RETRY_S[0]
        self._was_registered = False
        self._removing = False
        self._interval_retries = 0
        self._old_contact: str | None = None  # replaced in the request that is on its way
        self._learn_again_at = 0.0

    @property
    def contact(self) -> str:
        """The URI under which the registrar reaches us, as far as it has told."""
        return self._contact

    def start(self) -> None:
        """Register now; then refresh until `remove`."""
        self._removing = False
        self._set_state(RegistrationState.REGISTERING)
        self._send(self._expires)

    def refresh_soon(self) -> None:
        """The way to the registrar broke: it may not find us any more, or have forgotten us (RFC 5626 section 4.2)."""
        if (
            self.state is RegistrationState.REGISTERED
            and self._timer is not None
            and not self._refreshes_soon
        ):
            self._refreshes_soon = True
            self._schedule(random.uniform(*SOON_S))

    def remove(self) -> None:
        """Un-register: expiry 0 (RFC 3261 section 10.2.2)."""
        self._cancel_timer()
        self._removing = True
        self._send(0)

    def give_up(self, waited: float) -> None:
        """Nobody waits for the registrar any longer; its late answer finds nobody."""
        self.last_code = None
        where = f"{self.destination.host}:{self.destination.port}"
        self._failed(None, f"no answer from the registrar {where} within {waited:g} s")
        self.stop()

    def stop(self) -> None:
        """No refresh any more; nothing is sent."""
        self._cancel_timer()
        self._removing = True

    def on_response(self, response: Envelope) -> None:
        message = response.message
        assert isinstance(message, Response)
        if message.code < 200:
            return
        self.last_code = message.code
        if message.code < 300:
            self._succeeded(response)
        elif message.code == 423 and self._take_min_expires(message):
            self._send(self._expires)
        else:
            self._failed(message.code, Reason.of(message).text or message.phrase or "refused", message)

    def on_failure(self, failure: Failure, text: str) -> None:
        self.last_code = None
        where = f"{self.destination.host}:{self.destination.port}"
        if failure is Failure.TIMEOUT:
            self._failed(None, f"no answer from the registrar {where}")
        else:
            self._failed(None, f"cannot reach the registrar {where}: {text}")

    def _send(self, expires: int) -> None:
        self._cancel_timer()
        self._refreshes_soon = False
        account = self.account
        request = Request("REGISTER", parse_uri(f"sip:{account.aor.partition('@')[2]}"))
        headers = request.headers
        headers.set("Max-Forwards", "70")
        headers.set("From", str(NameAddr(account.aor, account.display_name or "", {"tag": self._tag})))
        headers.set("To", f"<{account.aor}>")
        headers.set("Call-ID", self._call_id)
        headers.set("CSeq", f"{self._next_cseq()} REGISTER")
        contacts = [f"<{self._contact}>;expires={expires}"]
        if self._old_contact is not None:
            contacts.append(f"<{self._old_contact}>;expires=0")
        headers.set("Contact", ", ".join(contacts))
        headers.set("Expires", str(expires))
        self._exchange = Exchange(
            self._layer, request, self.destination, self, digest=self._digest, next_cseq=self._next_cseq
        )
        self._exchange.send()

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _succeeded(self, response: Envelope) -> None:
        self._interval_retries = 0
        self._pause = RETRY_S[0]
        self.last_error = None
        if self._removing:
            self.expires_at = None
            self._set_state(RegistrationState.UNREGISTERED)
        elif self._learn_contact(response):
            self._send(self._expires)
            return
        else:
            granted = self._granted(response)
            self._was_registered = True
            self.expires_at = self._layer.scheduler.time() + granted
            self._schedule(granted * random.uniform(*REFRESH_SHARE))
            self._set_state(RegistrationState.REGISTERED)
        self._settle(None)

    def _learn_contact(self, response: Envelope) -> bool:
        """A NAT between us and the registrar shows in `received` and `rport` of our Via (RFC 3581): the binding must
        name what they say, or no request finds us. True: register again with it, once for each refresh."""
        self._old_contact = None
        now = self._layer.scheduler.time()
        if self.destination.transport != "udp" or now < self._learn_again_at:
            return False
        host = response.via.params.get("received")
        port = response.via.params.get("rport")
        ours = parse_uri(self._contact)
        host = (host or ours.host).strip("[]")
        if literal_address(host) is None or (port and not port.isdecimal()):
            return False
        seen = int(port) if port else ours.port
        if (host, seen) == (ours.host.strip("[]"), ours.port) or not 0 < (seen or 0) < 65536:
            return False
        self._learn_again_at = now + LEARN_AGAIN_S
        self._old_contact = self._contact
        self._contact = f"sip:{ours.user}@{f'[{host}]' if ':' in host else host}:{seen}"
        logger.info("%s is seen as %s:%s by its registrar", self.account.aor, host, seen)
        return True

    def _granted(self, response: Envelope) -> int:
        """Seconds granted: on our Contact, else in Expires, else what we asked (RFC 3261 section 10.3)."""
        texts: list[str | None] = []
        try:
            contacts = NameAddr.parse_list(response.message.headers.getlist("Contact"))
        except ValueError:
            contacts = []
        ours = parse_uri(self._contact)
        for contact in contacts:
            try:
                uri = contact.uri
            except ValueError:
                continue
            if (uri.user, uri.host, uri.port) == (ours.user, ours.host, ours.port):
                texts.append(contact.params.get("expires"))
        texts.append(response.header("Expires"))
        for text in texts:
            if text is not None and text.strip('"').isdecimal() and len(text) < 11:
                return max(2, min(int(text.strip('"')), LONGEST_EXPIRES_S))
        return self._expires

    def _take_min_expires(self, response: Response) -> bool:
        """RFC 3261 section 10.2.8."""
        text = response.headers.get("Min-Expires") or ""
        self._interval_retries += 1
        if not text.isdecimal() or len(text) > 9 or self._interval_retries > 2 or self._removing:
            return False
        if not self._expires < int(text) <= LONGEST_EXPIRES_S:
            return False
        self._expires = int(text)
        return True

    def _failed(self, code: int | None, reason: str, response: Response | None = None) -> None:
        if self._removing:
            self._set_state(RegistrationState.UNREGISTERED)
            self._settle(None)
            return
        if self._old_contact is not None and code is not None and code not in REFUSALS:
            self._old_contact = None  # some registrars take one Contact at a time
            self._send(self._expires)
            return
        if code in (401, 407):
            reason = "wrong user name or password"
        self.last_error = f"{code} {reason}" if code else reason
        self.expires_at = None
        logger.warning("registration of %s failed: %s", self.account.aor, self.last_error)
        wait = retry_after_of(response) if response is not None else None
        if self._was_registered and code not in REFUSALS:
            self._schedule(max(self._pause, wait or 0))
            self._pause = min(2 * self._pause, RETRY_S[1])
        self._set_state(RegistrationState.FAILED)
        self._settle(RegistrationFailed(code, reason, wait))

    def _schedule(self, seconds: float) -> None:
        self._cancel_timer()
        self._timer = self._layer.scheduler.call_later(
            seconds, self._layer.guarded, self._send, self._expires
        )

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_state(self, state: RegistrationState) -> None:
        if state is not self.state:
            self.state = state
            self._on_change(self)

    def _settle(self, failure: RegistrationFailed | None) -> None:
        settled, self.on_settled = self.on_settled, None
        if settled is not None:
            settled(failure)
