"""What the peer asks within a call: RFC 3261 sections 12 and 14, RFC 3264, RFC 3311."""

import pytest

from telephony.sip.call import CallState

from .simulated_peer import SDP, SimulatedCall

CHALLENGE = {"WWW-Authenticate": 'Digest realm="pbx", nonce="n1", qop="auth,auth-int", algorithm=MD5'}


def test_requests_follow_the_route_set_and_the_moved_target() -> None:
    sim = SimulatedCall()
    sim.answer(headers={"Record-Route": "<sip:p2.example.com;lr>, <sip:p1.example.com;lr>"})
    sim.request("UPDATE", headers={"Contact": "<sip:moved@192.0.2.77:5080>"})
    sim.call.hang_up()
    bye = sim.last("BYE")
    assert bye.message.headers.getlist("Route") == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    assert str(bye.message.uri) == "sip:moved@192.0.2.77:5080"  # type: ignore[union-attr]


def test_hold_and_resume_by_reinvite() -> None:
    sim = SimulatedCall()
    sim.answer()
    held = sim.request("INVITE", body=SDP + b"a=sendonly\r\n", headers={"Contact": "<sip:peer@192.0.2.1>"})
    answer = sim.last("200")
    assert b"a=recvonly" in answer.message.body
    assert sim.media.on_hold
    sim.request("ACK", cseq=int(held.headers["CSeq"].split()[0]))
    sim.request("INVITE", body=SDP, headers={"Contact": "<sip:peer@192.0.2.1>"})
    assert not sim.media.on_hold


def test_reinvite_without_offer_gets_ours_and_takes_the_answer_from_the_ack() -> None:
    sim = SimulatedCall()
    sim.answer()
    request = sim.request("INVITE")
    assert b"m=audio 40000 RTP/AVP 8 0" in sim.last("200").message.body
    moved = SDP.replace(b"4000", b"4002")
    sim.request("ACK", cseq=int(request.headers["CSeq"].split()[0]), body=moved)
    assert sim.media.remote == ("192.0.2.9", 4002, 8)
    sim.clock.advance(40)
    assert sim.methods.count("200") == 1
    assert sim.call.state is CallState.ANSWERED


def test_200_to_a_reinvite_is_repeated_until_acknowledged_and_then_the_call_ends() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.request("INVITE", body=SDP)
    sim.clock.advance(33)
    assert sim.methods.count("200") == 11
    assert "BYE" in sim.methods


def test_streams_that_are_switched_off_by_port_0_are_a_hold() -> None:
    sim = SimulatedCall()
    sim.answer()
    off = sim.request("INVITE", body=SDP.replace(b"m=audio 4000", b"m=audio 0"))
    assert b"m=audio 0 RTP/AVP 8" in sim.last("200").message.body
    assert sim.media.on_hold
    sim.request("ACK", cseq=int(off.headers["CSeq"].split()[0]))
    sim.request("INVITE", body=SDP)
    assert not sim.media.on_hold
    assert b"m=audio 40000 RTP/AVP 8" in sim.last("200").message.body


def test_a_name_where_an_address_belongs_is_never_looked_up() -> None:
    sim = SimulatedCall()
    sim.answer(SDP.replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 media.example.com"))
    assert sim.call.state is CallState.ANSWERED
    assert sim.media.agreed is not None
    assert sim.media.agreed.address is None


def test_reinvite_that_does_not_suit_gets_488_and_the_call_goes_on() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.request("INVITE", body=SDP.replace(b"RTP/AVP 8", b"RTP/AVP 18"))
    assert sim.methods[-1] == "488"
    assert sim.call.state is CallState.ANSWERED


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("OPTIONS", "200"),
        ("INFO", "200"),
        ("MESSAGE", "405"),
        ("REFER", "405"),
        ("PHONE", "501"),
        ("NOTIFY", "489"),
    ],
)
def test_other_requests_in_the_dialog(method: str, code: str) -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.request(method)
    assert sim.methods[-1] == code


def test_request_of_a_stranger_gets_481_and_old_cseq_500() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.request("BYE", tag="stranger")
    assert sim.methods[-1] == "481"
    sim.request("OPTIONS", cseq=300)
    sim.request("BYE", cseq=299)
    assert sim.methods[-1] == "500"
    assert sim.call.state is CallState.ANSWERED


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "OPTIONS", "INFO"])
def test_an_extension_that_is_required_and_not_understood_is_named(method: str) -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.request(method, body=SDP, headers={"Require": "timer, 100rel, Frob"})
    assert sim.methods[-1] == "420"
    assert sim.wire.sent[-1][0].header("Unsupported") == "100rel, frob"
    assert sim.call.state is CallState.ANSWERED


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_session_that_is_not_described_by_sdp_is_refused(method: str) -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.request(method, body=b"01 00 49", headers={"Content-Type": "application/isup"})
    assert sim.methods[-1] == "415"
    assert sim.wire.sent[-1][0].header("Accept") == "application/sdp, multipart/mixed"
    sim.request(method, body=SDP, headers={"Content-Type": "Application/SDP; charset=utf-8"})
    assert sim.methods[-1] == "200"
