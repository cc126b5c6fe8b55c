"""What a call leaves behind: late answers and late requests, after the call itself is gone."""

from sipmessage import Request

from telephony.sip.call import CallState, OutboundCall
from telephony.sip.ended_call import EndedCall
from telephony.sip.message import serialize
from telephony.sip.running_transaction import ServerTransaction

from .simulated_peer import PEER, SDP, SimulatedCall


def ended(sim: SimulatedCall) -> EndedCall:
    """The call is hung up, and then forgotten but for what it leaves."""
    sim.call.hang_up()
    sim.respond(200)
    return left(sim, sim.call)


def left(sim: SimulatedCall, call: OutboundCall) -> EndedCall:
    gone = call.leave_behind()

    def on_request(transaction: ServerTransaction) -> None:
        gone.on_request(transaction) if gone.matches(transaction.request) else transaction.reply(482)

    sim.layer._on_request = on_request
    return gone


def test_a_repeated_200_gets_the_same_ack_again() -> None:
    sim = SimulatedCall()
    sim.answer()
    before = sim.last("ACK").message
    ended(sim)
    sim.respond(200, sim.last("INVITE"), body=SDP)
    assert sim.methods == ["INVITE", "ACK", "BYE", "ACK"]
    assert serialize(sim.last("ACK").message) == serialize(before)


def test_a_branch_that_answers_late_is_acknowledged_and_hung_up() -> None:
    sim = SimulatedCall()
    sim.answer()
    ended(sim)
    sim.respond(200, sim.last("INVITE"), body=SDP, tag="late")
    sim.respond(200, sim.last("INVITE"), body=SDP, tag="late")
    assert sim.methods == ["INVITE", "ACK", "BYE", "ACK", "BYE", "ACK"]
    assert sim.last("BYE").to_tag == "late"


def test_a_crossing_bye_is_answered_and_everything_else_refused() -> None:
    sim = SimulatedCall()
    sim.answer()
    ended(sim)
    for method in ("BYE", "NOTIFY", "INVITE"):
        sim.request(method)
    assert sim.methods[3:] == ["200", "481", "481"]
    sim.request("OPTIONS", tag="stranger")
    assert sim.methods[-1] == "482"


def test_a_repeated_rejection_is_acknowledged_again_and_nothing_stays() -> None:
    sim = SimulatedCall()
    sim.call.start()
    invite = sim.last("INVITE")
    sim.respond(603, invite)
    gone = left(sim, sim.call)
    sim.respond(603, invite)
    assert sim.methods == ["INVITE", "ACK", "ACK"]
    acks = [e for e, _ in sim.wire.sent if isinstance(e.message, Request) and e.method == "ACK"]
    assert acks[0].branch == acks[1].branch == invite.branch
    assert not gone.matches(invite)
    sim.clock.advance(40)
    assert sim.layer.open_transactions == 0
    assert sim.wire.sent[-1][1] == PEER


def test_an_invite_that_nobody_ever_answers_is_forgotten_in_the_end() -> None:
    sim = SimulatedCall()
    sim.call.start()
    sim.respond(180)
    sim.call.cancel()
    sim.respond(200, sim.last("CANCEL"))
    sim.clock.advance(40)
    assert sim.call.state is CallState.ENDED
    assert sim.layer.open_transactions == 1  # a late 200 would still be hung up
    left(sim, sim.call).close()
    assert sim.layer.open_transactions == 0
