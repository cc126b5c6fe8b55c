"""Session descriptions: offers, answers, hold, and what peers get wrong."""

import pytest

from telephony.sip.sdp import LocalAudio, is_on_hold, parse_sdp

LOCAL = LocalAudio("192.0.2.2", 40000, session_id=7)
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=video 5000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    b"m=audio 4000 RTP/AVP 18 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n"
    b"m=audio 4004 RTP/SAVP 0\r\n"
)


def answered_by(body: bytes) -> tuple[LocalAudio, bytes]:
    offer = parse_sdp(body)
    assert offer.audio is not None
    return LOCAL.answer(offer, offer.audio)


def test_our_offer_is_read_back() -> None:
    audio = parse_sdp(LOCAL.offer()).audio
    assert audio is not None
    assert (audio.address, audio.port, audio.formats, audio.direction) == (
        "192.0.2.2",
        40000,
        ("8", "0", "101"),
        "sendrecv",
    )
    assert audio.payload_type("telephone-event") == 101


def test_answer_takes_one_codec_and_refuses_the_other_streams_in_order() -> None:
    local, body = answered_by(OFFER)
    answer = parse_sdp(body)
    assert [(m.kind, m.port, m.protocol) for m in answer.media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 40000, "RTP/AVP"),
        ("audio", 0, "RTP/SAVP"),
    ]
    assert answer.media[1].formats == ("0", "97")
    assert answer.media[1].direction == "recvonly"
    assert local.version == LOCAL.version + 1
    assert b"o=- 7 2 IN IP4" in body


@pytest.mark.parametrize(
    ("direction", "answered"), [("sendrecv", "sendrecv"), ("inactive", "inactive"), ("recvonly", "sendonly")]
)
def test_directions_are_mirrored(direction: str, answered: str) -> None:
    _, body = answered_by(OFFER.replace(b"sendonly", direction.encode()))
    assert f"a={answered}".encode() in body


def test_session_level_direction_and_media_level_address() -> None:
    body = OFFER.replace(b"t=0 0\r\n", b"t=0 0\r\na=inactive\r\n").replace(
        b"a=sendonly", b"c=IN IP4 192.0.2.10"
    )
    audio = parse_sdp(body).audio
    assert audio is not None
    assert (audio.direction, audio.address) == ("inactive", "192.0.2.10")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a=sendonly", b"a=sendonly"),
        (b"a=sendonly", b"a=inactive"),
        (b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"),
    ],
)
def test_hold_in_all_its_forms(old: bytes, new: bytes) -> None:
    audio = parse_sdp(OFFER.replace(old, new)).audio
    assert audio is not None
    assert is_on_hold(audio)


def test_no_common_codec_is_refused() -> None:
    with pytest.raises(ValueError, match="codec"):
        answered_by(OFFER.replace(b"18 0 8 97", b"18 97"))


def test_rtcp_where_the_peer_wants_it() -> None:
    audio = parse_sdp(OFFER.replace(b"a=sendonly", b"a=rtcp:5001 IN IP4 192.0.2.77\r\na=rtcp-mux")).audio
    assert audio is not None
    assert (audio.control, audio.shares_port) == (("192.0.2.77", 5001), True)
    assert b"rtcp-mux" not in LOCAL.offer()
    _, body = answered_by(OFFER.replace(b"a=sendonly", b"a=rtcp:4009\r\na=rtcp-mux"))
    assert b"\r\na=rtcp-mux\r\n" in body


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"v=1\r\n", b"v=0\r\nm=audio\r\n", b"v=0\r\nm=audio x RTP/AVP 0\r\n", b"v=0\r\nm=audio 70000 RTP/AVP 0\r\n",
     b"v=0\r\nc=IN IP4\r\n", b"v=0\r\nc=IN IP4 a b\r\n", b"v=0\r\n" + b"m=audio 1 RTP/AVP 0\r\n" * 100, b"v=0\r\n" + b"x" * 20000],
)  # fmt: skip
def test_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"SDP|m=|c="):
        parse_sdp(body)
