"""Whole calls against a simulated peer, with explicit time: RFC 3261 sections 9, 13 and 15, RFC 6026."""

import pytest

from telephony.sip.call import CallState, EndedBy
from telephony.sip.invite import CallerIdentity

from .simulated_peer import SDP, SimulatedCall

CHALLENGE = {"WWW-Authenticate": 'Digest realm="pbx", nonce="n1", qop="auth,auth-int", algorithm=MD5'}


def test_answered_call_ends_with_our_bye() -> None:
    sim = SimulatedCall()
    sim.answer()
    assert sim.listener.events == ["ringing 180", "answered"]
    assert sim.media.remote == ("192.0.2.9", 4000, 8)
    assert sim.media.answered
    sim.call.hang_up()
    sim.respond(200)
    assert sim.methods == ["INVITE", "ACK", "BYE"]
    assert sim.listener.ending is not None
    assert sim.listener.ending.by is EndedBy.LOCAL
    assert sim.media.closed == 1


def test_challenged_invite_is_sent_again_with_credentials_and_a_higher_cseq() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(401, headers=CHALLENGE)
    assert sim.methods == ["INVITE", "ACK", "INVITE"]
    invite = sim.last("INVITE")
    assert invite.cseq == 2
    assert 'username="6001"' in (invite.header("Authorization") or "")
    sim.respond(200, invite, body=SDP)
    assert "Authorization" in sim.last("ACK").message.headers.keys()  # noqa: SIM118
    assert sim.call.state is CallState.ANSWERED


def test_refused_password_is_tried_once() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(401, headers=CHALLENGE)
    sim.respond(401, headers={"WWW-Authenticate": 'Digest realm="pbx", nonce="n2", qop="auth"'})
    assert sim.methods.count("INVITE") == 2
    assert sim.listener.ending is not None
    assert sim.listener.ending.code == 401


def test_stale_nonce_is_answered_with_the_new_one() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(401, headers=CHALLENGE)
    sim.respond(401, headers={"WWW-Authenticate": 'Digest realm="pbx", nonce="n2", stale=TRUE, qop="auth"'})
    assert 'nonce="n2"' in (sim.last("INVITE").header("Authorization") or "")


def test_silence_after_the_invite_ends_the_call_after_32_s() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.clock.advance(31.9)
    assert sim.methods == ["INVITE"] * 7  # 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5
    assert sim.call.state is CallState.CALLING
    sim.clock.advance(0.2)
    assert sim.listener.ending is not None
    assert (sim.listener.ending.by, sim.listener.ending.code) == (EndedBy.TIMEOUT, None)
    assert sim.layer.open_transactions == 0
    assert sim.clock.pending == 0


def test_cancel_waits_for_a_provisional_response() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.call.cancel()
    assert sim.methods == ["INVITE"]
    invite = sim.last("INVITE")
    sim.respond(100)
    assert sim.methods == ["INVITE", "CANCEL"]
    cancel = sim.last("CANCEL")
    assert (cancel.branch, cancel.cseq) == (invite.branch, invite.cseq)
    sim.respond(200, cancel)
    sim.respond(487, invite)
    assert sim.listener.ending is not None
    assert (sim.listener.ending.by, sim.listener.ending.code) == (EndedBy.CANCELLED, 487)
    assert sim.methods[-1] == "ACK"


def test_a_200_that_crosses_our_cancel_is_acknowledged_and_hung_up() -> None:
    sim = SimulatedCall()
    sim.call.start()
    invite = sim.last("INVITE")
    sim.respond(180, invite)
    sim.call.cancel()
    sim.respond(200, invite, body=SDP)
    assert sim.methods == ["INVITE", "CANCEL", "ACK", "BYE"]
    sim.respond(200, sim.last("BYE"))
    assert sim.listener.ending is not None
    assert sim.listener.ending.by is EndedBy.CANCELLED
    assert "answered" not in sim.listener.events


def test_unanswered_cancel_ends_after_64_t1_and_a_later_200_is_still_hung_up() -> None:
    sim = SimulatedCall()
    sim.call.start()
    invite = sim.last("INVITE")
    sim.respond(180, invite)
    sim.call.cancel()
    sim.clock.advance(33)
    assert sim.listener.ending is not None
    assert sim.listener.ending.by is EndedBy.CANCELLED
    sim.respond(200, invite, body=SDP)
    assert sim.methods[-2:] == ["ACK", "BYE"]


def test_every_retransmitted_200_gets_the_same_ack() -> None:
    sim = SimulatedCall()
    sim.answer()
    invite, first = sim.last("INVITE"), sim.last("ACK")
    for _ in range(3):
        sim.respond(200, invite, body=SDP)
    assert sim.methods.count("ACK") == 4
    assert sim.last("ACK").branch == first.branch
    assert sim.listener.events.count("answered") == 1


def test_forked_second_200_is_acknowledged_and_hung_up_and_the_first_call_goes_on() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.respond(200, sim.last("INVITE"), tag="other", body=SDP)
    assert sim.methods == ["INVITE", "ACK", "ACK", "BYE"]
    assert sim.last("BYE").to_tag == "other"
    assert sim.call.state is CallState.ANSWERED


def test_200_without_sdp_is_acknowledged_and_hung_up() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(200)
    assert sim.methods == ["INVITE", "ACK", "BYE"]
    assert "answered" not in sim.listener.events


def test_rejection_carries_code_cause_and_text() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(403, headers={"Reason": 'SIP;cause=403, Q.850;cause=21;text="Call Rejected"'})
    assert sim.listener.ending is not None
    assert (sim.listener.ending.code, sim.listener.ending.cause) == (403, 21)
    assert sim.listener.ending.text == "Call Rejected"
    assert sim.media.closed == 1


@pytest.mark.parametrize(
    ("code", "header", "seconds"),
    [
        (503, "120", 120),
        (480, "18000;duration=3600", 3600),  # an hour at most
        (600, "30 (in a meeting)", 30),
        (404, "0", 0),
        (500, "soon", None),
        (503, None, None),
    ],
)
def test_rejection_says_when_to_come_back(code: int, header: str | None, seconds: int | None) -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(code, headers={"Retry-After": header} if header is not None else {})
    assert sim.listener.ending is not None
    assert (sim.listener.ending.code, sim.listener.ending.retry_after_s) == (code, seconds)


def test_bye_of_the_peer_ends_the_call_with_its_cause() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.request("BYE", headers={"Reason": "Q.850;cause=16"})
    assert sim.methods[-1] == "200"
    assert sim.listener.ending is not None
    assert (sim.listener.ending.by, sim.listener.ending.cause) == (EndedBy.REMOTE, 16)


def test_retransmitted_bye_gets_the_same_200() -> None:
    sim = SimulatedCall()
    sim.answer()
    bye = sim.request("BYE")
    sim.receive(bye)
    assert sim.methods[-2:] == ["200", "200"]
    assert sim.listener.events.count("ended remote") == 1


def test_crossing_byes_end_the_call_once() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.call.hang_up()
    sim.request("BYE")
    sim.respond(481, sim.last("BYE"))
    assert [event for event in sim.listener.events if event.startswith("ended")] == ["ended local"]


@pytest.mark.parametrize(
    ("code", "asks", "gives"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_challenged_bye_is_repeated_with_a_stale_nonce_too(code: int, asks: str, gives: str) -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.call.hang_up()
    bye = sim.last("BYE")
    sim.respond(code, bye, headers={asks: 'Digest realm="pbx", nonce="n1", qop="auth"'})
    sim.respond(code, sim.last("BYE"), headers={asks: 'Digest realm="pbx", nonce="n2", stale=TRUE'})
    again = sim.last("BYE")
    assert again.cseq == bye.cseq + 2
    assert 'nonce="n2"' in (again.header(gives) or "")
    sim.respond(200, again)
    assert sim.call.state is CallState.ENDED


def test_bye_with_a_refused_password_ends_the_call_all_the_same() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.call.hang_up()
    for nonce in ("n1", "n2"):
        sim.respond(
            401, sim.last("BYE"), headers={"WWW-Authenticate": f'Digest realm="pbx", nonce="{nonce}"'}
        )
    assert sim.methods.count("BYE") == 2
    assert sim.call.state is CallState.ENDED


def test_unanswered_bye_is_given_up_after_32_s() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.call.hang_up()
    sim.clock.advance(33)
    assert sim.methods.count("BYE") == 11  # 0, 0.5, 1.5, 3.5, then every 4 s (RFC 3261 section 17.1.2.1)
    assert sim.call.state is CallState.ENDED
    sim.clock.advance(64)
    assert sim.layer.open_transactions == 0


def test_early_media_is_taken_from_a_183() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(183, body=SDP)
    assert sim.media.remote == ("192.0.2.9", 4000, 8)
    assert not sim.media.answered


def test_caller_identity_and_privacy() -> None:
    sim = SimulatedCall(caller=CallerIdentity("Sales", "551130001000"))
    sim.call.start()
    invite = sim.last("INVITE")
    assert (invite.sender.name, invite.sender.uri.user) == ("Sales", "551130001000")
    assert invite.header("P-Asserted-Identity") == '"Sales" <sip:551130001000@192.0.2.1>'
    hidden = SimulatedCall(caller=CallerIdentity("Sales", "551130001000", private=True))
    hidden.call.start()
    assert hidden.last("INVITE").sender.uri.host == "anonymous.invalid"
    assert hidden.last("INVITE").header("Privacy") == "id"


def test_ended_call_leaves_no_timer_and_no_transaction() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.call.refer("7000")
    sim.respond(202, sim.last("REFER"))
    sim.notify("200 OK", "terminated")
    sim.call.hang_up()
    sim.respond(200, sim.last("BYE"))
    sim.clock.advance(70)
    assert sim.layer.open_transactions == 0
    assert sim.clock.pending == 0
