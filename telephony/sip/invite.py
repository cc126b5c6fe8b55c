"""The INVITE we send: RFC 3261 sections 8.1.1 and 13.2.1, with the caller's identity."""

from dataclasses import dataclass

from sipmessage import URI, Request

from .account import SipAccount
from .grammar import NameAddr, parse_uri
from .message import ALLOW
from .session_timer import INTERVAL_S, MIN_INTERVAL_S
from .transport import Destination


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """How we show ourselves: From, P-Asserted-Identity (RFC 3325) and Privacy (RFC 3323)."""

    name: str | None = None
    number: str | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class CallSetup:
    """What an INVITE needs to know. `number` is dialed as it is, or is a whole SIP URI. The other destinations are
    tried in their order when the first does not answer (RFC 3263 section 4.3)."""

    account: SipAccount
    number: str
    destination: Destination
    contact: str
    caller: CallerIdentity = CallerIdentity()
    user_agent: str | None = None
    other_destinations: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class InviteOffer:
    """What may change from one try to the next: target after a redirection, interval after a 422, and after a 421
    whether we offer to confirm provisional responses. That is offered to nobody else: it costs a round trip."""

    body: bytes = b""
    target: URI | None = None
    session_seconds: int = INTERVAL_S
    min_se: int = MIN_INTERVAL_S
    reliable: bool = False


def target_uri(account: SipAccount, number: str) -> str:
    """A number of the account's domain, or a URI as it stands; ValueError when it is neither."""
    if number.lower().startswith(("sip:", "sips:", "tel:")):
        return str(parse_uri(number))
    return str(parse_uri(f"sip:{number.replace('#', '%23')}@{account.aor.partition('@')[2]}"))


def invite_request(setup: CallSetup, call_id: str, tag: str, cseq: int, offer: InviteOffer) -> Request:
    """The initial INVITE; Via, Contact and credentials come when it is sent."""
    target = target_uri(setup.account, setup.number)
    request = Request("INVITE", offer.target or parse_uri(target), offer.body)
    headers = request.headers
    headers.set("Max-Forwards", "70")
    headers.set("From", str(_from(setup, tag)))
    headers.set("To", f"<{target}>")
    headers.set("Call-ID", call_id)
    headers.set("CSeq", f"{cseq} INVITE")
    headers.set("Allow", ALLOW)
    headers.set("Supported", "timer, norefersub, 100rel" if offer.reliable else "timer, norefersub")
    headers.set("Session-Expires", str(offer.session_seconds))
    headers.set("Min-SE", str(offer.min_se))
    if setup.caller.number or setup.caller.private:
        user = setup.caller.number or setup.account.username
        asserted = f"sip:{user}@{setup.account.aor_host}"
        headers.set("P-Asserted-Identity", str(NameAddr(asserted, setup.caller.name or "")))
        headers.set("Privacy", "id" if setup.caller.private else "none")
    headers.set("Content-Type", "application/sdp")
    return request


def _from(setup: CallSetup, tag: str) -> NameAddr:
    account, caller = setup.account, setup.caller
    if caller.private:
        return NameAddr("sip:anonymous@anonymous.invalid", "Anonymous", {"tag": tag})
    domain = account.aor.partition("@")[2]
    user = caller.number or account.username
    return NameAddr(f"sip:{user}@{domain}", caller.name or account.display_name or "", {"tag": tag})
