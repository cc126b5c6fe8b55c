"""A peer and a network without sockets or waiting: time passes when the test says so."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sipmessage import URI, Request, Response

from telephony.rtp.agreed import AgreedAudio
from telephony.sip.account import SipAccount
from telephony.sip.call import CallEnding, OutboundCall
from telephony.sip.invite import CallerIdentity, CallSetup
from telephony.sip.message import Envelope, MessageError, make_response, read_message, serialize
from telephony.sip.running_transaction import ServerTransaction
from telephony.sip.sdes import MediaEncryption
from telephony.sip.transaction_layer import TransactionLayer
from telephony.sip.transfer import Transfer
from telephony.sip.transport import Destination

PEER = Destination("udp", "192.0.2.1", 5060)
ACCOUNT = SipAccount("6001", "secret", "192.0.2.1")
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"


class SimulatedTimer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class SimulatedClock:
    """A scheduler whose time the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._count = itertools.count()
        self._due: list[tuple[float, int, SimulatedTimer, Callable[..., Any], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> SimulatedTimer:
        timer = SimulatedTimer()
        heapq.heappush(self._due, (self.now + delay, next(self._count), timer, callback, args))
        return timer

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, timer, callback, args = heapq.heappop(self._due)
            if not timer.cancelled:
                callback(*args)
        self.now = end

    @property
    def pending(self) -> int:
        return sum(not entry[2].cancelled for entry in self._due)


class SimulatedWire:
    """A transport that keeps what is sent."""

    def __init__(self, *, reliable: bool = False) -> None:
        self.reliable = reliable
        self.sent: list[tuple[Envelope, Destination]] = []
        self.broken = 0
        self.closed = False

    def send(self, data: bytes, destination: Destination) -> None:
        try:
            self.sent.append((read_message(data), destination))
        except MessageError:
            self.broken += 1  # an answer to a broken request repeats what was broken

    def local_address(self, destination: Destination) -> tuple[str, int]:
        return "192.0.2.2", 5070

    def close(self) -> None:
        self.closed = True


@dataclass
class RecordingMedia:
    """A media session that remembers what it was told."""

    host: str = "192.0.2.2"
    port: int = 40000
    agreed: AgreedAudio | None = None
    on_hold: bool = False
    answered: bool = False
    closed: int = 0

    def negotiate(self, agreed: AgreedAudio) -> None:
        self.agreed = agreed

    @property
    def remote(self) -> tuple[str, int, int] | None:
        agreed = self.agreed
        return None if agreed is None or agreed.address is None else (*agreed.address, agreed.payload_type)

    def hold(self, on_hold: bool) -> None:
        self.on_hold = on_hold

    def answer(self) -> None:
        self.answered = True

    def close(self) -> None:
        self.closed += 1


@dataclass
class RecordingListener:
    """A call's owner that writes down what it hears."""

    events: list[str] = field(default_factory=list)
    ending: CallEnding | None = None

    def on_ringing(self, code: int) -> None:
        self.events.append(f"ringing {code}")

    def on_answered(self) -> None:
        self.events.append("answered")

    def on_transfer(self, transfer: Transfer) -> None:
        self.events.append(f"transfer {transfer.state}")

    def on_ended(self, ending: CallEnding) -> None:
        self.events.append(f"ended {ending.by}")
        self.ending = ending


class SimulatedCall:
    """An OutboundCall and the peer it talks to."""

    def __init__(
        self,
        *,
        reliable: bool = False,
        caller: CallerIdentity | None = None,
        encryption: MediaEncryption = MediaEncryption.NONE,
    ) -> None:
        self.clock = SimulatedClock()
        self.wire = SimulatedWire(reliable=reliable)
        self.layer = TransactionLayer(self.clock, self._on_request)
        self.layer.transports["udp"] = self.wire
        self.layer.on_ack = lambda ack: self.call.on_ack(ack) if self.call.matches(ack) else None
        self.media = RecordingMedia()
        self.listener = RecordingListener()
        contact = "sip:6001@192.0.2.2:5070"
        setup = CallSetup(
            replace(ACCOUNT, encryption=encryption), "0600", PEER, contact, caller or CallerIdentity()
        )
        self.call = OutboundCall(self.layer, setup, self.media, self.listener)
        self._cseq = 100
        self._branches = itertools.count(1)

    def _on_request(self, transaction: ServerTransaction) -> None:
        if self.call.matches(transaction.request):
            self.call.on_request(transaction)
        else:
            transaction.reply(481)

    @property
    def methods(self) -> list[str]:
        """What we sent, in order: methods and status codes."""
        return [_name(envelope) for envelope, _ in self.wire.sent]

    def last(self, name: str) -> Envelope:
        """The last message we sent with this method, or status code."""
        return next(e for e, _ in reversed(self.wire.sent) if _name(e) == name)

    def respond(
        self,
        code: int,
        to: Envelope | None = None,
        *,
        tag: str = "peer",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        contact: str = "<sip:peer@192.0.2.1>",
    ) -> None:
        """The peer's response to our last (or this) request."""
        request = to or next(e for e, _ in reversed(self.wire.sent) if isinstance(e.message, Request))
        assert isinstance(request.message, Request)
        response = make_response(request.message, code, to_tag=tag)
        if request.method == "INVITE" and 100 < code < 300:
            response.headers.set("Contact", contact)
        if body:
            response.headers.set("Content-Type", "application/sdp")
            response.body = body
        for name, value in (headers or {}).items():
            response.headers.set(name, value)
        self.receive(response)

    def receive(self, message: Request | Response) -> None:
        self.layer.receive(serialize(message), PEER)

    def request(
        self,
        method: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        cseq: int | None = None,
        tag: str = "peer",
    ) -> Request:
        """A request of the peer within the dialog; it is received at once."""
        invite = self.last("INVITE")
        if cseq is None:
            self._cseq += 1
            cseq = self._cseq
        request = Request(method, _contact_of(invite), body)
        request.headers.set("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKp{next(self._branches)}")
        request.headers.set("From", f"<sip:0600@192.0.2.1>;tag={tag}")
        request.headers.set("To", invite.message.headers["From"])
        request.headers.set("Call-ID", invite.call_id)
        request.headers.set("CSeq", f"{cseq} {method}")
        request.headers.set("Max-Forwards", "70")
        for name, value in (headers or {}).items():
            request.headers.set(name, value)
        self.receive(request)
        return request

    def notify(self, line: str, state: str = "active") -> None:
        """What the peer says of a transfer."""
        headers = {"Event": "refer", "Content-Type": "message/sipfrag", "Subscription-State": state}
        self.request("NOTIFY", headers=headers, body=f"SIP/2.0 {line}\r\n".encode())

    def answer(self, body: bytes = SDP, **options: Any) -> None:
        """Dial, ring, answer."""
        if not self.methods:
            self.call.start()
        invite = self.last("INVITE")
        self.respond(180, invite)
        self.respond(200, invite, body=body, **options)


def _name(envelope: Envelope) -> str:
    message = envelope.message
    return message.method if isinstance(message, Request) else str(message.code)


def _contact_of(envelope: Envelope) -> URI:
    assert envelope.contact is not None
    return envelope.contact.uri
