"""REFER to the queue and to the IVR, with and without anyone free; hang-ups at every moment."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.patience import PATIENCE

from .desks import DESKS, Desk, desks_config, notified
from .pbx_under_test import PbxUnderTest

MakePbx = Callable[..., PbxUnderTest]
TRYING = "SIP/2.0 100 Trying (active)"
CONNECTED = "SIP/2.0 200 OK (terminated)"


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Desk]]:
    with PbxUnderTest(tmp_path_factory.mktemp("desks"), desks_config()) as pbx:
        yield iter([Desk(pbx, number) for number in range(DESKS)])


@pytest.fixture
def desk(desks: Iterator[Desk]) -> Desk:
    return next(desks)


def test_a_free_agent_takes_the_customer(desk: Desk) -> None:
    phone = desk.pbx.phone()
    call = desk.transferred(phone)
    assert [notified(phone), notified(phone)] == [TRYING, CONNECTED]
    assert phone.bye(call) == 200
    line = desk.pbx.logged(call_id=call.call_id)
    transfer = (line["transferred_to"], line["transfer_result"], line["agent"])
    assert transfer == (desk.pilot, "connected", desk.agent)
    desk.wait_for("FREE")
    assert desk.agent_states() == ["BUSY", "WRAP_UP", "FREE"]
    at = [line["at"] for line in desk.agent_log()]
    assert 480 <= at[1] - at[0] <= 1500  # 100 ms ringing, 400 ms talking
    assert 380 <= at[2] - at[1] <= 1500  # wrap-up
    assert line["transfer_at"] <= at[0] <= line["transfer_at"] + 50


def test_without_a_free_agent_the_caller_waits(desk: Desk) -> None:
    first, second = desk.pbx.phone("6001"), desk.pbx.phone("6002")
    call = desk.transferred(first)
    assert [notified(first), notified(first)] == [TRYING, CONNECTED]
    waiting = desk.transferred(second)
    assert notified(second) == TRYING
    assert first.bye(call) == 200
    assert desk.load() == (1, 0)
    assert notified(second) == CONNECTED
    assert desk.load() == (0, 0)
    assert second.bye(waiting) == 200
    desk.wait_for("FREE")
    assert desk.agent_states() == ["BUSY", "WRAP_UP", "FREE", "BUSY", "WRAP_UP", "FREE"]


def test_a_caller_who_waits_too_long_is_given_back(make_pbx: MakePbx) -> None:
    pbx = make_pbx(queues={"sales": {"agents": 0, "max_wait_s": 0.2}})
    phone = pbx.phone()
    call = phone.dial("0600000010")
    assert phone.refer(call, "7000") == 202
    assert [notified(phone), notified(phone)] == [TRYING, "SIP/2.0 480 Temporarily Unavailable (terminated)"]
    assert phone.listen(0.1)  # the customer is back on the line
    assert phone.bye(call) == 200


def test_the_customer_stays_in_the_queue_when_the_dialer_hangs_up_after_the_202(desk: Desk) -> None:
    phone = desk.pbx.phone()
    call = desk.transferred(phone)
    assert phone.bye(call) == 200
    assert desk.pbx.logged(call_id=call.call_id)["transfer_result"] == "waiting"
    connected = desk.pbx.logged("transfer", call_id=call.call_id, result="connected")
    assert (connected["agent"], connected["target"]) == (desk.agent, desk.pilot)
    desk.pbx.logged("transfer", call_id=call.call_id, result="released")


def test_the_pbx_hangs_up_the_dialers_leg_when_no_bye_comes(desk: Desk) -> None:
    """DESIGN 5: Asterisk does it after 60 s; here after 0.6 s."""
    phone = desk.pbx.phone()
    started = time.monotonic()
    call = desk.transferred(phone)
    assert [notified(phone), notified(phone)] == [TRYING, CONNECTED]
    told = time.monotonic()
    phone.incoming("BYE")
    assert time.monotonic() - started >= 0.6
    assert time.monotonic() - told <= 1.5
    assert desk.pbx.logged(call_id=call.call_id)["ended_by"] == "pbx"


def test_the_ivr_takes_as_many_calls_as_it_has_channels(desk: Desk) -> None:
    first, second = desk.pbx.phone("6001"), desk.pbx.phone("6002")
    refused = second.dial(desk.customer)
    call = desk.transferred(first, desk.ivr_pilot)
    assert [notified(first), notified(first)] == [TRYING, CONNECTED]
    assert desk.load() == (0, 1)
    assert second.refer(refused, desk.ivr_pilot) == 202
    assert [notified(second), notified(second)] == [TRYING, "SIP/2.0 486 Busy Here (terminated)"]
    assert first.bye(call) == 200  # the customer talks on to the IVR
    deadline = time.monotonic() + PATIENCE
    while desk.load() != (0, 0):
        assert time.monotonic() < deadline
    # The refused customer is still on the line, and can be transferred again.
    assert second.refer(refused, desk.ivr_pilot) == 202
    assert [notified(second), notified(second)] == [TRYING, CONNECTED]
    assert second.bye(refused) == 200


def test_an_unknown_target_is_notified_404(desk: Desk) -> None:
    phone = desk.pbx.phone()
    call = desk.transferred(phone, "7999")
    assert [notified(phone), notified(phone)] == [TRYING, "SIP/2.0 404 Not Found (terminated)"]
    assert phone.bye(call) == 200
    assert desk.pbx.logged(call_id=call.call_id)["transfer_result"] == "404"


def test_transfers_that_are_refused_at_once(make_pbx: MakePbx) -> None:
    pbx = make_pbx(refused_targets={"7998": 603})
    phone = pbx.phone()
    call = phone.dial("0600000010")
    assert phone.refer(call, "7998") == 603
    phone.request(call, "REFER")
    assert phone.final("REFER").code == 400
    assert phone.refer(call, "7000") == 202
    assert phone.refer(call, "7000") == 603  # they have left already
    ringing = phone.invite("0600000014")
    phone.response("INVITE")
    ringing.to_header = phone.response("INVITE").header("To")
    assert phone.refer(ringing, "7000") == 603


def test_asterisk_sends_both_notifies_at_the_end_and_404_at_once(make_pbx: MakePbx) -> None:
    pbx = make_pbx(behaviour="asterisk")
    phone = pbx.phone()
    call = phone.dial("0600000010")
    assert phone.refer(call, "7999") == 404
    assert phone.refer(call, "7000") == 202
    assert phone.silent_for(0.07)
    assert notified(phone) == TRYING
    started = time.monotonic()
    assert notified(phone) == CONNECTED
    assert time.monotonic() - started < 0.05


def test_a_notify_is_repeated_until_it_is_answered(desk: Desk) -> None:
    phone = desk.pbx.phone()
    call = phone.dial(desk.customer)
    assert phone.refer(call, "7999") == 202
    heard = [phone.incoming("NOTIFY", answer=0) for _ in range(4)]
    assert len({message.header("CSeq") for message in heard}) == 2
    for message in heard[-2:]:
        phone.answer(message)
    phone.bye(call)


def test_a_notify_refused_with_481_is_tolerated(desk: Desk) -> None:
    phone = desk.pbx.phone()
    call = desk.transferred(phone)
    for _ in range(2):
        phone.incoming("NOTIFY", answer=481)
    assert phone.bye(call) == 200
    assert desk.pbx.logged("transfer", call_id=call.call_id, result="connected")["agent"] == desk.agent


@pytest.mark.parametrize("moment", ["ringing", "talking", "waiting", "agent ringing", "agent talking"])
def test_a_customer_may_hang_up_at_every_moment(desk: Desk, moment: str) -> None:
    phone, feed = desk.pbx.phone(), desk.pbx.feed
    if moment == "ringing":
        call = phone.invite("0600000014")
        phone.response("INVITE")
    elif moment == "talking":
        call = phone.dial(desk.customer)
    else:
        if moment == "waiting":
            feed.command("pause", agent=desk.agent)
        call = desk.transferred(phone)
        assert notified(phone) == TRYING
    if moment == "agent talking":
        assert notified(phone) == CONNECTED
    assert feed.command("drop_customer", call_id=call.call_id)["ok"]
    if moment == "ringing":
        assert phone.follow(call).code == 480
    elif moment in ("waiting", "agent ringing"):
        assert notified(phone) == "SIP/2.0 487 Request Terminated (terminated)"
    if moment != "ringing":
        phone.incoming("BYE", timeout=2.0)
    desk.pbx.logged(call_id=call.call_id)
    assert desk.load() == (0, 0)
    if moment == "agent ringing":
        assert desk.agent_states() == ["BUSY", "FREE"]  # no conversation, no wrap-up
    if moment == "agent talking":
        desk.wait_for("FREE")
        assert desk.agent_states() == ["BUSY", "WRAP_UP", "FREE"]


def test_a_paused_agent_gets_no_call_until_the_break_is_over(desk: Desk) -> None:
    phone, feed = desk.pbx.phone(), desk.pbx.feed
    assert feed.command("pause", agent=desk.agent)["ok"]
    call = desk.transferred(phone)
    assert notified(phone) == TRYING
    assert phone.silent_for(0.3)
    feed.command("unpause", agent=desk.agent)
    assert notified(phone) == CONNECTED
    feed.command("sign_out", agent=desk.agent)  # takes effect when the call is over
    phone.bye(call)
    desk.wait_for("SIGNED_OUT")
    assert desk.agent_states() == ["PAUSED", "FREE", "BUSY", "SIGNED_OUT"]


def test_after_all_of_it_nothing_is_left_over(desk: Desk) -> None:
    feed = desk.pbx.feed
    deadline = time.monotonic() + PATIENCE
    while (stats := feed.stats())["calls_up"] or stats["streams"]:
        assert time.monotonic() < deadline, stats
        time.sleep(0.05)


def test_the_log_tells_from_the_free_agent_to_the_invite(desk: Desk) -> None:
    """Agent events and calls have one clock: that is what the pacing's latency is measured with."""
    phone = desk.pbx.phone()
    transferred = desk.transferred(phone)
    phone.bye(transferred)
    desk.wait_for("FREE")
    call = phone.dial("0600000012")
    free_at = desk.agent_log()[-1]["at"]
    assert 0 <= desk.pbx.logged(call_id=call.call_id)["invite_at"] - free_at <= 500
