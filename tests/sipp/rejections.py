"""Calls that are refused or sent elsewhere, with the result each is mapped to."""

from telephony.results import CallResult
from telephony.sip.call import EndedBy

from .network import Faults
from .scenario import Expect, Outcome, Scenario

BUSY, REFUSED, FAILED, UNKNOWN = CallResult.BUSY, CallResult.REFUSED, CallResult.FAILED, CallResult.UNKNOWN
UNAVAILABLE = CallResult.SERVICE_TEMPORARY_UNAVAILABLE

# status, headers, result, Q.850 cause, reason
TABLE: list[tuple[str, str, CallResult, int | None, str]] = [
    ("300 Multiple Choices", "", UNKNOWN, None, "Multiple Choices"),
    ("302 Moved Temporarily", "", UNKNOWN, None, "Moved Temporarily"),
    ("302 Moved Temporarily", "Contact: <tel:+4989722", UNKNOWN, None, "Moved Temporarily"),
    ("305 Use Proxy", "Contact: <mailto:pbx@example.com>", UNKNOWN, None, "Use Proxy"),
    ("380 Alternative Service", "Contact: <sip:other@example.com>", UNKNOWN, None, "Alternative Service"),
    ("400 Bad Request", "", UNKNOWN, None, "Bad Request"),
    ("401 Unauthorized", "", UNKNOWN, None, "Unauthorized"),
    ("402 Payment Required", "", UNKNOWN, None, "Payment Required"),
    ("403 Forbidden", "", UNKNOWN, None, "Forbidden"),
    ("403 Forbidden", 'Reason: Q.850;cause=21;text="Call Rejected"', REFUSED, 21, "Call Rejected"),
    ("403 Forbidden", "Reason: Q.850;cause=57", UNKNOWN, 57, "Forbidden"),
    ("404 Not Found", "Reason: Q.850;cause=1", FAILED, 1, "Not Found"),
    ("405 Method Not Allowed", "Allow: OPTIONS", UNKNOWN, None, "Method Not Allowed"),
    ("406 Not Acceptable", "", UNKNOWN, None, "Not Acceptable"),
    ("407 Proxy Authentication Required", "", UNKNOWN, None, "Proxy Authentication Required"),
    ("408 Request Timeout", "Reason: Q.850;cause=102", FAILED, 102, "Request Timeout"),
    ("410 Gone", 'Reason: Q.850;cause=22;text="Number changed"', FAILED, 22, "Number changed"),
    ("413 Request Entity Too Large", "Retry-After: 5", UNKNOWN, None, "Request Entity Too Large"),
    ("415 Unsupported Media Type", "Accept: text/plain", UNKNOWN, None, "Unsupported Media Type"),
    ("416 Unsupported URI Scheme", "", UNKNOWN, None, "Unsupported URI Scheme"),
    ("420 Bad Extension", "Unsupported: timer", UNKNOWN, None, "Bad Extension"),
    ("421 Extension Required", "Require: frobnication", UNKNOWN, None, "Extension Required"),
    ("422 Session Interval Too Small", "", UNKNOWN, None, "Session Interval Too Small"),
    ("480 Temporarily Unavailable", 'Reason: SIP;cause=480;text="Offline"', FAILED, None, "Offline"),
    ("480 Temporarily Unavailable", "Reason: Q.850;cause=18", FAILED, 18, "Temporarily Unavailable"),
    ("481 Call Does Not Exist", "", UNKNOWN, None, "Call Does Not Exist"),
    ("482 Loop Detected", "", UNKNOWN, None, "Loop Detected"),
    ("483 Too Many Hops", "", UNKNOWN, None, "Too Many Hops"),
    ("484 Address Incomplete", "Reason: Q.850;cause=28", FAILED, 28, "Address Incomplete"),
    ("485 Ambiguous", "Contact: <sip:a@example.com>, <sip:b@example.com>", UNKNOWN, None, "Ambiguous"),
    ("486 Busy Here", "", BUSY, None, "Busy Here"),
    (
        "486 Busy Here",
        'Reason: SIP;cause=486, Q.850 ; cause = 17 ; text = "User busy"',
        BUSY,
        17,
        "User busy",
    ),
    ("486 Busy Here", "Reason: Q.850;cause=bogus", BUSY, None, "Busy Here"),
    ("487 Request Terminated", "", FAILED, None, "Request Terminated"),
    ("488 Not Acceptable Here", 'Warning: 304 pbx "no codec"', UNKNOWN, None, "Not Acceptable Here"),
    ("491 Request Pending", "", UNKNOWN, None, "Request Pending"),
    ("500 Server Internal Error", "Retry-After: 3600", UNAVAILABLE, None, "Server Internal Error"),
    ("501 Not Implemented", "", UNKNOWN, None, "Not Implemented"),
    ("502 Bad Gateway", "Reason: Q.850;cause=38", UNAVAILABLE, 38, "Bad Gateway"),
    ("503 Service Unavailable", "Retry-After: 2", UNAVAILABLE, None, "Service Unavailable"),
    ("503 Service Unavailable", "Reason: Q.850;cause=34", UNAVAILABLE, 34, "Service Unavailable"),
    ("504 Server Time-out", "", UNAVAILABLE, None, "Server Time-out"),
    ("505 Version Not Supported", "", UNKNOWN, None, "Version Not Supported"),
    ("600 Busy Everywhere", "", BUSY, None, "Busy Everywhere"),
    ("603 Decline", "", REFUSED, None, "Decline"),
    ("603 Declined", "Reason: Q.850;cause=16", FAILED, 16, "Declined"),
    ("604 Does Not Exist Anywhere", "", FAILED, None, "Does Not Exist Anywhere"),
    ("606 Not Acceptable", "", UNKNOWN, None, "Not Acceptable"),
    ("607 Unwanted", "", REFUSED, None, "Unwanted"),
    ("608 Rejected", "", REFUSED, None, "Rejected"),
    ("699 A code that nobody knows", "", UNKNOWN, None, "A code that nobody knows"),
]


def _rejection(
    status: str, headers: str, result: CallResult, cause: int | None, reason: str, transport: str = "udp"
) -> Scenario:
    code = int(status[:3])
    expect = Expect(result=result, by=EndedBy.REJECTED, code=code, cause=cause, reason=reason)
    name = f"{code} {headers or 'alone'}{' tcp' if transport == 'tcp' else ''}"
    values = {"status": status, "headers": f"\n{headers}" if headers else ""}
    ours = "INVITE, ACK" if transport == "udp" else None
    return Scenario(name=name, xml="reject", values=values, expect=expect, transport=transport, ours=ours)


def _redirected(name: str, status: str, contact: str, **more: str) -> Scenario:
    values = {"status": status, "contacts": contact, **more}
    ours = "INVITE, ACK, INVITE, ACK, BYE"
    return Scenario(name=name, xml="redirect", values=values, expect=ANSWERED, ours=ours, also=goes_to_new)


def goes_to_new(outcome: Outcome) -> None:
    assert outcome.relay is not None
    assert outcome.relay.sent[2].startswith(b"INVITE sip:new@")


ANSWERED = Expect(result=CallResult.ANSWERED, by=EndedBy.LOCAL)
HERE = "127.0.0.1:${contact_port}"

SCENARIOS = [
    *(_rejection(*row) for row in TABLE),
    *(
        _rejection(*row, transport="tcp")
        for row in TABLE
        if row[0][:3] in ("404", "486", "503", "603") and row[1]
    ),
    _redirected("301_moved", "301 Moved Permanently", f"<sip:new@{HERE}>"),
    _redirected("302_moved", "302 Moved Temporarily", f'"New, one" <sip:new@{HERE};user=phone>;expires=60'),
    _redirected("305_use_proxy", "305 Use Proxy", f"<sip:new@{HERE}>"),
    _redirected(
        "300_the_dearest_contact_first",
        "300 Multiple Choices",
        f"<sip:old@{HERE}>;q=0.1, <sip:new@{HERE}>;q=0.9",
    ),
    Scenario(
        name="302_the_second_contact_when_the_first_fails",
        xml="redirect_twice",
        expect=ANSWERED,
        ours="INVITE, ACK, INVITE, ACK, INVITE, ACK, BYE",
    ),
    Scenario(
        name="302_without_end",
        xml="redirect_loop",
        expect=Expect(result=UNKNOWN, by=EndedBy.REJECTED, code=302, reason="Moved Temporarily"),
    ),
    Scenario(
        name="486_comes_three_times",
        xml="reject",
        values={"status": "486 Busy Here", "headers": ""},
        faults=Faults(repeat={"< 486 INVITE": 3}),
        expect=Expect(result=BUSY, by=EndedBy.REJECTED, code=486),
        ours="INVITE, ACK, ACK, ACK",
    ),
]
