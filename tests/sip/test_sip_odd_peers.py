"""What real peers and networks do at odd moments: nothing of it may leave a call that never ends."""

from typing import Any

import pytest

from telephony.sip.call import CallState, EndedBy
from telephony.sip.transaction_layer import MAX_SERVER_TRANSACTIONS

from .simulated_peer import PEER, SDP, SimulatedCall

REFRESHED_BY_US = {
    "Session-Expires": "90;refresher=uac",
    "Require": "timer",
    "Allow": "INVITE, ACK, BYE",
}


@pytest.mark.parametrize(
    "record_route",
    ["<sip:broken", "<http://192.0.2.1>", "<sip:192.0.2.1:99999;lr>", 'sip:p1@192.0.2.1;lr, "'],
)
def test_a_route_that_cannot_be_read_is_left_out(record_route: str) -> None:
    sim = SimulatedCall()
    sim.answer(headers={"Record-Route": record_route})
    assert "ACK" in sim.methods
    assert sim.call.state is CallState.ANSWERED
    sim.call.hang_up()
    assert sim.last("BYE").message.headers.getlist("Route") == []


def test_a_bye_that_comes_while_the_peers_name_is_looked_up_ends_the_call() -> None:
    sim = SimulatedCall()
    waiting: list[Any] = []
    sim.call.resolve = lambda uri, otherwise, then: waiting.append(then)
    sim.answer(contact="<sip:peer@pbx.example>")
    sim.request("BYE")
    assert sim.methods[-1] == "200"
    waiting[0]([PEER])
    sim.clock.advance(70)
    assert "ACK" in sim.methods
    assert sim.listener.ending is not None
    assert sim.listener.ending.by is EndedBy.REMOTE


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "OPTIONS"])
def test_after_our_bye_only_the_end_is_talked_about(method: str) -> None:
    """RFC 5407 section 3.2: the dialog is mortal."""
    sim = SimulatedCall()
    sim.answer()
    sim.call.hang_up()
    sim.request(method, body=SDP)
    assert sim.methods[-1] == "481"
    sim.request("BYE")
    assert sim.methods[-1] == "200"


@pytest.mark.parametrize("code", [200, 422, 491, 500])
def test_a_refresh_that_is_answered_after_the_end_starts_nothing(code: int) -> None:
    sim = SimulatedCall()
    sim.answer(headers=REFRESHED_BY_US)
    sim.clock.advance(45)
    refresh = sim.last("INVITE")
    sim.request("BYE")
    sim.respond(code, refresh, body=SDP, headers={**REFRESHED_BY_US, "Min-SE": "180"})
    assert sim.methods[-1] == "ACK"
    sim.clock.advance(33)
    assert sim.clock.pending == 0


def test_an_offer_by_update_waits_for_the_answer_to_ours() -> None:
    """RFC 3311 section 5.2."""
    sim = SimulatedCall()
    sim.answer(headers=REFRESHED_BY_US)
    sim.clock.advance(45)
    assert sim.methods[-1] == "INVITE"
    sim.request("UPDATE", body=SDP)
    assert sim.methods[-1] == "491"
    sim.request("UPDATE")
    assert sim.methods[-1] == "200"


FAX = b"m=image 4010 udptl t38\r\n"


@pytest.mark.parametrize(
    "offer",
    [
        SDP.replace(b"RTP/AVP", b"RTP/AVPF"),
        SDP.replace(b"RTP/AVP", b"UDP/TLS/RTP/SAVP"),
        SDP.replace(b"m=audio 4000", b"m=audio 0") + FAX,
        SDP.partition(b"m=")[0] + FAX,
    ],
    ids=["feedback", "DTLS", "fax beside audio that is off", "fax"],
)
def test_an_offer_of_what_we_lack_is_refused_and_is_no_hold(offer: bytes) -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.request("INVITE", body=offer)
    assert sim.methods[-1] == "488"
    assert not sim.media.on_hold
    assert sim.call.state is CallState.ANSWERED


def origin(body: bytes) -> bytes:
    return next(line for line in body.splitlines() if line.startswith(b"o="))


def test_the_version_of_our_description_goes_up_when_it_changes_and_only_then() -> None:
    """RFC 3264 section 8; RFC 4028 section 7.4 for refreshes."""
    sim = SimulatedCall()
    sim.answer(headers=REFRESHED_BY_US)
    first = sim.last("INVITE").message.body
    sim.clock.advance(45)
    refresh = sim.last("INVITE").message.body
    assert refresh == first
    sim.respond(200, sim.last("INVITE"), body=SDP, headers=REFRESHED_BY_US)
    sim.request("INVITE", body=SDP)
    answer = sim.last("200").message.body
    sim.request("ACK", cseq=sim._cseq)
    sim.request("INVITE")
    offer = sim.last("200").message.body
    versions = [int(origin(body).split()[2]) for body in (first, answer, offer)]
    assert versions == sorted(set(versions))


BOUNDARY = "ss7-to-sip"
MULTIPART = (
    f"--{BOUNDARY}\r\nContent-Type: application/isup;version=itu-t92+\r\n"
    "Content-Disposition: signal;handling=optional\r\n\r\n\x01\x00\x49\r\n"
    f"--{BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\n"
).encode()


@pytest.mark.parametrize("quotes", ['"', ""])
def test_a_session_description_beside_an_isup_message_is_found(quotes: str) -> None:
    """RFC 5621 section 3.1, as SIP-I gateways answer."""
    kind = f"Multipart/Mixed;boundary={quotes}{BOUNDARY}{quotes}"
    body = MULTIPART + SDP + f"\r\n--{BOUNDARY}--\r\n".encode()
    sim = SimulatedCall()
    sim.answer(body, headers={"Content-Type": kind})
    assert sim.call.state is CallState.ANSWERED
    assert sim.media.remote == ("192.0.2.9", 4000, 8)
    sim.request("INVITE", body=body.replace(b"4000", b"4002"), headers={"Content-Type": kind})
    assert sim.methods[-1] == "200"
    assert sim.media.remote == ("192.0.2.9", 4002, 8)


def test_a_flood_of_strangers_does_not_keep_out_our_peers() -> None:
    sim = SimulatedCall()
    sim.layer.is_of_a_call = sim.call.matches
    sim.answer()
    invite = sim.last("INVITE")
    for number in range(MAX_SERVER_TRANSACTIONS):
        sim.request("OPTIONS", tag=f"stranger{number}")
    sim.request("BYE", tag="stranger")
    assert sim.methods[-1] == "503"
    sim.wire.sent.insert(0, (invite, PEER))
    sim.request("BYE")
    assert sim.methods[-1] == "200"
    assert sim.call.state is CallState.ENDED
