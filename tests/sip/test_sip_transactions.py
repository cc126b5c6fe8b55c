"""The four transactions, timer by timer: RFC 3261 section 17, RFC 6026."""

from sipmessage import URI, Request, Response

from telephony.sip.transaction import (
    Deliver,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Send,
    SendAck,
    StartTimer,
    State,
    StopTimer,
    Terminated,
    TimedOut,
)

REQUEST = Request("INVITE", URI("sip", "h"))
TRYING, RINGING, OK, BUSY = (Response(code, "") for code in (100, 180, 200, 486))


def test_invite_client_retransmits_with_doubling_intervals_and_gives_up_at_b() -> None:
    transaction = InviteClient(reliable=False)
    assert transaction.start(REQUEST) == [Send(REQUEST), StartTimer("B", 32.0), StartTimer("A", 0.5)]
    assert transaction.expire("A") == [Send(REQUEST), StartTimer("A", 1.0)]
    assert transaction.expire("A") == [Send(REQUEST), StartTimer("A", 2.0)]
    assert transaction.expire("B") == [TimedOut(), Terminated()]


def test_invite_client_over_tcp_has_no_timer_a() -> None:
    assert InviteClient(reliable=True).start(REQUEST) == [Send(REQUEST), StartTimer("B", 32.0)]


def test_provisional_response_stops_the_timers() -> None:
    transaction = InviteClient(reliable=False)
    transaction.start(REQUEST)
    assert transaction.receive(TRYING) == [StopTimer("A"), StopTimer("B"), Deliver(TRYING)]
    assert transaction.receive(RINGING) == [Deliver(RINGING)]
    assert transaction.expire("A") == []
    assert transaction.expire("B") == []


def test_every_2xx_goes_up_for_32_s() -> None:
    transaction = InviteClient(reliable=False)
    transaction.start(REQUEST)
    assert transaction.receive(OK)[2:] == [StartTimer("M", 32.0), Deliver(OK)]
    assert transaction.receive(OK) == [Deliver(OK)]
    assert transaction.receive(BUSY) == []
    assert transaction.expire("M") == [Terminated()]


def test_rejection_is_acknowledged_each_time_and_told_once() -> None:
    transaction = InviteClient(reliable=False)
    transaction.start(REQUEST)
    assert transaction.receive(BUSY)[2:] == [SendAck(BUSY), Deliver(BUSY), StartTimer("D", 32.0)]
    assert transaction.receive(BUSY) == [SendAck(BUSY)]
    assert transaction.receive(OK) == []
    assert transaction.expire("D") == [Terminated()]


def test_non_invite_client_slows_down_to_t2() -> None:
    transaction = NonInviteClient(reliable=False)
    assert transaction.start(REQUEST) == [Send(REQUEST), StartTimer("F", 32.0), StartTimer("E", 0.5)]
    intervals = [transaction.expire("E")[1] for _ in range(4)]
    assert intervals == [StartTimer("E", seconds) for seconds in (1.0, 2.0, 4.0, 4.0)]
    transaction.receive(TRYING)
    assert transaction.expire("E") == [Send(REQUEST), StartTimer("E", 4.0)]
    assert transaction.expire("F") == [TimedOut(), Terminated()]


def test_non_invite_client_absorbs_repeated_answers_until_k() -> None:
    transaction = NonInviteClient(reliable=False)
    transaction.start(REQUEST)
    assert transaction.receive(OK) == [StopTimer("E"), StopTimer("F"), Deliver(OK), StartTimer("K", 5.0)]
    assert transaction.receive(OK) == []
    assert transaction.expire("K") == [Terminated()]


def test_invite_server_repeats_its_rejection_until_the_ack() -> None:
    transaction = InviteServer(reliable=False)
    assert transaction.respond(BUSY) == [Send(BUSY), StartTimer("H", 32.0), StartTimer("G", 0.5)]
    assert transaction.expire("G") == [Send(BUSY), StartTimer("G", 1.0)]
    assert transaction.receive_retransmission() == [Send(BUSY)]
    assert transaction.receive_ack() == [StopTimer("G"), StopTimer("H"), StartTimer("I", 5.0)]
    assert transaction.expire("G") == []
    assert transaction.expire("I") == [Terminated()]


def test_invite_server_repeats_its_200_and_reports_a_missing_ack() -> None:
    transaction = InviteServer(reliable=True)
    assert transaction.respond(OK) == [Send(OK), StartTimer("2XX", 0.5), StartTimer("L", 32.0)]
    assert transaction.expire("2XX") == [Send(OK), StartTimer("2XX", 1.0)]
    assert transaction.receive_retransmission() == []
    assert transaction.expire("L") == [StopTimer("2XX"), TimedOut(), Terminated()]


def test_acknowledged_200_is_not_repeated() -> None:
    transaction = InviteServer(reliable=False)
    transaction.respond(OK)
    assert transaction.receive_ack() == [StopTimer("2XX")]
    assert transaction.expire("L") == [StopTimer("2XX"), Terminated()]


def test_non_invite_server_repeats_its_answer() -> None:
    transaction = NonInviteServer(reliable=False)
    assert transaction.receive_retransmission() == []
    assert transaction.respond(OK) == [Send(OK), StartTimer("J", 32.0)]
    assert transaction.receive_retransmission() == [Send(OK)]
    assert transaction.respond(BUSY) == []
    assert transaction.expire("J") == [Terminated()]
    assert transaction.state is State.TERMINATED
