"""Bytes in and out: framing on streams (RFC 3261 section 18.3), rport and received (RFC 3581), certificates of ours."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from dialing.call import CallPlan, place_call
from telephony.results import CallResult
from telephony.sip.framing import MAX_HEAD_BYTES, FramingError, StreamFramer
from telephony.sip.message import MAX_MESSAGE_BYTES
from telephony.sip.tls import UnusableCertificateError, client_context
from telephony.sip.transport import Destination
from telephony.sip.user_agent import UserAgent
from tests.patience import PATIENCE

from .loopback_peer import Behaviour, loopback_peer
from .simulated_peer import SimulatedCall

ONE = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP b;branch=z9hG4bK1\r\nContent-Length: 5\r\n\r\nhello"
TWO = b"BYE sip:a@b SIP/2.0\r\nl : 0\r\n\r\n"


# --- framing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
def test_messages_are_whole_however_the_stream_was_cut(size: int) -> None:
    framer = StreamFramer()
    stream = ONE + b"\r\n\r\n" + TWO + ONE
    found = [m for at in range(0, len(stream), size) for m in framer.feed(stream[at : at + size])]
    assert found == [ONE, TWO, ONE]


@pytest.mark.parametrize(
    "stream",
    [
        b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP b\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"BYE sip:a@b SIP/2.0\r\nContent-Length: %d\r\n\r\n" % MAX_MESSAGE_BYTES,
        b"x" * MAX_HEAD_BYTES,
    ],
    ids=["without a length", "no length", "too long", "without end"],
)
def test_a_stream_that_can_t_be_read_is_given_up(stream: bytes) -> None:
    with pytest.raises(FramingError):
        StreamFramer().feed(stream)


# --- where a response goes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "goes_to", "shows"),
    [
        ("192.0.2.1:5062;rport", 31000, ";rport=31000"),
        ("192.0.2.1:5062", 5062, ""),
        ("192.0.2.1", 5060, ""),
        ("pbx.example:5062;rport", 31000, ";received=192.0.2.1"),
        ("10.0.0.7:5062", 5062, ";received=192.0.2.1"),
    ],
)
def test_a_response_goes_where_the_request_came_from(via: str, goes_to: int, shows: str) -> None:
    sim = SimulatedCall()
    request = (
        f"OPTIONS sip:a@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKr1\r\n"
        "From: <sip:p@192.0.2.1>;tag=1\r\nTo: <sip:a@192.0.2.2>\r\nCall-ID: r1\r\nCSeq: 1 OPTIONS\r\n\r\n"
    )
    sim.layer.receive(request.encode(), Destination("udp", "192.0.2.1", 31000))
    answer, hop = sim.wire.sent[-1]
    assert (hop.host, hop.port) == ("192.0.2.1", goes_to)
    assert shows in answer.message.headers["Via"]


# --- certificates ---------------------------------------------------------------------------------------


def call_who_asks_for_a_certificate(certificate: Path, context: ssl.SSLContext) -> CallResult:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate / "crt", certificate / "key")
    server.load_verify_locations(certificate / "crt")
    server.verify_mode = ssl.CERT_REQUIRED

    async def run() -> CallResult:
        async with (
            asyncio.timeout(PATIENCE),
            loopback_peer(Behaviour(code=486), transport="tls", tls=server) as peer,
        ):
            agent = UserAgent(tls=context)
            await agent.start("127.0.0.1")
            report = await place_call(agent, CallPlan(peer.account(), "0600"))
            await agent.stop()
            return report.result

    return asyncio.run(run())


def test_a_server_that_asks_for_our_certificate_is_shown_it(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "crt"))
    shown = client_context(str(certificate / "crt"), str(certificate / "key"))
    assert shown is not None
    assert call_who_asks_for_a_certificate(certificate, shown) is CallResult.BUSY
    without = ssl.create_default_context()
    refused = CallResult.SERVICE_TEMPORARY_UNAVAILABLE
    assert call_who_asks_for_a_certificate(certificate, without) is refused


def test_a_certificate_that_can_t_be_used_is_named_with_its_key(certificate: Path, tmp_path: Path) -> None:
    assert client_context("", "") is None
    encrypted = tmp_path / "encrypted"
    subprocess.run(
        [
            "openssl",
            "pkcs8",
            "-topk8",
            "-in",
            certificate / "key",
            "-out",
            encrypted,
            "-passout",
            "pass:secret",
        ],
        check=True,
        capture_output=True,
    )
    for crt, key in ((tmp_path / "gone", ""), (certificate / "crt", ""), (certificate / "crt", encrypted)):
        with pytest.raises(UnusableCertificateError, match=f"{crt} with the key {key or crt} can't be used"):
            client_context(str(crt), str(key))
