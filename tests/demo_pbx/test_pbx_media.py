"""RTP: 50 packets a second by an absolute schedule, the right voices, counts on both sides."""

import itertools
import struct
from collections.abc import Callable

import numpy as np

from audio.g711 import decode_alaw, decode_ulaw

from .pbx_under_test import PbxUnderTest
from .raw_phone import RawPhone

MakePbx = Callable[..., PbxUnderTest]
SILENCE = b"\xff" * 160


def payloads(packets: list[tuple[float, bytes]]) -> bytes:
    return b"".join(data[12:] for _, data in packets)


def test_fifty_packets_a_second_without_drift(pbx: PbxUnderTest, phone: RawPhone) -> None:
    call = phone.dial("0600000018")
    packets = phone.listen(2.0)
    assert 99 <= len(packets) <= 102
    headers = [struct.unpack("!BBHII", data[:12]) for _, data in packets]
    sequences = [header[2] for header in headers]
    assert all((later - earlier) % 65536 == 1 for earlier, later in itertools.pairwise(sequences))
    stamps = [header[3] for header in headers]
    assert all((later - earlier) % 2**32 == 160 for earlier, later in itertools.pairwise(stamps))
    assert [header[1] >> 7 for header in headers].count(1) == 1  # the marker of the talk spurt
    late = [at - packets[0][0] - index * 0.02 for index, (at, _) in enumerate(packets)]
    assert abs(min(late[-25:], key=abs)) < 0.01, late[-25:]  # a busy machine delays, drift would add up
    assert payloads(packets) == SILENCE * len(packets)
    phone.bye(call)
    assert abs(pbx.logged(call_id=call.call_id)["rtp_out"] - len(packets)) <= 3


def test_packets_of_the_dialer_are_counted(pbx: PbxUnderTest, phone: RawPhone) -> None:
    call = phone.dial("0600000018")
    phone.speak(call, 25)
    phone.rtp.sendto(b"no RTP", call.remote_rtp)
    assert phone.listen(0.1)
    phone.bye(call)
    assert pbx.logged(call_id=call.call_id)["rtp_in"] == 25


def test_rtp_goes_to_where_it_comes_from(pbx: PbxUnderTest, phone: RawPhone) -> None:
    elsewhere = pbx.phone("6002")
    call = phone.dial("0600000018")
    assert phone.listen(0.1)
    elsewhere.speak(call, 1)
    assert len(elsewhere.listen(0.3)) >= 10
    phone.bye(call)


def test_a_human_greets_and_then_listens(phone: RawPhone) -> None:
    call = phone.dial("0600000010")
    samples = decode_ulaw(payloads(phone.listen(2.0))).astype(np.int32)
    loud = np.flatnonzero(np.abs(samples) > 500) / 8000
    assert 0.2 < loud[0] < 0.6  # silence at pick-up
    assert 0.3 < loud[-1] - loud[0] < 1.7
    phone.bye(call)


def test_a_machine_talks_for_five_seconds_and_beeps() -> None:
    """The track itself: to hear it live takes ten seconds."""
    from telephony.demo_pbx.config import DemoPbxConfig
    from telephony.demo_pbx.customers import plan_call
    from telephony.demo_pbx.voices import BEEP_HZ, Voices

    voices = Voices.load()
    lengths = set()
    for number in ("0600000001", "0600000011", "0600000021"):
        plan = plan_call(number, 1, DemoPbxConfig().customers, "rfc")
        track = decode_ulaw(voices.track(plan)).astype(float)
        lengths.add(len(track))
        assert len(track) / 8000 > 5.0 + 0.4
        spectrum = np.abs(np.fft.rfft(track[-2800:-400]))
        assert round(float(spectrum.argmax()) * 8000 / 2400 / 10) * 10 in BEEP_HZ
    assert len(lengths) == 3  # three voices


def test_a_law_is_spoken_when_it_is_offered_first(phone: RawPhone) -> None:
    call = phone.dial("0600000010", body=phone.sdp("8 0"))
    packets = phone.listen(0.9)
    assert {data[1] & 0x7F for _, data in packets} == {8}
    samples = decode_alaw(payloads(packets)).astype(np.int32)
    assert np.abs(samples[:1600]).max() < 50
    assert np.abs(samples).max() > 5000
    phone.bye(call)


def test_on_hold_nothing_is_sent(phone: RawPhone) -> None:
    call = phone.dial("0600000018")
    assert phone.listen(0.1)
    for direction, answered, hears in (("sendonly", "recvonly", False), ("sendrecv", "sendrecv", True)):
        phone.request(call, "INVITE", body=phone.sdp(direction=direction))
        answer = phone.follow(call)
        assert (answer.code, f"a={answered}" in answer.body) == (200, True)
        phone.listen(0.05)
        assert bool(phone.listen(0.15)) is hears
    assert phone.bye(call) == 200


def test_an_invite_without_an_offer_gets_ours(pbx: PbxUnderTest, phone: RawPhone) -> None:
    call = phone.invite("0600000018", body="")
    while (message := phone.response("INVITE")).code < 200:
        pass
    assert "RTP/AVP 0 8" in message.body
    call.to_header, call.target = message.header("To"), message.header("Contact").strip("<>")
    phone.send(
        phone.build(
            "ACK",
            call.target,
            to=call.to_header,
            call_id=call.call_id,
            cseq=call.cseq,
            from_tag=call.from_tag,
            body=phone.sdp("0"),
        )
    )
    assert len(phone.listen(0.3)) >= 10
    assert phone.bye(call) == 200


def test_the_customer_is_not_heard_any_more_after_the_transfer(make_pbx: MakePbx) -> None:
    pbx = make_pbx(queues={"sales": {"agents": 0}})
    phone = pbx.phone()
    call = phone.dial("0600000018")
    assert phone.refer(call, "7000") == 202
    phone.incoming("NOTIFY")
    phone.listen(0.05)
    assert phone.listen(0.15) == []
    assert phone.bye(call) == 200


def test_twenty_calls_keep_the_pace(make_pbx: MakePbx) -> None:
    pbx = make_pbx(customers={"ring_s": 0.05})
    phones = [pbx.phone(f"60{number:02}") for number in range(1, 11)]
    calls = [(phone, phone.dial("0600000018")) for phone in phones for _ in range(2)]
    phones[0].listen(1.0)
    for phone, call in calls:
        assert phone.bye(call) == 200
    for line in (pbx.logged(call_id=call.call_id) for _, call in calls):
        seconds = (line["ended_at"] - line["answered_at"]) / 1000
        assert abs(line["rtp_out"] - seconds * 50) <= 3, line
    stats = pbx.feed.stats()
    assert (stats["most_calls"], stats["most_calls_of_a_user"]) == (20, 2)
    assert stats["most_calls_to_a_number"] == 20
