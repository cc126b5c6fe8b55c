"""The reader of Asterisk's SIP log, on lines as Asterisk 22 writes them."""

from pathlib import Path

from tests.pbx_lab import sip_log

_LINE = (
    "[2026-11-23 08:15:{at}] VERBOSE[16706] res_pjsip_logger.c: <--- {way} SIP {kind} (344 bytes) {to} UDP:127.0.0.1:44916"
    " --->\n{first}\nVia: SIP/2.0/UDP 127.0.0.1:44916;rport;branch=z9hG4bK{branch}\n"
    'From: "port1" <sip:{user}@127.0.0.1>;tag=a\nTo: <sip:0600000010@127.0.0.1>\nCall-ID: {call}\n'
    "CSeq: {number} {method}\nContent-Length: 4\n\nv=0\nCSeq: 9 NOTIFY\n\n"
    "[2026-11-23 08:15:59.000] VERBOSE[1][C-1] pbx.c: Executing [0600000010@from-dialer:1]\n"
)


def _said(
    at: str, first: str, number: int, method: str, *, branch: str = "x", user: str = "6001", call: str = "one"
) -> str:
    is_answer = first.startswith("SIP/")
    is_received = is_answer == (method == "NOTIFY")
    way, to = ("Received", "from") if is_received else ("Transmitting", "to")
    kind = "response" if is_answer else "request"
    return _LINE.format(**locals())


def _ask(method: str) -> str:
    return f"{method} sip:0600000010@127.0.0.1 SIP/2.0"


CHALLENGED = [
    _said("54.100", _ask("INVITE"), 1, "INVITE"),
    _said("54.110", "SIP/2.0 401 Unauthorized", 1, "INVITE"),
]
ANSWERED = [
    *CHALLENGED,
    _said("54.120", _ask("INVITE"), 2, "INVITE", branch="y"),
    _said("54.130", "SIP/2.0 100 Trying", 2, "INVITE", branch="y"),
    _said("55.000", "SIP/2.0 200 OK", 2, "INVITE", branch="y"),
    _said("55.010", _ask("REFER"), 3, "REFER"),
    _said("55.020", "SIP/2.0 202 Accepted", 3, "REFER"),
    _said("55.030", _ask("NOTIFY"), 7, "NOTIFY"),
    _said("55.040", "SIP/2.0 200 OK", 7, "NOTIFY"),
]
HUNG_UP = [_said("56.500", _ask("BYE"), 4, "BYE"), _said("56.510", "SIP/2.0 200 OK", 4, "BYE")]


def _calls(folder: Path, lines: list[str]) -> list[list[sip_log.Message]]:
    log = folder / "full.log"
    log.write_text("".join(lines))
    return list(sip_log.dialer_calls(sip_log.read(log)).values())


def test_a_call_from_its_messages(tmp_path: Path) -> None:
    customers_leg = _said("54.140", _ask("INVITE"), 1, "INVITE", user="0100000000", call="other")
    [said] = _calls(tmp_path, [*ANSWERED, customers_leg, *HUNG_UP])

    call = sip_log.call_of(said)
    assert (call["user"], call["number"], call["call_id"], call["sip_code"]) == (
        "6001",
        "0600000010",
        "one",
        200,
    )
    assert [call[at] - call["invite_at"] for at in ("answered_at", "transfer_at", "ended_at")] == [
        900,
        910,
        2400,
    ]
    assert sip_log.unexpected(said) == []
    assert sip_log.repeated(said) == []


def test_a_call_that_is_up_has_no_end_and_one_that_was_not_signed_has(tmp_path: Path) -> None:
    [up] = _calls(tmp_path, ANSWERED)
    assert sip_log.call_of(up)["ended_at"] is None
    [unsigned] = _calls(tmp_path, CHALLENGED)
    assert sip_log.call_of(unsigned)["ended_at"] - sip_log.call_of(unsigned)["invite_at"] == 10


def test_a_surprise_is_told_and_the_answer_to_a_repeated_request_is_none(tmp_path: Path) -> None:
    gone = "SIP/2.0 481 Call/Transaction Does Not Exist"
    [said] = _calls(tmp_path, [*ANSWERED, *HUNG_UP, HUNG_UP[0], _said("56.520", gone, 4, "BYE")])
    assert sip_log.unexpected(said) == []
    assert sip_log.repeated(said) == ["BYE request of one"]

    [said] = _calls(tmp_path, [*ANSWERED, HUNG_UP[0], _said("56.520", gone, 4, "BYE")])
    assert [text.split(" to ")[0] for text in sip_log.unexpected(said)] == ["BYE 481"]
