"""What the peer asks while the call is up: other audio, hold, refreshes, questions, and nonsense."""

from collections.abc import Callable

from telephony.results import CallResult
from telephony.sip.call import EndedBy

from .scenario import Expect, Outcome, Scenario

OURS = Expect(result=CallResult.ANSWERED, by=EndedBy.LOCAL)
THEIRS = Expect(result=CallResult.ANSWERED, by=EndedBy.REMOTE)
LONG = {"hold_s": 10.0}
PCMU, PCMA = 0, 8


def _asks(method: str, code: int, headers: str = "", pattern: str = "SIP/2.0", name: str = "") -> Scenario:
    values = {
        "method": method,
        "code": str(code),
        "headers": f"\n{headers}" if headers else "",
        "pattern": pattern,
    }
    return Scenario(name=name or f"asked_{method}_{code}", xml="asks", values=values, expect=OURS)


def _offers(
    name: str, direction: str, answer: str, also: Callable[[Outcome], None] | None = None, **values: str
) -> Scenario:
    usual = {"address": "[local_ip]", "port": "${audio_port}", "formats": "8", "before": "0"}
    more = {"extra": f"a={direction}", "pattern": answer}
    return Scenario(name=name, xml="reinvite", values={**usual, **more, **values}, expect=OURS, also=also)


def _refuses(
    name: str, code: int, kind: str = "application/sdp", body: str = "v=0", headers: str = ""
) -> Scenario:
    values = {"code": str(code), "type": kind, "body": body, "headers": f"\n{headers}" if headers else ""}
    return Scenario(name=name, xml="reinvite_refused", values=values, expect=OURS, also=audio_goes_on)


def audio_goes_on(outcome: Outcome) -> None:
    assert outcome.ear.heard[PCMA] >= 12, outcome.story


def audio_rests_on_hold(outcome: Outcome) -> None:
    """Heard for 0.3 s, held for 1 s, heard for 0.3 s."""
    assert 15 <= outcome.ear.heard[PCMA] <= 60, outcome.story


def hardly_any_audio(outcome: Outcome) -> None:
    assert outcome.ear.heard[PCMA] <= 15, outcome.story


def audio_moves(outcome: Outcome) -> None:
    assert outcome.ear.heard[PCMA] >= 3, outcome.story
    assert outcome.other_ear.heard[PCMA] >= 8, outcome.story


def codec_changes(outcome: Outcome) -> None:
    assert outcome.ear.heard[PCMA] >= 3, outcome.story
    assert outcome.ear.heard[PCMU] >= 8, outcome.story


def both_change(outcome: Outcome) -> None:
    assert outcome.other_ear.heard[PCMU] >= 8, outcome.story


SDP_G729 = "\n".join(
    ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 18"]
)
SDP_PCMA = SDP_G729.replace("AVP 18", "AVP 8")
SDP_VIDEO = SDP_PCMA.replace("audio", "video").replace("AVP 8", "AVP 31")

SCENARIOS = [
    Scenario(
        name="hold_and_resume", xml="hold_and_resume", expect=THEIRS, plan=LONG, also=audio_rests_on_hold
    ),
    Scenario(
        name="hold_and_resume_by_update",
        xml="update_hold_and_resume",
        expect=THEIRS,
        plan=LONG,
        also=audio_rests_on_hold,
    ),
    _offers("offer_sendonly", "sendonly", "a=recvonly", hardly_any_audio),
    _offers("offer_inactive", "inactive", "a=inactive", hardly_any_audio),
    _offers("offer_recvonly", "recvonly", "a=sendonly", audio_goes_on),
    _offers("offer_sendrecv", "sendrecv", "a=sendrecv", audio_goes_on),
    _offers("offer_held_the_old_way", "sendrecv", "m=audio", hardly_any_audio, address="0.0.0.0"),
    _offers("offer_another_port", "sendrecv", "m=audio", audio_moves, port="${other_port}", before="150"),
    _offers("offer_another_codec", "sendrecv", "RTP/AVP 0", codec_changes, formats="0", before="150"),
    _offers("offer_with_video", "sendrecv\nm=video 9 RTP/AVP 31", "m=video 0 ", audio_goes_on),
    Scenario(name="offer_by_us", xml="reinvite_offerless", expect=OURS, also=both_change),
    Scenario(
        name="offer_by_us_unanswered",
        xml="reinvite_offerless_unanswered",
        expect=Expect(
            result=CallResult.ANSWERED,
            by=EndedBy.LOCAL,
            code=488,
            reason="answer without usable audio in the ACK",
        ),
        plan=LONG,
    ),
    _refuses("offer_of_another_codec", 488, body=SDP_G729),
    _refuses("offer_of_video", 488, body=SDP_VIDEO),
    _refuses("offer_that_is_no_sdp", 488, body="hello"),
    _refuses("offer_of_another_type", 415, kind="application/isup", body="01 00 49"),
    _refuses("offer_that_requires_100rel", 420, body=SDP_PCMA, headers="Require: 100rel"),
    Scenario(
        name="reinvite_before_the_ack_of_the_last", xml="reinvite_twice", expect=OURS, plan={"hold_s": 1.5}
    ),
    Scenario(
        name="reinvite_never_acknowledged",
        xml="reinvite_unacknowledged",
        expect=Expect(result=CallResult.ANSWERED, by=EndedBy.LOCAL, seconds=(31, 36)),
        plan={"hold_s": 60.0},
    ),
    Scenario(
        name="target_moves_by_reinvite",
        xml="target_moves",
        values={"method": "INVITE", "ack": "${acknowledge}"},
        expect=OURS,
    ),
    Scenario(
        name="target_moves_by_update", xml="target_moves", values={"method": "UPDATE", "ack": ""}, expect=OURS
    ),
    _asks("OPTIONS", 200, pattern="Allow: .*INVITE.*UPDATE"),
    _asks("INFO", 200),
    _asks("UPDATE", 200),
    _asks("MESSAGE", 405, pattern="Allow: .*NOTIFY"),
    _asks("SUBSCRIBE", 405),
    _asks("PUBLISH", 405),
    _asks("REGISTER", 405),
    _asks("REFER", 405, "Refer-To: <sip:evil@example.com>"),
    _asks("PRACK", 405, "RAck: 1 1 INVITE"),
    _asks("FROBNICATE", 501),
    _asks("NOTIFY", 489, "Event: message-summary\nSubscription-State: active", "Allow-Events: refer"),
    _asks("NOTIFY", 481, "Event: refer\nSubscription-State: active"),
    _asks("OPTIONS", 420, "Require: 100rel, timer, frobnication", "Unsupported: 100rel, frobnication"),
    Scenario(name="asked_out_of_order", xml="asks_out_of_order", expect=OURS),
    Scenario(name="asked_out_of_the_dialog", xml="asks_elsewhere", expect=OURS, plan={"hold_s": 1.0}),
    Scenario(name="keys_by_info", xml="presses_keys", expect=OURS),
    Scenario(name="session_refreshed_by_update", xml="session_refreshed_by_update", expect=THEIRS, plan=LONG),
    Scenario(
        name="session_refreshed_by_reinvite", xml="session_refreshed_by_reinvite", expect=THEIRS, plan=LONG
    ),
    Scenario(name="session_refreshed_by_the_peer", xml="session_refreshed_by_peer", expect=THEIRS, plan=LONG),
    Scenario(
        name="session_never_refreshed_by_the_peer",
        xml="session_never_refreshed",
        expect=Expect(result=CallResult.ANSWERED, by=EndedBy.LOCAL, seconds=(1.5, 5)),
        plan=LONG,
    ),
    Scenario(
        name="session_gone_at_the_refresh",
        xml="session_gone",
        expect=Expect(result=CallResult.ANSWERED, by=EndedBy.LOCAL, seconds=(0.5, 5)),
        plan=LONG,
    ),
    Scenario(name="session_interval_too_small", xml="session_interval_too_small", expect=OURS),
    Scenario(
        name="session_refreshes_cross",
        xml="session_glare",
        expect=Expect(result=CallResult.ANSWERED, by=EndedBy.REMOTE, seconds=(16, 25)),
        plan={"hold_s": 60.0},
    ),
]
