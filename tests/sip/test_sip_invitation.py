"""The INVITE's other tries and what else comes back to it: RFC 3262, RFC 3263 section 4.3, RFC 8643, forged answers."""

from dataclasses import replace

import pytest

from telephony.sip.answered_branches import MAX_BRANCHES
from telephony.sip.call import CallState, EndedBy
from telephony.sip.invitation import NEXT_PLACE_AFTER_S
from telephony.sip.sdes import MediaEncryption
from telephony.sip.transport import Destination

from .simulated_peer import PEER, SDP, SimulatedCall

NEXT = Destination("udp", "192.0.2.7", 5060)
RELIABLE = {"Require": "100rel"}


def two_places() -> SimulatedCall:
    sim = SimulatedCall()
    call = sim.call
    sim.call = type(call)(sim.layer, replace(call.setup, other_destinations=(NEXT,)), sim.media, sim.listener)
    return sim


# --- forged answers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [False, True])
def test_who_forges_answers_with_ever_new_tags_gets_few_of_ours(ended: bool) -> None:
    sim = SimulatedCall()
    sim.answer()
    if ended:
        sim.call.hang_up()
        sim.respond(200, sim.last("BYE"))
        behind = sim.call.leave_behind()
        assert behind is not None
    invite = sim.last("INVITE")
    for number in range(100):
        sim.respond(200, invite, tag=f"forged{number}", body=SDP)
    assert sim.methods.count("ACK") == MAX_BRANCHES
    assert sim.methods.count("BYE") == MAX_BRANCHES - (0 if ended else 1)
    assert sim.call.state is (CallState.ENDED if ended else CallState.ANSWERED)
    before = sim.methods.count("ACK")
    sim.respond(200, invite, body=SDP)  # the true peer repeats its answer: it has its ACK again
    assert sim.methods.count("ACK") == before + 1


# --- provisional responses that want to be confirmed ----------------------------------------------------------


def test_a_reliable_provisional_response_is_confirmed_and_heard_once() -> None:
    sim = SimulatedCall()
    sim.call.start()
    invite = sim.last("INVITE")
    for _ in range(3):  # it is repeated until the PRACK arrives
        sim.respond(183, invite, body=SDP, headers={**RELIABLE, "RSeq": "7021"})
    assert sim.methods == ["INVITE", "PRACK"]
    prack = sim.last("PRACK")
    assert prack.header("RAck") == "7021 1 INVITE"
    assert (prack.cseq, prack.to_tag, str(prack.message.uri)) == (2, "peer", "sip:peer@192.0.2.1")  # type: ignore[union-attr]
    assert sim.listener.events == ["ringing 183"]
    assert sim.media.remote == ("192.0.2.9", 4000, 8)
    sim.respond(200, prack)
    sim.respond(180, invite, headers={**RELIABLE, "RSeq": "7022"})
    assert (sim.last("PRACK").header("RAck"), sim.last("PRACK").cseq) == ("7022 1 INVITE", 3)
    sim.respond(200, invite)  # without SDP: the answer was in the 183
    assert (sim.call.state, sim.last("ACK").cseq) == (CallState.ANSWERED, 1)
    sim.call.hang_up()
    assert sim.last("BYE").cseq == 4


def test_a_reliable_response_that_overtook_another_waits_for_it() -> None:
    sim = SimulatedCall()
    sim.call.start()
    invite = sim.last("INVITE")
    for number in ("1", "3", "2", "3"):
        sim.respond(180, invite, headers={**RELIABLE, "RSeq": number})
    raised = [e.header("RAck") for e, _ in sim.wire.sent if e.method == "PRACK"]
    assert raised == ["1 1 INVITE", "2 1 INVITE", "3 1 INVITE"]


@pytest.mark.parametrize(
    "headers", [{}, {"RSeq": "5"}, RELIABLE, {**RELIABLE, "RSeq": "x"}, {**RELIABLE, "RSeq": "0"}]
)
def test_other_provisional_responses_get_no_prack(headers: dict[str, str]) -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(180, headers=headers)
    assert (sim.methods, sim.listener.events) == (["INVITE"], ["ringing 180"])


def test_an_unanswered_prack_is_repeated_and_the_call_goes_on() -> None:
    sim = SimulatedCall()
    sim.call.start()
    invite = sim.last("INVITE")
    sim.respond(180, invite, headers={**RELIABLE, "RSeq": "1"})
    sim.clock.advance(40)
    assert sim.methods.count("PRACK") > 5
    sim.respond(200, invite, body=SDP)
    assert sim.call.state is CallState.ANSWERED


def test_a_peer_that_insists_on_100rel_is_offered_it_once() -> None:
    sim = SimulatedCall()
    sim.call.start()
    assert "100rel" not in (sim.last("INVITE").header("Supported") or "")
    sim.respond(421, headers=RELIABLE)
    assert "100rel" in (sim.last("INVITE").header("Supported") or "")
    sim.respond(421, headers=RELIABLE)
    assert sim.methods.count("INVITE") == 2
    assert sim.listener.ending is not None
    assert sim.listener.ending.code == 421


# --- encryption that is only preferred ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [488, 606])
def test_a_peer_that_refuses_preferred_keys_is_called_in_the_clear_once(code: int) -> None:
    sim = SimulatedCall(encryption=MediaEncryption.PREFERRED)
    sim.call.start()
    assert b"a=crypto" in sim.last("INVITE").message.body
    sim.respond(code)
    assert sim.methods == ["INVITE", "ACK", "INVITE"]
    assert b"a=crypto" not in sim.last("INVITE").message.body
    sim.respond(code)
    assert sim.methods.count("INVITE") == 2
    assert sim.listener.ending is not None
    assert sim.listener.ending.code == code


def test_required_keys_are_never_left_out() -> None:
    sim = SimulatedCall(encryption=MediaEncryption.REQUIRED)
    sim.call.start()
    sim.respond(488)
    assert sim.methods == ["INVITE", "ACK"]


# --- other servers of the name ----------------------------------------------------------------------------------


def test_a_503_sends_the_invite_to_the_next_server() -> None:
    sim = two_places()
    sim.call.start()
    sim.respond(503)
    assert [hop for e, hop in sim.wire.sent if e.method == "INVITE"] == [PEER, NEXT]
    sim.respond(503)
    assert sim.methods.count("INVITE") == 2
    assert sim.listener.ending is not None
    assert sim.listener.ending.code == 503


def test_a_server_that_rings_is_never_left() -> None:
    sim = two_places()
    sim.call.start()
    sim.respond(100)
    sim.clock.advance(60)
    assert sim.methods == ["INVITE"]


def test_a_call_given_up_goes_to_no_other_server() -> None:
    sim = two_places()
    sim.call.start()
    sim.call.cancel()
    sim.clock.advance(100)
    assert {hop for _, hop in sim.wire.sent} == {PEER}
    assert sim.listener.ending is not None
    assert sim.listener.ending.by is EndedBy.TIMEOUT


def test_a_silent_server_that_is_heard_of_after_all_is_cancelled_and_its_answer_hung_up() -> None:
    sim = two_places()
    sim.call.start()
    late = sim.last("INVITE")
    sim.clock.advance(NEXT_PLACE_AFTER_S)
    assert sim.wire.sent[-1][1] == NEXT
    sim.respond(180, tag="next")
    sim.respond(180, late)
    sim.respond(183, late)
    assert sim.methods.count("CANCEL") == 1
    assert sim.last("CANCEL").branch == late.branch
    sim.respond(200, late, body=SDP)  # it crossed our CANCEL
    assert sim.methods[-2:] == ["ACK", "BYE"]
    assert sim.wire.sent[-1][1] == PEER
    assert sim.call.is_calling
    new = next(e for e, hop in reversed(sim.wire.sent) if e.method == "INVITE" and hop == NEXT)
    sim.respond(200, new, tag="next", body=SDP)
    assert sim.call.state is CallState.ANSWERED
    assert sim.listener.events == ["ringing 180", "answered"]


# --- what the peer asks before it answers -------------------------------------------------------------------


def ringing(headers: dict[str, str] | None = None, body: bytes = b"") -> SimulatedCall:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(183, sim.last("INVITE"), headers=headers, body=body)
    return sim


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("UPDATE", "200"),
        ("INFO", "200"),
        ("OPTIONS", "200"),
        ("INVITE", "491"),
        ("BYE", "481"),
        ("NOTIFY", "481"),
    ],
)
def test_what_may_be_asked_before_the_answer_is_answered(method: str, code: str) -> None:
    sim = ringing()
    sim.request(method)
    assert sim.methods[-1] == code
    sim.request(method, tag="stranger")
    assert sim.methods[-1] == "481"
    sim.respond(200, sim.last("INVITE"), body=SDP)
    assert sim.call.state is CallState.ANSWERED
    sim.request("OPTIONS", cseq=100)
    assert sim.methods[-1] == "500"  # the answered dialog counts on


def test_an_early_offer_is_taken_where_ours_was_answered() -> None:
    """RFC 3311 section 5.1: an offer that is open must be answered first."""
    sim = ringing(body=SDP)
    sim.request("UPDATE", body=SDP)
    assert sim.methods[-1] == "491"
    sim = ringing({**RELIABLE, "RSeq": "1"}, SDP)
    sim.request("UPDATE", body=SDP.replace(b"4000", b"4002"), headers={"Contact": "<sip:moved@192.0.2.77>"})
    assert sim.methods[-1] == "200"
    assert b"m=audio 40000 RTP/AVP 8" in sim.last("200").message.body
    assert sim.media.remote == ("192.0.2.9", 4002, 8)
    sim.request("UPDATE", body=SDP.replace(b"RTP/AVP 8", b"RTP/AVP 18"))
    assert sim.methods[-1] == "488"
    sim.respond(200, sim.last("INVITE"))
    assert sim.call.state is CallState.ANSWERED
    assert sim.media.remote == ("192.0.2.9", 4002, 8)
