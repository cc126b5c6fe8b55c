"""Registration, digest, retransmissions, refusals, broken datagrams."""

import itertools
import random
import time
from collections.abc import Callable

from .pbx_under_test import PbxUnderTest
from .raw_phone import RawPhone, digest_header

MakePbx = Callable[..., PbxUnderTest]


# Registrar


def test_register_refresh_and_unregister(pbx: PbxUnderTest) -> None:
    phone = pbx.phone("6002")
    answer = phone.register(expires=60)
    assert answer.code == 200
    assert answer.header("Contact") == f"<sip:6002@127.0.0.1:{phone.port}>;expires=60"
    assert pbx.feed.stats()["registrations"]["6002"] == f"sip:6002@127.0.0.1:{phone.port}"
    assert phone.register(expires=0).code == 200
    assert "6002" not in pbx.feed.stats()["registrations"]
    assert [line["contact"] is None for line in pbx.log("register", user="6002")] == [False, True]


def test_a_binding_ends_when_its_time_is_over(pbx: PbxUnderTest) -> None:
    phone = pbx.phone("6003")
    phone.register(expires=1)
    assert "6003" in pbx.feed.stats()["registrations"]
    time.sleep(1.1)
    assert "6003" not in pbx.feed.stats()["registrations"]


def test_a_wrong_password_is_challenged_again(pbx: PbxUnderTest) -> None:
    before = pbx.feed.stats()["refused_credentials"]
    assert pbx.phone("6004").register(password="wrong").code == 401
    assert pbx.phone("9999").register().code == 401  # an unknown user learns no more than that
    stats = pbx.feed.stats()
    assert stats["refused_credentials"] == before + 2
    assert "6004" not in stats["registrations"]


def test_no_one_registers_anothers_address(pbx: PbxUnderTest) -> None:
    assert pbx.phone("6005").register(address="6006").code == 403


def test_an_old_or_used_nonce_is_stale(make_pbx: MakePbx) -> None:
    """RFC 2617 section 3.3: the password was right, so the client need not ask its user."""
    pbx = make_pbx(nonce_lifetime_s=0.3)
    phone, uri = pbx.phone(), "sip:127.0.0.1"
    to = "<sip:6001@127.0.0.1>"
    phone.send(phone.build("REGISTER", uri, to=to, call_id="stale", cseq=1))
    challenge = phone.final("REGISTER").header("WWW-Authenticate")
    proof = f"Authorization: {digest_header(challenge, '6001', 'pw6001', 'REGISTER', uri)}\r\n"
    phone.send(phone.build("REGISTER", uri, to=to, call_id="stale", cseq=2, extra=proof))
    assert phone.final("REGISTER").code == 200
    phone.send(phone.build("REGISTER", uri, to=to, call_id="stale", cseq=3, extra=proof))
    used = phone.final("REGISTER")
    assert (used.code, "stale=true" in used.header("WWW-Authenticate")) == (401, True)
    time.sleep(0.35)
    again = digest_header(challenge, "6001", "pw6001", "REGISTER", uri).replace("00000001", "00000002")
    phone.send(
        phone.build("REGISTER", uri, to=to, call_id="stale", cseq=4, extra=f"Authorization: {again}\r\n")
    )
    assert phone.final("REGISTER").code == 401


def test_an_invite_with_a_wrong_password_starts_no_call(make_pbx: MakePbx) -> None:
    pbx = make_pbx()
    phone = pbx.phone(password="wrong")
    call = phone.invite("0600000010")
    assert phone.follow(call).code == 401
    assert pbx.feed.stats()["calls"] == 0


# Transactions


def test_the_same_invite_twice_is_one_call(make_pbx: MakePbx) -> None:
    pbx = make_pbx()
    phone = pbx.phone()
    call = phone.invite("0600000010")
    phone.send(call.invite)
    phone.send(call.invite)
    assert phone.follow(call).code == 200
    assert call.codes.count(180) >= 2  # the last response, repeated
    phone.send(call.invite)
    assert phone.response("INVITE").code == 200
    stats = pbx.feed.stats()
    assert (stats["calls"], stats["calls_up"], stats["requests_absorbed"]) == (1, 1, 3)
    phone.bye(call)


def test_a_200_is_repeated_until_its_ack(pbx: PbxUnderTest, phone: RawPhone) -> None:
    call = phone.invite("0600000010")
    times: list[float] = []
    while len(times) < 4:
        message = phone.response("INVITE")
        if message.code == 200:
            times.append(time.monotonic())
    call.to_header, call.target = message.header("To"), message.header("Contact").strip("<>")
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(-0.05 < gap - wanted < 0.3 for gap, wanted in zip(gaps, (0.1, 0.2, 0.4), strict=True)), gaps
    phone.ack(call, message)
    assert phone.silent_for(0.6)
    assert phone.bye(call) == 200


def test_a_200_without_ack_ends_the_call_with_bye(make_pbx: MakePbx) -> None:
    pbx = make_pbx(timers={"t1_s": 0.02, "t2_s": 0.2})
    phone = pbx.phone()
    call = phone.invite("0600000010")
    phone.incoming("BYE", timeout=3.0)
    line = pbx.logged(call_id=call.call_id)
    assert line["ended_by"] == "pbx"
    assert 1100 <= line["ended_at"] - line["answered_at"] <= 3000  # 64 * T1
    assert pbx.feed.stats()["finals_without_ack"] == 1


def test_a_customer_who_hangs_up_at_once_waits_for_the_ack(make_pbx: MakePbx) -> None:
    """RFC 3261 section 15: no BYE of the callee before the ACK of its 200."""
    pbx = make_pbx(customers={"hang_up_after_s": 0}, timers={"t1_s": 1.0})
    phone = pbx.phone()
    call = phone.invite("0600000017")
    while (message := phone.response("INVITE")).code < 200:
        pass
    assert phone.silent_for(0.2)
    call.to_header, call.target = message.header("To"), message.header("Contact").strip("<>")
    phone.ack(call, message)
    phone.incoming("BYE", timeout=1.0)
    assert pbx.logged(call_id=call.call_id)["ended_by"] == "customer"


def test_a_cancel_of_the_challenged_invite_does_not_touch_the_call(phone: RawPhone) -> None:
    call = phone.invite("0600000014")
    while phone.response("INVITE").code != 180:
        pass
    real, call.branch = call.branch, phone.new_branch()
    assert phone.cancel(call) == 481
    call.branch = real
    assert phone.cancel(call) == 200
    assert phone.follow(call).code == 487


def test_a_refusal_is_repeated_until_its_ack(pbx: PbxUnderTest, phone: RawPhone) -> None:
    call = phone.invite("0600000012")
    assert [phone.response("INVITE").code for _ in range(4)] == [100, 486, 486, 486]
    assert phone.follow(call).code == 486
    assert phone.silent_for(0.5)


def test_a_bye_heard_twice_is_answered_twice(pbx: PbxUnderTest, phone: RawPhone) -> None:
    call = phone.dial("0600000010")
    data = phone.request(call, "BYE")
    assert phone.final("BYE").code == 200
    phone.send(data)
    assert phone.final("BYE").code == 200
    assert len(pbx.log(call_id=call.call_id)) == 1


def test_the_pbx_repeats_its_bye_until_it_is_answered(pbx: PbxUnderTest, phone: RawPhone) -> None:
    phone.dial("0600000017")
    first = phone.incoming("BYE", answer=0)
    second = phone.incoming("BYE", answer=200)
    assert first.header("Via") == second.header("Via")
    assert phone.silent_for(0.5)


# Refusals


def test_methods_that_nobody_handles(phone: RawPhone) -> None:
    for method, code in (("INFO", 405), ("SUBSCRIBE", 405), ("OPTIONS", 200)):
        phone.send(phone.build(method, "sip:127.0.0.1", to="<sip:127.0.0.1>", call_id=method, cseq=1))
        answer = phone.final(method)
        assert (answer.code, "REFER" in answer.header("Allow")) == (code, True)


def test_requests_to_dialogs_that_do_not_exist(phone: RawPhone) -> None:
    for method in ("BYE", "REFER", "INVITE"):
        to = "<sip:127.0.0.1>;tag=nobody"
        phone.send(phone.build(method, "sip:127.0.0.1", to=to, call_id=f"lost-{method}", cseq=1))
        assert phone.final(method).code == 481
    phone.send(phone.build("CANCEL", "sip:127.0.0.1", to="<sip:127.0.0.1>", call_id="lost", cseq=1))
    assert phone.final("CANCEL").code == 481
    refer_to = "Refer-To: <sip:7000@127.0.0.1>\r\n"
    phone.send(
        phone.build("REFER", "sip:127.0.0.1", to="<sip:127.0.0.1>", call_id="r", cseq=1, extra=refer_to)
    )
    assert phone.final("REFER").code == 403


def test_an_invite_without_a_common_codec_is_488(phone: RawPhone) -> None:
    call = phone.invite("0600000010", body=phone.sdp("18 96"))
    assert phone.follow(call).code == 488


def test_an_unknown_extension_is_420(phone: RawPhone) -> None:
    phone.send(
        phone.build(
            "OPTIONS",
            "sip:127.0.0.1",
            to="<sip:127.0.0.1>",
            call_id="req",
            cseq=1,
            extra="Require: 100rel, timer\r\n",
        )
    )
    answer = phone.final("OPTIONS")
    assert (answer.code, answer.header("Unsupported")) == (420, "100rel, timer")


# Broken input


def test_garbage_is_survived(make_pbx: MakePbx) -> None:
    pbx = make_pbx()
    phone = pbx.phone()
    call = phone.dial("0600000010")
    good = phone.build("OPTIONS", "sip:127.0.0.1", to="<sip:127.0.0.1>", call_id="g", cseq=1)
    chance = random.Random(7)
    pieces = [
        b"",
        b"\r\n\r\n",
        b"\0" * 40,
        b"\xff\xfe" * 700,
        good[:50],
        good.replace(b"CSeq: 1 ", b"CSeq: x "),
    ]
    pieces += [good.replace(b"Content-Length: 0", b"Content-Length: 999999")]
    pieces += [
        b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: nonsense\r\n\r\n",
    ]
    for _ in range(300):
        damaged = bytearray(chance.choice([good, call.invite]))
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        pieces.append(bytes(damaged))
    for piece in pieces:
        phone.send(piece)
        time.sleep(0.001)
    assert pbx.process.running
    assert pbx.feed.stats()["garbage"] > 20
    other = pbx.phone("6002")
    assert other.dial("0600000012").codes[-1] == 486
    assert "Traceback" not in (pbx.process.folder / "stderr.txt").read_text()
