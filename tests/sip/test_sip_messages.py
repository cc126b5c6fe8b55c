"""Messages: the torture tests of RFC 4475, round trips, and fields that are easily misread."""

import os
from pathlib import Path

import pytest
from sipmessage import Request, Response

from telephony.sip.grammar import NameAddr, ViaHop, parse_uri, split_outside_quotes
from telephony.sip.message import (
    MAX_MESSAGE_BYTES,
    MessageError,
    Reason,
    make_response,
    read_message,
    serialize,
)

SHARED = Path(os.environ.get("DIALER_SHARED", Path(__file__).resolve().parents[3] / "shared"))
TORTURE = SHARED / "rfc4475"

# RFC 4475 section 3.1.1 and those of 3.1.2, 3.3 and 3.4 that an endpoint may or must take
VALID = [
    "badaspec",
    "badbranch",
    "baddate",
    "bcast",
    "bext01",
    "cparam01",
    "cparam02",
    "dblreq",
    "esc01",
    "esc02",
    "escnull",
    "intmeth",
    "inv2543",
    "invut",
    "longreq",
    "lwsdisp",
    "mpart01",
    "noreason",
    "regaut01",
    "regbadct",
    "regescrt",
    "sdp01",
    "semiuri",
    "transports",
    "unksm2",
    "unreason",
    "wsinv",
    "zeromf",
]
# what the sender is told; None: not to be answered (responses, and requests without an end)
REFUSED = {
    "baddn": None, "badinv01": 400, "badvers": 505, "bigcode": None, "clerr": 400, "escruri": 400, "insuf": 400,
    "ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "mcl01": 400, "mismatch01": 400, "mismatch02": 400,
    "multi01": 400, "ncl": 400, "novelsc": 416, "quotbal": 400, "scalar02": 400, "scalarlg": None, "trws": 400,
    "unkscm": 416,
}  # fmt: skip


def torture(name: str) -> bytes:
    path = TORTURE / f"{name}.dat"
    if not path.exists():
        pytest.skip(f"{path} is not there; DIALER_SHARED names the folder of rfc4475")
    return path.read_bytes()


def test_every_torture_message_has_its_expectation() -> None:
    if not TORTURE.is_dir():
        pytest.skip(f"{TORTURE} is not there; DIALER_SHARED names the folder of rfc4475")
    assert {path.stem for path in TORTURE.glob("*.dat")} == set(VALID) | set(REFUSED)


@pytest.mark.parametrize("name", VALID)
def test_torture_message_is_taken_and_survives_a_round_trip(name: str) -> None:
    first = read_message(torture(name))
    again = read_message(serialize(first.message))
    assert (again.call_id, again.cseq, again.method, again.branch) == (
        first.call_id,
        first.cseq,
        first.method,
        first.branch,
    )
    assert (again.from_tag, again.to_tag, again.message.body) == (
        first.from_tag,
        first.to_tag,
        first.message.body,
    )


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_torture_message_is_refused(name: str, code: int | None) -> None:
    with pytest.raises(MessageError) as caught:
        read_message(torture(name))
    answer = caught.value.answer
    assert (answer.code if answer else None) == code
    if answer is not None:
        serialize(answer)


def test_a_tortuous_invite_is_read_right() -> None:
    invite = read_message(torture("wsinv"))
    assert invite.sender.name == 'J Rosenberg \\"'
    assert invite.sender.uri.host == "example.com"
    assert (invite.from_tag, invite.to_tag, invite.cseq) == ("98asjd8", "1918181833n", 9)
    assert invite.message.headers.get("Subject") == ""
    assert invite.branch == "390skdjuw"
    assert invite.contact is not None
    assert invite.contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}


def test_two_quoted_names_in_one_contact_are_two_addresses() -> None:
    contacts = NameAddr.parse_list(['"A, \\"x\\"" <sip:a@h>;q=1, "B" <sip:b@h>'])
    assert [(c.name, c.uri.user) for c in contacts] == [('A, "x"', "a"), ("B", "b")]


def test_host_names_with_underscore_and_ipv6_are_taken() -> None:
    assert parse_uri("sip:6001@my_pbx:5060").host == "my_pbx"
    assert (
        str(parse_uri("sip:6001@[2001:db8::1]:5061;transport=tls"))
        == "sip:6001@[2001:db8::1]:5061;transport=tls"
    )
    assert ViaHop.parse("SIP / 2.0 / UDP [::1]:5060;branch=z9hG4bKx;rport").port == 5060


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "sip:",
        "sip:@host",
        "sip:a@b@c",
        "sip:a b@c",
        "http://x",
        "sip:host:0",
        "sip:host:65536",
        "sip:h;self=1",
    ],
)
def test_bad_uri_is_a_value_error(uri: str) -> None:
    with pytest.raises(ValueError, match=r"valid|supported"):
        parse_uri(uri)


def test_open_quotes_take_linear_time() -> None:
    with pytest.raises(ValueError, match="quoted string"):
        split_outside_quotes('a,"' + '\\"' * 4000, ",")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n\r\n",
        b"\xff\xfe\x00\r\n\r\n",
        b"SIP/2.0 200\r\nVia\r\n\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"OPTIONS sip:a@b SIP/2.0\r\nX: " + b"y" * 9000 + b"\r\n\r\n",
        b"A" * (MAX_MESSAGE_BYTES + 1),
    ],
)
def test_nonsense_is_a_message_error_without_answer(data: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        read_message(data)
    assert caught.value.answer is None


def test_ack_is_never_answered() -> None:
    ack = b"ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: x\r\n\r\n"
    with pytest.raises(MessageError) as caught:
        read_message(ack)
    assert caught.value.answer is None


def test_response_copies_what_rfc_3261_asks_and_adds_one_to_tag() -> None:
    data = (
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP one;branch=z9hG4bK1\r\nv: SIP/2.0/UDP two;branch=z9hG4bK2\r\n"
        b"f: <sip:x@y>;tag=1\r\nt: <sip:a@b>\r\ni: c1\r\nCSeq: 7 OPTIONS\r\n\r\n"
    )
    request = read_message(data).message
    assert isinstance(request, Request)
    response = make_response(request, 200, to_tag="mine")
    assert response.headers.getlist("Via") == [
        "SIP/2.0/UDP one;branch=z9hG4bK1",
        "SIP/2.0/UDP two;branch=z9hG4bK2",
    ]
    assert response.headers["To"] == "<sip:a@b>;tag=mine"
    assert make_response(request, 100).headers["To"] == "<sip:a@b>"


def test_reason_prefers_q850_and_survives_nonsense() -> None:
    response = Response(603, "Declined")
    response.headers.add("Reason", 'SIP;cause=603;text="no", Q.850 ; cause=16 ; text="Normal; clearing"')
    assert Reason.of(response) == Reason(16, "Normal; clearing")
    response.headers.setlist("Reason", ["Q.850;cause=999999", ";;;", "preemption;cause=1"])
    assert Reason.of(response).cause is None


def test_unclosed_quote_in_reason_is_no_reason() -> None:
    response = Response(603, "Declined")
    response.headers.add("Reason", 'Q.850;cause=16,"')
    assert Reason.of(response).cause is None


@pytest.mark.parametrize("bare", ["\n", "\r", "\r\r\n ", "\n "])
@pytest.mark.parametrize("value", ['"a{}Route: <sip:evil>" <sip:x@y>;tag=2', "<sip:x@y>;p=a{}Route: x;tag=2"])
def test_a_line_break_that_stands_alone_never_gets_into_our_own_requests(bare: str, value: str) -> None:
    head = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
    rest = "\r\nCall-ID: q\r\nCSeq: 1 INVITE\r\n\r\n"
    with pytest.raises(MessageError, match="stands alone"):
        read_message(f"{head}To: {value.format(bare)}{rest}".encode())
    assert read_message(f"{head}To: {value.format(' ')}{rest}".encode()).to_tag == "2"
