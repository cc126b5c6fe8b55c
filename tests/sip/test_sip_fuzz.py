"""Hostile datagrams: mutated from the messages of real calls and from RFC 4475, with a fixed seed."""

import contextlib
import logging
import os
import random
from collections.abc import Iterator

import pytest
from sipmessage import Request

from telephony.rtp.packet import RtpPacket
from telephony.rtp.stream import RtpStream
from telephony.sip.call import CallState
from telephony.sip.message import Envelope, make_response, serialize
from telephony.sip.registration import Registration
from telephony.sip.sdes import parse_crypto
from telephony.sip.sdp import parse_sdp
from telephony.sip.transaction_layer import MAX_SERVER_TRANSACTIONS
from telephony.sip.transport import Destination

from .simulated_peer import ACCOUNT, PEER, SDP, SimulatedCall
from .test_sip_messages import TORTURE

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "4000"))  # 100,000 take some ten minutes
PARTS = 4  # of the longest test, so that each may be run by itself
STRANGER = Destination("udp", "192.0.2.66", 6666)
NASTY = [
    b"\r\n",
    b"\x00",
    b'"',
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"=",
    b"%",
    b"\xff\xfe",
    b"9" * 30,
    b"-1",
    b" ",
    b"self=1;",
    b"@",
]


def mutate(random_: random.Random, data: bytes) -> bytes:
    """One to five small changes."""
    changed = bytearray(data)
    for _ in range(random_.randint(1, 5)):
        at = random_.randrange(len(changed) + 1)
        kind = random_.randrange(6)
        if kind == 0 and changed:
            changed[at % len(changed)] = random_.randrange(256)
        elif kind == 1:
            changed[at:at] = random_.choice(NASTY)
        elif kind == 2:
            del changed[at : at + random_.randint(1, 40)]
        elif kind == 3:
            changed[at:at] = changed[at : at + random_.randint(1, 60)]
        elif kind == 4:
            lines = bytes(changed).split(b"\r\n")
            random_.shuffle(lines)
            changed = bytearray(b"\r\n".join(lines))
        else:
            lines = bytes(changed).split(b"\r\n")
            del lines[random_.randrange(len(lines))]
            changed = bytearray(b"\r\n".join(lines))
    return bytes(changed)


def conversation(sim: SimulatedCall) -> list[bytes]:
    """What a peer would say in a call: answers to all we sent, and requests of every kind."""
    said: list[bytes] = []
    receive = sim.layer.receive

    def listen(data: bytes, source: Destination) -> None:
        said.append(data)
        receive(data, source)

    sim.layer.receive = listen  # type: ignore[method-assign]
    sim.call.start()
    sim.respond(
        401, headers={"WWW-Authenticate": 'Digest realm="pbx", nonce="n1", qop="auth,auth-int", opaque="x"'}
    )
    invite = sim.last("INVITE")
    sim.respond(
        183, invite, body=SDP, headers={"Record-Route": '"P" <sip:p1.example.com;lr>, <sip:192.0.2.8>'}
    )
    sim.respond(200, invite, body=SDP, tag="fork")
    sim.call.refer("7000")
    sim.respond(202, sim.last("REFER"), tag="fork")
    sim.request(
        "NOTIFY",
        headers={"Event": "refer", "Subscription-State": "active"},
        body=b"SIP/2.0 100 T\r\n",
        tag="fork",
    )
    request = sim.request(
        "INVITE", body=SDP + b"a=sendonly\r\n", headers={"Contact": "<sip:new@192.0.2.7;lr>"}, tag="fork"
    )
    sim.request("ACK", cseq=int(request.headers["CSeq"].split()[0]), tag="fork")
    for method in ("UPDATE", "OPTIONS", "INFO", "MESSAGE"):
        sim.request(
            method, headers={"Supported": "timer, 100rel", "Reason": 'Q.850;cause=16;text="a;b"'}, tag="fork"
        )
    sim.request("BYE", tag="fork")
    sim.layer.receive = receive  # type: ignore[method-assign]
    return said


class Faults(logging.Handler):
    """Log lines that must not be: a step that failed, or what nobody may read."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self.seen += 1
        if "a SIP step failed" in line or ACCOUNT.password in line or 'response="' in line:
            self.lines.append(line)


@pytest.fixture
def faults() -> Iterator[Faults]:
    handler, logger = Faults(), logging.getLogger("telephony")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_messages_raise_nothing_and_leave_nothing_and_a_call_goes_on(
    faults: Faults, part: int
) -> None:
    seed = random.Random(20260101 + part)
    corpus = [path.read_bytes() for path in sorted(TORTURE.glob("*.dat"))]
    bystander = SimulatedCall()
    bystander.answer()
    victim, said = SimulatedCall(), list[bytes]()
    for number in range(ROUNDS // PARTS):
        if number % 200 == 0:
            leaves_nothing(victim)
            victim = SimulatedCall()
            said = conversation(victim)
            victim.call.state = CallState.ANSWERED  # keep it listening after its BYE
            victim.call.ending = None
        data = mutate(seed, seed.choice(said + corpus if number % 3 else said))
        victim.layer.receive(data, STRANGER)
        bystander.layer.receive(data, STRANGER)
        if number % 97 == 0:
            victim.clock.advance(0.3)
    assert faults.lines == []
    assert faults.seen > ROUNDS // PARTS
    leaves_nothing(victim)
    goes_on(bystander)
    bystander.clock.advance(70)
    assert bystander.layer.open_transactions == 0
    assert bystander.clock.pending == 0


TRIES = 10  # mutated answers for each call and each registration
CONTACT = {"Contact": "<sip:peer@192.0.2.1>", "Record-Route": '"P" <sip:p1.example.com;lr>, <sip:192.0.2.8>'}
ANSWERS: list[tuple[int, bytes, dict[str, str]]] = [
    (183, SDP, {**CONTACT, "Require": "100rel", "RSeq": "1"}),
    (180, b"", CONTACT),
    (200, SDP, {**CONTACT, "Session-Expires": "90;refresher=uac", "Content-Type": "application/sdp"}),
    (200, b"--b\r\nContent-Type: application/sdp\r\n\r\n" + SDP, {**CONTACT, "Content-Type": "multipart/mixed;boundary=b"}),
    (302, b"", {"Contact": "<sip:a@192.0.2.3>;q=0.5, <sip:b@192.0.2.4:5070;transport=udp>"}),
    (401, b"", {"WWW-Authenticate": 'Digest realm="pbx", nonce="n1", qop="auth,auth-int", opaque="x"'}),
    (407, b"", {"Proxy-Authenticate": 'Digest realm="a,b", nonce="n2", algorithm=SHA-256-sess, stale=true'}),
    (421, b"", {"Require": "100rel"}),
    (422, b"", {"Min-SE": "300"}),
    (423, b"", {"Min-Expires": "600"}),
    (488, b"", {}),
    (503, b"", {"Retry-After": "30 (later);duration=60", "Reason": 'Q.850;cause=34;text="none"'}),
    (200, b"", {"Contact": "<sip:6001@192.0.2.2:5070>;expires=60", "Expires": "120"}),
]  # fmt: skip


def mutated_answer(random_: random.Random, request: Envelope) -> bytes:
    assert isinstance(request.message, Request)
    code, body, headers = random_.choice(ANSWERS)
    response = make_response(request.message, code, to_tag="peer")
    for name, value in headers.items():
        response.headers.set(name, value)
    response.body = body
    return mutate(random_, serialize(response))


def test_mutated_answers_to_an_invite_leave_no_call(faults: Faults) -> None:
    seed = random.Random(20260202)
    for _ in range(ROUNDS // TRIES):
        sim = SimulatedCall()
        sim.call.start()
        for _ in range(TRIES):
            sim.layer.receive(mutated_answer(seed, sim.last("INVITE")), PEER)
        sim.call.hang_up()
        sim.clock.advance(70)
        assert sim.call.state is CallState.ENDED
        assert sim.media.closed == 1
        sim.call.leave_behind().close()  # an INVITE that is never answered is waited for no longer
        leaves_nothing(sim)
    assert faults.lines == []


def test_mutated_answers_to_a_register_leave_no_timer(faults: Faults) -> None:
    seed = random.Random(20260303)
    for _ in range(ROUNDS // TRIES // 2):
        sim = SimulatedCall()
        registration = Registration(sim.layer, ACCOUNT, PEER, "sip:6001@192.0.2.2:5070")
        registration.start()
        for _ in range(TRIES):
            sim.layer.receive(mutated_answer(seed, sim.last("REGISTER")), PEER)
            sim.clock.advance(seed.random() * 60)
        registration.remove()
        sim.clock.advance(200)
        assert sim.layer.open_transactions == 0
        assert sim.clock.pending == 0
    assert faults.lines == []


def leaves_nothing(sim: SimulatedCall) -> None:
    """Hung up, and all timers run out."""
    sim.call.hang_up()
    sim.clock.advance(200)
    assert sim.layer.open_transactions == 0
    assert sim.clock.pending == 0


def goes_on(sim: SimulatedCall) -> None:
    """The call is up, is held and resumed by the peer, transferred, and hung up."""
    assert sim.call.state is CallState.ANSWERED
    for direction in (b"sendonly", b"sendrecv"):
        offer = sim.request("INVITE", body=SDP + b"a=" + direction + b"\r\n")
        assert sim.methods[-1] == "200"
        sim.request("ACK", cseq=int(offer.headers["CSeq"].split()[0]))
    sim.call.refer("7000")
    sim.respond(202, sim.last("REFER"))
    sim.call.hang_up()
    sim.respond(200, sim.last("BYE"))
    assert sim.call.ending is not None


def test_a_flood_of_requests_is_bounded() -> None:
    sim = SimulatedCall()
    sim.answer()
    for number in range(MAX_SERVER_TRANSACTIONS + 50):
        sim.layer.receive(
            b"OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\n"
            b"To: <sip:x@y>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n\r\n" % (number, number),
            STRANGER,
        )
    assert sim.layer.open_transactions <= MAX_SERVER_TRANSACTIONS + 2
    assert sim.methods[-1] == "503"


def test_mutated_sdp_and_rtp_raise_only_value_errors() -> None:
    seed = random.Random(7)
    stream = RtpStream()
    stream.negotiate(("192.0.2.1", 4000), 8, 101)
    stream.answer()
    packet = RtpPacket(8, 1, 160, 1, b"\xd5" * 160).serialize()
    for number in range(ROUNDS):
        with contextlib.suppress(ValueError):
            parse_sdp(mutate(seed, SDP))
        stream.receive(mutate(seed, packet), ("192.0.2.1", 4000), number * 0.02)
        parse_crypto(mutate(seed, b"1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40).decode("latin-1"))
        stream.next_frame()


def test_a_response_that_mirrors_our_own_request_is_ignored() -> None:
    sim = SimulatedCall()
    sim.answer()
    request = sim.last("INVITE").message
    sim.layer.receive(serialize(request), STRANGER)
    stray = make_response(request, 200)  # type: ignore[arg-type]
    stray.headers.set("Via", "SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bKunknown")
    sim.layer.receive(serialize(stray), STRANGER)
    assert sim.call.state is CallState.ANSWERED
