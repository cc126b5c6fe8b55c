"""Registrations with explicit time: RFC 3261 section 10."""

from sipmessage import Request

from telephony.sip.message import make_response, serialize
from telephony.sip.registration import Registration, RegistrationFailed, RegistrationState
from telephony.sip.transaction_layer import TransactionLayer

from .simulated_peer import ACCOUNT, PEER, SimulatedClock, SimulatedWire

CHALLENGE = {"WWW-Authenticate": 'Digest realm="pbx", nonce="n1", qop="auth"'}


class Registrar:
    """The far end of a simulated registration."""

    def __init__(self, *, expires: int = 300) -> None:
        self.clock = SimulatedClock()
        self.wire = SimulatedWire()
        self.layer = TransactionLayer(self.clock, lambda transaction: transaction.reply(405))
        self.layer.transports["udp"] = self.wire
        self.states: list[RegistrationState] = []
        self.failures: list[RegistrationFailed | None] = []
        self.registration = Registration(
            self.layer,
            ACCOUNT,
            PEER,
            "sip:6001@192.0.2.2:5070",
            expires=expires,
            on_change=lambda registration: self.states.append(registration.state),
        )
        self.registration.on_settled = self.failures.append
        self.registration.start()

    @property
    def sent(self) -> list[Request]:
        return [e.message for e, _ in self.wire.sent if isinstance(e.message, Request)]

    def respond(self, code: int, headers: dict[str, str] | None = None) -> None:
        response = make_response(self.sent[-1], code)
        for name, value in (headers or {}).items():
            response.headers.set(name, value)
        self.layer.receive(serialize(response), PEER)


def test_register_with_digest_and_refresh_between_half_and_four_fifths() -> None:
    far = Registrar()
    far.respond(401, CHALLENGE)
    assert 'username="6001"' in far.sent[1].headers["Authorization"]
    far.respond(200, {"Contact": "<sip:other@192.0.2.3>;expires=9, <sip:6001@192.0.2.2:5070>;expires=100"})
    assert far.states == [RegistrationState.REGISTERING, RegistrationState.REGISTERED]
    far.clock.advance(49.9)
    assert len(far.sent) == 2
    far.clock.advance(30.2)
    assert len(far.sent) > 2
    assert "nc=00000002" in far.sent[2].headers["Authorization"]
    assert far.sent[2].headers["Call-ID"] == far.sent[0].headers["Call-ID"]
    assert [int(r.headers["CSeq"].split()[0]) for r in far.sent[:3]] == [1, 2, 3]


def test_request_is_shaped_as_the_rfc_says() -> None:
    request = Registrar().sent[0]
    assert str(request.uri) == "sip:192.0.2.1"
    assert request.headers["To"] == "<sip:6001@192.0.2.1>"
    assert request.headers["Contact"] == "<sip:6001@192.0.2.2:5070>;expires=300"


def test_wrong_password_is_tried_once_and_never_again() -> None:
    far = Registrar()
    far.respond(401, CHALLENGE)
    far.respond(401, {"WWW-Authenticate": 'Digest realm="pbx", nonce="n2", qop="auth"'})
    failure = far.failures[0]
    assert failure is not None
    assert failure.code == 401
    far.clock.advance(3600)
    assert len(far.sent) == 2
    assert far.registration.state is RegistrationState.FAILED
    assert far.registration.last_error == "401 wrong user name or password"


def test_registrar_with_its_own_least_interval() -> None:
    far = Registrar(expires=60)
    far.respond(423, {"Min-Expires": "1800"})
    assert far.sent[-1].headers["Expires"] == "1800"
    far.respond(200)
    assert far.registration.state is RegistrationState.REGISTERED


def test_registrar_that_asks_for_ever_longer_intervals_is_given_up() -> None:
    far = Registrar(expires=60)
    for least in (100, 200, 300):
        far.respond(423, {"Min-Expires": str(least)})
    assert far.registration.state is RegistrationState.FAILED
    assert len(far.sent) == 3


def test_dead_registrar_is_reported_after_32_s() -> None:
    far = Registrar()
    far.clock.advance(32.1)
    failure = far.failures[0]
    assert failure is not None
    assert failure.code is None
    assert "192.0.2.1:5060" in failure.reason


def test_failed_refresh_is_repeated_with_growing_pauses_until_it_works() -> None:
    far = Registrar()
    far.respond(200, {"Expires": "100"})
    far.clock.advance(80)  # at the latest; the request was perhaps repeated by then
    far.respond(503, {"Retry-After": "20 (maintenance)"})
    assert far.registration.state is RegistrationState.FAILED
    before = len(far.sent)
    far.clock.advance(19)
    assert len(far.sent) == before
    far.clock.advance(1.1)
    assert len(far.sent) == before + 1
    far.respond(200)
    assert far.states[-1] is RegistrationState.REGISTERED
    assert far.registration.last_error is None


def test_unregister_sends_expiry_0_and_stops_the_refreshes() -> None:
    far = Registrar()
    far.respond(200)
    far.registration.remove()
    assert far.sent[-1].headers["Contact"].endswith(";expires=0")
    far.respond(200)
    assert far.registration.state is RegistrationState.UNREGISTERED
    far.clock.advance(4000)
    assert len(far.sent) == 2
    assert far.clock.pending == 0


def test_the_binding_names_the_address_that_the_registrar_sees() -> None:
    far = Registrar()
    via = far.sent[0].headers["Via"]
    far.respond(200, {"Via": via.replace(";rport", ";rport=31000;received=203.0.113.7")})
    assert far.sent[1].headers["Contact"] == (
        "<sip:6001@203.0.113.7:31000>;expires=300, <sip:6001@192.0.2.2:5070>;expires=0"
    )
    assert far.states == [RegistrationState.REGISTERING]
    via = far.sent[1].headers["Via"]
    far.respond(200, {"Via": via.replace(";rport", ";rport=31000;received=203.0.113.7")})
    assert far.states[-1] is RegistrationState.REGISTERED
    assert far.registration.contact == "sip:6001@203.0.113.7:31000"
    assert len(far.sent) == 2
    far.clock.advance(250)
    assert far.sent[2].headers["Contact"] == "<sip:6001@203.0.113.7:31000>;expires=300"


def test_an_address_that_changes_all_the_time_is_followed_once_a_refresh() -> None:
    far = Registrar()
    for port in (31000, 31001):
        via = far.sent[-1].headers["Via"]
        far.respond(200, {"Via": via.replace(";rport", f";rport={port};received=203.0.113.7")})
    assert len(far.sent) == 2
    assert far.states[-1] is RegistrationState.REGISTERED


def test_a_registrar_that_takes_one_contact_at_a_time() -> None:
    far = Registrar()
    via = far.sent[-1].headers["Via"]
    far.respond(200, {"Via": via.replace(";rport", ";rport=31000;received=203.0.113.7")})
    far.respond(400)
    assert far.sent[2].headers["Contact"] == "<sip:6001@203.0.113.7:31000>;expires=300"
    far.respond(200)
    assert far.states[-1] is RegistrationState.REGISTERED


def test_nonsense_is_not_learned() -> None:
    for junk in (";rport=99999", ";rport=x", ";received=<evil>", ";rport=5070;received=192.0.2.2"):
        far = Registrar()
        via = far.sent[-1].headers["Via"]
        far.respond(200, {"Via": via.replace(";rport", junk)})
        assert len(far.sent) == 1, junk
