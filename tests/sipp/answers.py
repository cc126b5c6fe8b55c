"""Calls that are answered: in every order, and in every form that RFC 3261 allows."""

from dataclasses import replace

from telephony.results import CallResult
from telephony.sip.call import EndedBy

from .network import Faults
from .scenario import Expect, Outcome, Scenario

ANSWERED = Expect(result=CallResult.ANSWERED, by=EndedBy.LOCAL)
CANCELLED = Expect(result=CallResult.FAILED, by=EndedBy.CANCELLED, code=487)
NO_AUDIO = Expect(result=CallResult.UNKNOWN, by=EndedBy.LOCAL, code=488, reason="answer without usable audio")


def hears_silence(outcome: Outcome) -> None:
    """We send 50 packets a second from the answer to the end of the call, however long that took."""
    report = outcome.report
    assert report.duration_ms is not None
    assert report.answered_ms is not None
    due = (report.duration_ms - report.answered_ms) / 20
    assert 15 <= outcome.ear.heard[8] <= 1.1 * due + 2, (outcome.ear.heard, due)


def _provisional(name: str, first: str, second: str) -> Scenario:
    values = {"first": first, "second": second}
    return Scenario(name=name, expect=ANSWERED, xml="answer_after_two", values=values, also=hears_silence)


SCENARIOS = [
    _provisional("100_180_200", "100 Trying", "180 Ringing"),
    _provisional("100_183_200", "100 Trying", "183 Session Progress"),
    _provisional("180_180_200", "180 Ringing", "180 Ringing"),
    _provisional("181_182_200", "181 Call Is Being Forwarded", "182 Queued"),
    _provisional("199_is_a_provisional_like_any", "180 Ringing", "199 Early Dialog Terminated"),
    Scenario(name="answered_at_once", xml="answer_at_once", expect=ANSWERED, ours="INVITE, ACK, BYE"),
    Scenario(name="answered_at_once_tcp", xml="answer_at_once", expect=ANSWERED, transport="tcp"),
    Scenario(
        name="200_repeated_though_acknowledged",
        xml="answer_at_once",
        expect=ANSWERED,
        faults=Faults(repeat={"< 200 INVITE": 3}),
        ours="INVITE, ACK, ACK, ACK, BYE",
    ),
    Scenario(
        name="forked_second_200_is_acknowledged_and_hung_up",
        xml="answer_forked",
        expect=ANSWERED,
        ours="INVITE, ACK, ACK, BYE, BYE",
    ),
    Scenario(name="record_route", xml="answer_record_route", expect=ANSWERED),
    Scenario(name="record_route_of_a_strict_router", xml="answer_strict_router", expect=ANSWERED),
    Scenario(name="contact_of_the_200_counts", xml="answer_contact", expect=ANSWERED),
    Scenario(name="odd_but_legal_headers", xml="answer_odd_headers", expect=ANSWERED),
    Scenario(name="compact_headers", xml="answer_compact", expect=ANSWERED),
    Scenario(
        name="folded_headers", xml="answer_folded", expect=ANSWERED, sipp_options=("-key", "fold", "\r\n \t")
    ),
    Scenario(name="large_answer", xml="answer_large", expect=ANSWERED, values={"padding": "x" * 1400}),
    Scenario(
        name="large_answer_tcp",
        xml="answer_large",
        expect=ANSWERED,
        values={"padding": "x" * 1400},
        transport="tcp",
    ),
    Scenario(name="sdp_in_the_183_alone", xml="answer_sdp_in_183", expect=ANSWERED, also=hears_silence),
    Scenario(name="200_without_sdp", xml="answer_without_sdp", expect=NO_AUDIO, ours="INVITE, ACK, BYE"),
    Scenario(name="200_with_another_codec", xml="answer_media", values={"media": "AVP 18"}, expect=NO_AUDIO),
    Scenario(
        name="200_with_srtp",
        xml="answer_media",
        values={"media": "SAVP 8"},
        expect=replace(NO_AUDIO, reason="the answer is encrypted with no key of ours"),
    ),
    Scenario(
        name="provisional_response_sent_reliably",
        xml="reliable_provisional",
        expect=ANSWERED,
        ours="INVITE, PRACK, ACK, BYE",
        also=hears_silence,
    ),
    Scenario(
        name="peer_that_wants_provisional_responses_confirmed",
        xml="reliable_required",
        expect=ANSWERED,
        ours="INVITE, ACK, INVITE, PRACK, ACK, BYE",
    ),
    Scenario(
        name="ring_timeout",
        xml="cancelled",
        expect=CANCELLED,
        plan={"ring_timeout_s": 0.3},
        ours="INVITE, CANCEL, ACK",
    ),
    Scenario(
        name="ring_timeout_tcp",
        xml="cancelled",
        expect=CANCELLED,
        plan={"ring_timeout_s": 0.3},
        transport="tcp",
    ),
    Scenario(
        name="cancel_waits_for_the_first_provisional",
        xml="cancelled_before_100",
        expect=CANCELLED,
        plan={"ring_timeout_s": 0.1},
        ours="INVITE, CANCEL, ACK",
    ),
    Scenario(
        name="200_crosses_our_cancel",
        xml="cancel_late_200",
        expect=Expect(result=CallResult.FAILED, by=EndedBy.CANCELLED),
        plan={"ring_timeout_s": 0.3},
        ours="INVITE, CANCEL, ACK, BYE",
    ),
    Scenario(
        name="200_before_the_answer_to_our_cancel",
        xml="cancel_200_first",
        expect=Expect(result=CallResult.FAILED, by=EndedBy.CANCELLED),
        plan={"ring_timeout_s": 0.3},
        ours="INVITE, CANCEL, ACK, BYE",
    ),
    Scenario(
        name="busy_crosses_our_cancel",
        xml="cancel_busy",
        expect=Expect(result=CallResult.BUSY, by=EndedBy.REJECTED, code=486),
        plan={"ring_timeout_s": 0.3},
    ),
    Scenario(
        name="stop_while_it_rings",
        xml="cancelled",
        expect=Expect(result=CallResult.FAILED, by=EndedBy.CANCELLED, code=487, reason="stopped"),
        stop_after=0.3,
    ),
    Scenario(
        name="100_then_silence",
        xml="silent_after",
        values={"status": "100 Trying"},
        expect=Expect(
            result=CallResult.FAILED,
            by=EndedBy.CANCELLED,
            code=None,
            reason="no response to our CANCEL",
            seconds=(32, 36),
        ),
        plan={"ring_timeout_s": 0.5},
    ),
    Scenario(
        name="180_then_silence",
        xml="silent_after",
        values={"status": "180 Ringing"},
        expect=Expect(
            result=CallResult.FAILED,
            by=EndedBy.CANCELLED,
            code=None,
            reason="no response to our CANCEL",
            seconds=(32, 36),
        ),
        plan={"ring_timeout_s": 0.5},
    ),
    Scenario(
        name="cancel_answered_but_the_invite_never",
        xml="cancel_no_487",
        expect=Expect(
            result=CallResult.FAILED,
            by=EndedBy.CANCELLED,
            code=None,
            reason="no response to our CANCEL",
            seconds=(32, 36),
        ),
        plan={"ring_timeout_s": 0.5},
    ),
    Scenario(
        name="no_answer_at_all",
        xml="silent",
        expect=Expect(
            result=CallResult.SERVICE_TEMPORARY_UNAVAILABLE,
            by=EndedBy.TIMEOUT,
            code=None,
            seconds=(31, 35),
        ),
        plan={"ring_timeout_s": 60.0},
        ours="INVITE, INVITE, INVITE, INVITE, INVITE, INVITE, INVITE",
    ),
    Scenario(
        name="no_answer_at_all_and_we_gave_up",
        xml="silent",
        expect=Expect(
            result=CallResult.SERVICE_TEMPORARY_UNAVAILABLE,
            by=EndedBy.TIMEOUT,
            code=None,
            seconds=(31, 35),
        ),
        plan={"ring_timeout_s": 0.5},
    ),
    Scenario(name="slow_network", xml="answer_at_once", expect=ANSWERED, faults=Faults(lag=0.4)),
    Scenario(
        name="everything_arrives_twice", xml="answer_at_once", expect=ANSWERED, faults=Faults(twice=True)
    ),
    Scenario(
        name="invite_lost", xml="answer_at_once", expect=ANSWERED, faults=Faults(lose=("> INVITE",) * 2)
    ),
    Scenario(
        name="answer_lost", xml="answer_at_once", expect=ANSWERED, faults=Faults(lose=("< 200 INVITE",) * 2)
    ),
    Scenario(
        name="ack_lost",
        xml="answer_at_once",
        expect=ANSWERED,
        faults=Faults(lose=("> ACK",)),
        ours="INVITE, ACK, ACK, BYE",
        plan={"hold_s": 1.5},
    ),
    Scenario(name="bye_lost", xml="answer_at_once", expect=ANSWERED, faults=Faults(lose=("> BYE",))),
]
