"""Keys of SRTP in offers and answers (RFC 4568): what is offered, taken, refused and renewed."""

import base64

import pytest

from telephony.rtp.srtp import SUITES, SrtpKeys
from telephony.sip.call import CallState
from telephony.sip.sdes import CryptoLine, MediaEncryption, crypto_lines, parse_crypto
from telephony.sip.sdp import Media, parse_sdp
from tests.sip.simulated_peer import SimulatedCall

KEY, OTHER_KEY = b"k" * 30, b"o" * 30
SUITE_80, SUITE_32 = SUITES


def sdp(*, protocol: str = "RTP/SAVP", crypto: tuple[CryptoLine, ...] = (), port: int = 4000) -> bytes:
    lines = [f"m=audio {port} {protocol} 8", *(f"a={line.attribute}" for line in crypto)]
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    return (head + "\r\n".join(lines) + "\r\n").encode()


def offered(sim: SimulatedCall, method: str = "INVITE") -> Media:
    audio = parse_sdp(sim.last(method).message.body).audio
    assert audio is not None
    return audio


def keys_of(sim: SimulatedCall) -> SrtpKeys | None:
    assert sim.media.agreed is not None
    return sim.media.agreed.keys


@pytest.mark.parametrize(
    ("encryption", "protocol", "suites"),
    [
        (MediaEncryption.NONE, "RTP/AVP", []),
        (MediaEncryption.PREFERRED, "RTP/AVP", [SUITE_80, SUITE_32]),
        (MediaEncryption.REQUIRED, "RTP/SAVP", [SUITE_80, SUITE_32]),
    ],
)
def test_what_is_offered(encryption: MediaEncryption, protocol: str, suites: list[str]) -> None:
    sim = SimulatedCall(encryption=encryption)
    sim.call.start()
    audio = offered(sim)
    lines = crypto_lines(audio.attributes)
    assert (audio.protocol, [line.suite for line in lines]) == (protocol, suites)
    assert len({line.key for line in lines}) == len(lines)


@pytest.mark.parametrize("encryption", [MediaEncryption.PREFERRED, MediaEncryption.REQUIRED])
@pytest.mark.parametrize("chosen", [0, 1])
def test_the_answer_chooses_one_of_our_keys_and_gives_its_own(
    encryption: MediaEncryption, chosen: int
) -> None:
    sim = SimulatedCall(encryption=encryption)
    sim.call.start()
    audio = offered(sim)
    ours = crypto_lines(audio.attributes)[chosen]
    sim.answer(sdp(protocol=audio.protocol, crypto=(CryptoLine(ours.tag, ours.suite, KEY),)))
    assert sim.call.state is CallState.ANSWERED
    assert keys_of(sim) == SrtpKeys(ours.suite, ours.key, KEY)


@pytest.mark.parametrize(
    "answer",
    [
        sdp(protocol="RTP/AVP"),
        sdp(),
        sdp(crypto=(CryptoLine(3, SUITE_80, KEY),)),  # a tag that we did not offer
        sdp(crypto=(CryptoLine(2, SUITE_80, KEY),)),  # a suite that this tag did not have
    ],
)
def test_an_answer_in_the_clear_ends_a_call_that_must_be_encrypted(answer: bytes) -> None:
    sim = SimulatedCall(encryption=MediaEncryption.REQUIRED)
    sim.answer(answer)
    assert sim.methods[-2:] == ["ACK", "BYE"]
    assert not sim.media.answered
    sim.respond(200)
    ending = sim.listener.ending
    assert ending is not None
    assert ending.text == "the answer is not encrypted with a key that we can use, and this port requires it"


def test_an_answer_in_the_clear_is_taken_where_encryption_is_preferred() -> None:
    sim = SimulatedCall(encryption=MediaEncryption.PREFERRED)
    sim.answer(sdp(protocol="RTP/AVP"))
    assert sim.call.state is CallState.ANSWERED
    assert keys_of(sim) is None
    assert not crypto_lines(parse_sdp(sim.call.audio.offer()).media[0].attributes)


def test_a_reinvite_with_a_new_key_gets_a_new_one_and_the_same_key_keeps_ours() -> None:
    sim = SimulatedCall(encryption=MediaEncryption.REQUIRED)
    sim.call.start()
    ours = crypto_lines(offered(sim).attributes)[0]
    sim.answer(sdp(crypto=(CryptoLine(1, SUITE_80, KEY),)))
    first = sim.request("INVITE", body=sdp(crypto=(CryptoLine(7, SUITE_80, KEY),)))
    assert keys_of(sim) == SrtpKeys(SUITE_80, ours.key, KEY)
    assert crypto_lines(offered(sim, "200").attributes) == [CryptoLine(7, SUITE_80, ours.key)]
    sim.request("ACK", cseq=int(first.headers["CSeq"].split()[0]))
    sim.request("INVITE", body=sdp(crypto=(CryptoLine(1, SUITE_32, OTHER_KEY),)))
    renewed = crypto_lines(offered(sim, "200").attributes)[0]
    assert renewed.key != ours.key
    assert keys_of(sim) == SrtpKeys(SUITE_32, renewed.key, OTHER_KEY)
    assert crypto_lines(parse_sdp(sim.call.audio.offer()).media[0].attributes) == [renewed]


def test_a_reinvite_in_the_clear_is_refused_where_encryption_is_required() -> None:
    sim = SimulatedCall(encryption=MediaEncryption.REQUIRED)
    sim.answer(sdp(crypto=(CryptoLine(1, SUITE_80, KEY),)))
    sim.request("INVITE", body=sdp(protocol="RTP/AVP"))
    assert sim.methods[-1] == "488"
    assert keys_of(sim) is not None


def test_of_two_streams_the_encrypted_one_is_taken() -> None:
    sim = SimulatedCall(encryption=MediaEncryption.PREFERRED)
    sim.answer(sdp(protocol="RTP/AVP"))
    both = sdp(protocol="RTP/AVP") + b"m=audio 4002 RTP/SAVP 8\r\na="
    sim.request("INVITE", body=both + CryptoLine(1, SUITE_80, KEY).attribute.encode() + b"\r\n")
    answer = parse_sdp(sim.last("200").message.body)
    assert [(m.port > 0, m.protocol) for m in answer.media] == [(False, "RTP/AVP"), (True, "RTP/SAVP")]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("1 AES_CM_128_HMAC_SHA1_80 inline:{key}", True),
        ("1 AES_CM_128_HMAC_SHA1_32 inline:{key}|2^31", True),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2147483648 WSH=128 -future", True),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^31|1:4", False),  # MKI
        ("1 AES_CM_128_HMAC_SHA1_80 inline:{key};inline:{key}", False),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:{key} UNENCRYPTED_SRTP", False),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:{key} KDR=1", False),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=", False),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:=====", False),
        ("1 F8_128_HMAC_SHA1_80 inline:{key}", False),
        ("x AES_CM_128_HMAC_SHA1_80 inline:{key}", False),
        ("", False),
    ],
)
def test_lines_of_all_kinds(text: str, taken: bool) -> None:
    line = parse_crypto(text.format(key=base64.b64encode(KEY).decode()))
    assert (line is not None) == taken
    assert line is None or line.key == KEY
    assert "kkkk" not in repr(line)
