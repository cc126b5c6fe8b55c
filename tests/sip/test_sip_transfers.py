"""REFER and its NOTIFYs, in every order: RFC 3515, RFC 3892."""

from telephony.sip.call import CallState
from telephony.sip.transfer import TransferState

from .simulated_peer import SimulatedCall

CHALLENGE = {"WWW-Authenticate": 'Digest realm="pbx", nonce="n1", qop="auth,auth-int", algorithm=MD5'}


def test_transfer_with_both_notifies_in_one_burst() -> None:
    sim = SimulatedCall()
    sim.answer()
    transfer = sim.call.refer("7000")
    refer = sim.last("REFER")
    assert refer.header("Refer-To") == "<sip:7000@192.0.2.1>"
    assert refer.header("Referred-By") == "<sip:6001@192.0.2.1>"
    sim.respond(202, refer)
    sim.notify("100 Trying")
    sim.notify("200 OK", "terminated;reason=noresource")
    assert transfer.state is TransferState.SUCCEEDED
    assert (transfer.accepted_code, transfer.final_code) == (202, 200)


def test_notify_may_come_before_the_202() -> None:
    sim = SimulatedCall()
    sim.answer()
    transfer = sim.call.refer("7000")
    refer = sim.last("REFER")
    sim.notify("200 OK", "terminated")
    assert transfer.state is TransferState.SUCCEEDED
    sim.respond(202, refer)
    assert (transfer.accepted_code, transfer.final_code) == (202, 200)


def test_refused_and_failed_transfers() -> None:
    sim = SimulatedCall()
    sim.answer()
    refused = sim.call.refer("7000")
    sim.respond(603, sim.last("REFER"))
    assert (refused.state, refused.accepted_code) == (TransferState.FAILED, 603)
    failed = sim.call.refer("7001")
    sim.respond(202, sim.last("REFER"))
    sim.notify("486 Busy Here", "terminated")
    assert (failed.state, failed.final_code) == (TransferState.FAILED, 486)
    assert sim.call.state is CallState.ANSWERED


def test_a_late_notify_tells_of_the_refer_it_names() -> None:
    sim = SimulatedCall()
    sim.answer()
    first = sim.call.refer("7000")
    named = sim.last("REFER").cseq
    sim.respond(202, sim.last("REFER"))
    second = sim.call.refer("7000")
    sim.respond(202, sim.last("REFER"))
    headers = {"Content-Type": "message/sipfrag", "Subscription-State": "terminated"}
    sim.request("NOTIFY", body=b"SIP/2.0 400 Bad Request", headers={**headers, "Event": f"refer;id={named}"})
    assert (first.state, second.state) == (TransferState.FAILED, TransferState.ACCEPTED)
    sim.request("NOTIFY", body=b"SIP/2.0 200 OK", headers={**headers, "Event": "refer"})
    assert second.state is TransferState.SUCCEEDED


def test_peer_that_hangs_up_right_after_the_202() -> None:
    sim = SimulatedCall()
    sim.answer()
    transfer = sim.call.refer("7000")
    sim.respond(202, sim.last("REFER"))
    sim.request("BYE")
    assert transfer.state is TransferState.ACCEPTED
    sim.notify("200 OK", "terminated")  # the subscription outlives the call
    assert sim.methods[-1] == "200"
    assert sim.listener.events[-1] == "transfer succeeded"


def test_challenged_refer_is_repeated() -> None:
    sim = SimulatedCall()
    sim.answer()
    sim.call.refer("7000")
    sim.respond(407, sim.last("REFER"), headers={"Proxy-Authenticate": 'Digest realm="p", nonce="x"'})
    assert sim.methods.count("REFER") == 2
    assert sim.last("REFER").header("Proxy-Authorization")
