"""Session timers (RFC 4028), redirections and other second tries, with explicit time."""

import pytest

from telephony.sip.call import CallState, EndedBy

from .simulated_peer import SDP, SimulatedCall


def in_session(expires: str | None, *, allow: str | None = None) -> SimulatedCall:
    sim = SimulatedCall()
    headers = {"Session-Expires": expires} if expires else {}
    if allow is not None:
        headers["Allow"] = allow
    sim.answer(headers=headers)
    return sim


def test_we_refresh_by_update_at_half_the_interval() -> None:
    sim = in_session("200;refresher=uac", allow="INVITE, UPDATE")
    sim.clock.advance(99)
    assert "UPDATE" not in sim.methods
    sim.clock.advance(2)
    update = sim.last("UPDATE")
    assert update.header("Session-Expires") == "200;refresher=uac"
    assert update.message.body == b""
    sim.respond(200, update, headers={"Session-Expires": "200;refresher=uac"})
    sim.clock.advance(110)
    assert sim.last("UPDATE").cseq == update.cseq + 1
    assert "BYE" not in sim.methods


def test_we_refresh_by_reinvite_where_update_is_not_known() -> None:
    sim = in_session("200;refresher=uac", allow="INVITE, BYE")
    sim.clock.advance(101)
    reinvite = sim.last("INVITE")
    assert reinvite.to_tag == "peer"
    assert b"m=audio 40000" in reinvite.message.body
    for _ in range(2):
        sim.respond(200, reinvite, body=SDP, headers={"Session-Expires": "200;refresher=uac"})
    assert sim.methods[-2:] == ["ACK", "ACK"]
    assert sim.last("ACK").cseq == reinvite.cseq
    assert sim.call.state is CallState.ANSWERED


def test_reinvite_of_the_peer_meets_ours_with_491_and_we_try_again() -> None:
    sim = in_session("200;refresher=uac", allow="INVITE, BYE")
    sim.clock.advance(101)
    ours = sim.last("INVITE")
    sim.request("INVITE", body=SDP)
    assert sim.methods[-1] == "491"
    sim.respond(491, ours)
    before = sim.methods.count("INVITE")
    sim.clock.advance(4.1)
    assert sim.methods.count("INVITE") > before


def test_491_is_answered_with_a_new_try_after_the_time_of_rfc_3261_section_14_1() -> None:
    sim = in_session("200;refresher=uac", allow="UPDATE")
    sim.clock.advance(100)
    refused = sim.last("UPDATE")
    sim.respond(491, refused)
    sim.clock.advance(2.05)
    assert sim.last("UPDATE") is refused
    sim.clock.advance(2)
    again = sim.last("UPDATE")
    assert again.cseq == refused.cseq + 1
    sim.respond(200, again, headers={"Session-Expires": "200;refresher=uac"})
    sim.clock.advance(90)
    assert sim.call.state is CallState.ANSWERED


@pytest.mark.parametrize(("allow", "method"), [("UPDATE", "UPDATE"), ("BYE", "INVITE")])
def test_422_to_a_refresh_is_followed_with_the_longer_interval(allow: str, method: str) -> None:
    sim = in_session("100;refresher=uac", allow=allow)
    sim.clock.advance(51)
    sim.respond(422, sim.last(method), headers={"Min-SE": "600"})
    again = sim.last(method)
    assert (again.header("Session-Expires"), again.header("Min-SE")) == ("600;refresher=uac", "600")
    sim.respond(200, again, body=SDP, headers={"Session-Expires": "600;refresher=uac"})
    sim.clock.advance(290)
    assert "BYE" not in sim.methods
    sim.clock.advance(20)
    assert sim.last(method).header("Min-SE") == "600"


def test_422_that_asks_for_nothing_longer_is_not_followed_and_the_session_runs_out() -> None:
    sim = in_session("100;refresher=uac", allow="UPDATE")
    sim.clock.advance(51)
    tries = sim.methods.count("UPDATE")
    sim.respond(422, sim.last("UPDATE"), headers={"Min-SE": "90"})
    assert sim.methods.count("UPDATE") == tries
    sim.clock.advance(20)
    assert sim.methods[-1] == "BYE"


@pytest.mark.parametrize(("allow", "method"), [("UPDATE", "UPDATE"), ("BYE", "INVITE")])
@pytest.mark.parametrize(
    ("code", "asks", "gives"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_challenged_refresh_is_repeated(allow: str, method: str, code: int, asks: str, gives: str) -> None:
    sim = in_session("200;refresher=uac", allow=allow)
    sim.clock.advance(100)
    first = sim.last(method)
    sim.respond(code, first, headers={asks: 'Digest realm="pbx", nonce="n1", qop="auth"'})
    again = sim.last(method)
    assert again.cseq == first.cseq + 1
    assert 'nonce="n1"' in (again.header(gives) or "")
    sim.respond(200, again, body=SDP, headers={"Session-Expires": "200;refresher=uac"})
    if method == "INVITE":  # RFC 3261 section 22.1: the ACK shows the same credentials
        assert sim.last("ACK").header(gives) == again.header(gives)
    sim.clock.advance(90)
    assert sim.call.state is CallState.ANSWERED


def test_peer_that_does_not_take_the_update_it_allowed_gets_a_reinvite() -> None:
    sim = in_session("200;refresher=uac", allow="UPDATE")
    sim.clock.advance(100)
    sim.respond(405, sim.last("UPDATE"))
    assert sim.methods[-1] == "INVITE"


def test_refresh_that_meets_an_overloaded_peer_comes_again_when_asked() -> None:
    sim = in_session("200;refresher=uac", allow="UPDATE")
    sim.clock.advance(100)
    refused = sim.last("UPDATE")
    sim.respond(503, refused, headers={"Retry-After": "20"})
    sim.clock.advance(19)
    assert sim.last("UPDATE") is refused
    sim.clock.advance(2)
    assert sim.last("UPDATE").cseq == refused.cseq + 1


def test_refresh_without_an_answer_ends_the_call() -> None:
    sim = in_session("200;refresher=uac")
    sim.clock.advance(140)
    assert "BYE" in sim.methods


@pytest.mark.parametrize("code", [408, 481])
def test_refresh_that_finds_no_dialog_ends_the_call(code: int) -> None:
    sim = in_session("200;refresher=uac", allow="UPDATE")
    sim.clock.advance(101)
    sim.respond(code, sim.last("UPDATE"))
    assert sim.methods[-1] == "BYE"


def test_silent_peer_that_should_refresh_is_hung_up_on() -> None:
    sim = in_session("90;refresher=uas")
    sim.clock.advance(59)
    assert "BYE" not in sim.methods
    sim.clock.advance(2)
    assert "BYE" in sim.methods


def test_refresh_of_the_peer_begins_the_time_anew() -> None:
    sim = in_session("90;refresher=uas")
    for _ in range(3):
        sim.clock.advance(50)
        sim.request("UPDATE", headers={"Session-Expires": "90;refresher=uac", "Supported": "timer"})
        answer = sim.last("200")
        assert (answer.header("Session-Expires"), answer.header("Require")) == ("90;refresher=uac", "timer")
    assert "BYE" not in sim.methods
    sim.clock.advance(70)
    assert "BYE" in sim.methods


def test_peer_may_leave_the_refreshes_to_us() -> None:
    sim = in_session(None, allow="UPDATE")
    sim.request("UPDATE", headers={"Session-Expires": "100;refresher=uas"})
    sim.clock.advance(51)
    assert sim.methods[-1] == "UPDATE"


def test_too_short_an_interval_of_the_peer_gets_422() -> None:
    sim = in_session(None)
    sim.request("UPDATE", headers={"Session-Expires": "30", "Supported": "timer"})
    assert sim.methods[-1] == "422"
    assert sim.last("422").header("Min-SE") == "90"


def test_422_to_our_invite_is_followed() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(422, headers={"Min-SE": "3600"})
    invite = sim.last("INVITE")
    assert (invite.header("Session-Expires"), invite.header("Min-SE"), invite.cseq) == ("3600", "3600", 2)


def test_ended_call_has_no_session_timer() -> None:
    sim = in_session("200;refresher=uac")
    sim.request("BYE")
    sim.clock.advance(300)
    assert sim.clock.pending == 0


@pytest.mark.parametrize("code", [301, 302, 305])
def test_redirection_is_followed_with_the_same_call_id(code: int) -> None:
    sim = SimulatedCall()
    sim.call.start()
    first = sim.last("INVITE")
    sim.respond(code, headers={"Contact": "<sip:0700@192.0.2.5;user=phone>;q=0.5"})
    second = sim.last("INVITE")
    assert str(second.message.uri) == "sip:0700@192.0.2.5;user=phone"  # type: ignore[union-attr]
    assert (second.call_id, second.from_tag, second.cseq) == (first.call_id, first.from_tag, 2)
    sim.respond(200, second, body=SDP)
    assert sim.call.state is CallState.ANSWERED


@pytest.mark.parametrize(("users", "invites"), [(["0600"] * 10, 1), ([f"u{n}" for n in range(10)], 6)])
def test_redirections_end(users: list[str], invites: int) -> None:
    """In a circle at once, for no target is tried twice (RFC 3261 section 8.1.3.4); from one to the next in the end."""
    sim = SimulatedCall()
    sim.call.start()
    for user in users:
        if sim.call.state is CallState.CALLING:
            sim.respond(302, sim.last("INVITE"), headers={"Contact": f"<sip:{user}@192.0.2.1>"})
    assert sim.methods.count("INVITE") == invites
    assert sim.listener.ending is not None
    assert (sim.listener.ending.by, sim.listener.ending.code) == (EndedBy.REJECTED, 302)


def test_challenge_after_we_gave_up_is_not_answered() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.call.cancel()
    sim.respond(401, headers={"WWW-Authenticate": 'Digest realm="pbx", nonce="n1"'})
    assert sim.methods == ["INVITE", "ACK"]
    assert sim.listener.ending is not None
    assert sim.listener.ending.by is EndedBy.CANCELLED


def test_cancel_after_a_challenge_waits_for_the_new_invite_to_proceed() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(100)
    sim.respond(401, sim.last("INVITE"), headers={"WWW-Authenticate": 'Digest realm="pbx", nonce="n1"'})
    sim.call.cancel()
    assert "CANCEL" not in sim.methods
    sim.respond(100, sim.last("INVITE"))
    assert sim.methods[-1] == "CANCEL"
