"""A dialog's next hop that is several servers: RFC 3263 section 4.3, within a call."""

from collections.abc import Callable, Sequence

import pytest
from sipmessage import URI

from telephony.sip.call import CallState, EndedBy
from telephony.sip.dialog_requests import NEXT_PLACE_AFTER_S
from telephony.sip.transport import Destination

from .simulated_peer import PEER, SDP, SimulatedCall

NEXT = Destination("udp", "192.0.2.7", 5060)
CHALLENGE = {"WWW-Authenticate": 'Digest realm="pbx", nonce="n1", qop="auth"'}


def answered_by_two() -> SimulatedCall:
    """The peer's Contact is a name that stands for PEER and NEXT."""
    sim = SimulatedCall()

    def resolve(uri: URI, otherwise: Destination, then: Callable[[Sequence[Destination]], None]) -> None:
        then([PEER, NEXT])

    sim.call.resolve = resolve
    sim.answer(contact="<sip:peer@pbx.example>")
    return sim


def where(sim: SimulatedCall, method: str) -> list[Destination]:
    """The places that it was sent to, without repetitions."""
    return list(dict.fromkeys(place for envelope, place in sim.wire.sent if envelope.method == method))


def test_a_request_that_is_not_answered_goes_to_the_next_server_and_those_after_it_too() -> None:
    sim = answered_by_two()
    transfer = sim.call.refer("7000")
    sim.clock.advance(NEXT_PLACE_AFTER_S + 0.1)
    assert where(sim, "REFER") == [PEER, NEXT]
    sim.respond(202, sim.last("REFER"))
    assert transfer.accepted_code == 202
    sim.call.hang_up()
    assert where(sim, "BYE") == [NEXT]
    before = sim.methods.count("REFER")
    sim.clock.advance(40)
    assert sim.methods.count("REFER") == before  # the first server is asked no more


def test_a_late_answer_of_the_server_that_was_left_changes_nothing() -> None:
    sim = answered_by_two()
    transfer = sim.call.refer("7000")
    first = sim.last("REFER")
    sim.clock.advance(NEXT_PLACE_AFTER_S + 0.1)
    sim.respond(603, first)
    assert transfer.accepted_code is None
    sim.respond(202, sim.last("REFER"))
    assert transfer.accepted_code == 202


@pytest.mark.parametrize("trouble", ["503", "refused by the network"])
def test_a_server_that_is_out_of_service_is_left_at_once(trouble: str) -> None:
    sim = answered_by_two()
    sim.call.hang_up()
    if trouble == "503":
        sim.respond(503, sim.last("BYE"))
    else:
        sim.layer.transport_failed(PEER, "Connection refused")
    assert where(sim, "BYE") == [PEER, NEXT]
    sim.respond(200, sim.last("BYE"))
    assert sim.listener.ending is not None
    assert sim.listener.ending.by is EndedBy.LOCAL


def test_when_no_server_answers_the_last_word_counts() -> None:
    sim = answered_by_two()
    transfer = sim.call.refer("7000")
    sim.respond(503, sim.last("REFER"))
    sim.respond(503, sim.last("REFER"))
    assert transfer.failure_code == 503
    assert where(sim, "REFER") == [PEER, NEXT]
    assert sim.call.state is CallState.ANSWERED


def test_a_challenge_of_the_next_server_is_answered() -> None:
    sim = answered_by_two()
    sim.call.hang_up()
    sim.respond(503, sim.last("BYE"))
    sim.respond(401, sim.last("BYE"), headers=CHALLENGE)
    assert sim.last("BYE").header("Authorization") is not None
    sim.respond(200, sim.last("BYE"))
    assert sim.call.state is CallState.ENDED


def test_an_ack_that_does_not_help_goes_to_the_next_server() -> None:
    sim = answered_by_two()
    invite = sim.last("INVITE")
    assert where(sim, "ACK") == [PEER]
    sim.respond(200, invite, body=SDP)
    assert where(sim, "ACK") == [PEER]  # it may just have been lost
    sim.respond(200, invite, body=SDP)
    assert where(sim, "ACK") == [PEER, NEXT]


def test_of_a_call_that_is_over_nothing_is_asked_elsewhere() -> None:
    sim = answered_by_two()
    sim.call.refer("7000")
    sim.request("BYE")
    sim.clock.advance(40)
    assert where(sim, "REFER") == [PEER]
    assert sim.clock.pending == 0


def test_a_single_place_is_asked_for_all_its_time() -> None:
    sim = SimulatedCall()
    sim.answer()
    transfer = sim.call.refer("7000")
    sim.clock.advance(30)
    assert transfer.accepted_code is None
    sim.clock.advance(3)
    assert transfer.accepted_code == 408


def test_what_is_asked_while_the_name_is_looked_up_is_sent_as_soon_as_it_is_known() -> None:
    sim = SimulatedCall()
    waiting: list[Callable[[Sequence[Destination]], None]] = []
    sim.call.resolve = lambda uri, otherwise, then: waiting.append(then)
    sim.answer(contact="<sip:peer@pbx.example>")
    assert sim.call.state is CallState.ANSWERED
    assert sim.media.answered  # the person is heard at once
    sim.call.refer("7000")
    sim.call.hang_up()
    assert sim.methods == ["INVITE"]
    waiting[0]([NEXT])
    assert sim.methods == ["INVITE", "ACK", "REFER", "BYE"]
    assert [place for _, place in sim.wire.sent[1:]] == [NEXT] * 3
