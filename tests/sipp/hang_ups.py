"""The end of a call at every moment, by either side, and audio that comes early, stops, or has nowhere to go."""

from telephony.results import CallResult
from telephony.sip.call import EndedBy

from .network import Faults
from .scenario import Expect, Outcome, Scenario

OURS = Expect(result=CallResult.ANSWERED, by=EndedBy.LOCAL)
THEIRS = Expect(result=CallResult.ANSWERED, by=EndedBy.REMOTE)
TOO_SOON = Expect(result=CallResult.FAILED, by=EndedBy.REMOTE, reason="hung up before the transfer")
TO_PILOT = {"transfer_to": "7000", "hold_s": 2.0}


def _told(name: str, header: str, cause: int | None, reason: str | None) -> Scenario:
    expect = Expect(result=CallResult.ANSWERED, by=EndedBy.REMOTE, cause=cause, reason=reason)
    return Scenario(
        name=name, xml="bye_later", values={"reason": header}, expect=expect, plan={"hold_s": 5.0}
    )


def _answers_bye(status: str) -> Scenario:
    return Scenario(
        name=f"bye_answered_{status[:3]}", xml="bye_answered", values={"status": status}, expect=OURS
    )


def some_early(outcome: Outcome) -> None:
    assert 5 <= outcome.report.early_media_frames <= 40, outcome.story


def some_of_both(outcome: Outcome) -> None:
    some_early(outcome)
    assert 5 <= outcome.report.audio_frames <= 40, outcome.story


def some_audio(outcome: Outcome) -> None:
    assert outcome.report.audio_frames >= 10, outcome.story


def not_all_the_time(outcome: Outcome) -> None:
    assert 10 <= outcome.report.audio_frames <= 50, outcome.story


SCENARIOS = [
    Scenario(
        name="bye_before_the_ack",
        xml="bye_before_ack",
        expect=TOO_SOON,
        plan=TO_PILOT,
        faults=Faults(delay={"> ACK": 0.2}),
    ),
    Scenario(
        name="bye_overtakes_the_200",
        xml="bye_overtakes",
        expect=THEIRS,
        faults=Faults(delay={"< 200 INVITE": 0.2}),
    ),
    Scenario(name="bye_at_once", xml="bye_at_once", expect=TOO_SOON, plan=TO_PILOT),
    Scenario(name="bye_comes_twice", xml="bye_twice", expect=THEIRS),
    Scenario(
        name="answer_to_the_peers_bye_lost",
        xml="bye_at_once",
        expect=THEIRS,
        faults=Faults(lose=("> 200 BYE",)),
    ),
    _told("bye_with_cause", 'Q.850;cause=16;text="Normal call clearing"', 16, "Normal call clearing"),
    _told(
        "bye_with_sip_reason",
        'SIP;cause=200;text="Call completed elsewhere"',
        None,
        "Call completed elsewhere",
    ),
    Scenario(name="byes_cross", xml="bye_crosses_ours", expect=OURS),
    Scenario(name="byes_cross_tcp", xml="bye_crosses_ours", expect=OURS, transport="tcp"),
    *(
        _answers_bye(status)
        for status in ("200 OK", "481 No Dialog", "500 Error", "408 Timeout", "403 Forbidden")
    ),
    Scenario(name="bye_challenged", xml="bye_challenged", expect=OURS),
    Scenario(name="bye_answer_lost", xml="answer_at_once", expect=OURS, faults=Faults(lose=("< 200 BYE",))),
    Scenario(name="bye_never_answered", xml="bye_unanswered", expect=OURS),
    Scenario(name="peer_gone_after_the_answer", xml="gone_after_answer", expect=OURS),
    Scenario(name="peer_gone_after_the_answer_tcp", xml="gone_after_answer", expect=OURS, transport="tcp"),
    Scenario(
        name="peer_gone_before_the_transfer",
        xml="gone_after_answer",
        expect=Expect(result=CallResult.FAILED, by=EndedBy.LOCAL, transfer=(None, None)),
        plan={"transfer_to": "7000", "hold_s": 0.5, "transfer_timeout_s": 1.0},
    ),
    Scenario(name="early_media", xml="early_media", expect=OURS, also=some_of_both),
    Scenario(
        name="early_media_then_busy",
        xml="early_media_then_rejected",
        expect=Expect(result=CallResult.BUSY, by=EndedBy.REJECTED, code=486),
        also=some_early,
    ),
    Scenario(
        name="early_media_until_we_give_up",
        xml="early_media_until_cancel",
        expect=Expect(result=CallResult.FAILED, by=EndedBy.CANCELLED, code=487),
        plan={"ring_timeout_s": 0.6},
        also=some_early,
    ),
    Scenario(name="audio_stops", xml="media_stops", expect=OURS, plan={"hold_s": 2.0}, also=not_all_the_time),
    Scenario(
        name="audio_has_nowhere_to_go",
        xml="answer_at_once",
        values={"audio_port": "9"},
        expect=OURS,
        plan={"hold_s": 1.0},
    ),
    Scenario(
        name="strangers_send_mutated_messages",
        xml="media_stops",
        expect=OURS,
        plan={"hold_s": 3.0},
        hostile_packets=3000,
        needs_good_end=False,  # sipp gets the ACKs of forged answers too
        also=some_audio,
    ),
]
