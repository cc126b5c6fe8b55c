"""Each kind of customer, over real UDP."""

from collections.abc import Callable

import pytest

from .pbx_under_test import PbxUnderTest
from .raw_phone import RawPhone

MakePbx = Callable[..., PbxUnderTest]


@pytest.mark.parametrize(
    ("number", "codes", "cause"),
    [
        ("0600000012", [100, 486], "17"),
        ("0600000013", [100, 180, 603], "21"),
        ("0600000014", [100, 180, 480], "19"),
        ("0600000015", [100, 404], "1"),
        ("0600000016", [100, 503], "34"),
    ],
)
def test_customers_who_do_not_answer(
    pbx: PbxUnderTest, phone: RawPhone, number: str, codes: list[int], cause: str
) -> None:
    call = phone.invite(number)
    final = phone.follow(call)
    assert call.codes == codes
    assert final.header("Reason") == f"Q.850;cause={cause}"
    line = pbx.logged(call_id=call.call_id)
    assert (line["sip_code"], line["ended_by"], line["answered_at"]) == (codes[-1], "rejected", None)
    assert line["q850_cause"] == int(cause)
    assert line["invite_at"] <= line["ended_at"]


@pytest.mark.parametrize("number", ["0600000010", "+49600000019", "0600000011", "7120", "0600000018"])
def test_customers_who_answer_stay_until_the_dialer_hangs_up(
    pbx: PbxUnderTest, phone: RawPhone, number: str
) -> None:
    call = phone.dial(number)
    assert call.codes == [100, 180, 200]
    assert phone.bye(call) == 200
    line = pbx.logged(call_id=call.call_id)
    assert (line["sip_code"], line["ended_by"]) == (200, "dialer")
    assert line["number"] == number.removeprefix("+")


def test_a_human_who_hangs_up_sends_bye_by_themselves(pbx: PbxUnderTest, phone: RawPhone) -> None:
    call = phone.dial("0600000017")
    phone.incoming("BYE", timeout=1.0)
    line = pbx.logged(call_id=call.call_id)
    assert line["ended_by"] == "customer"
    assert 290 <= line["ended_at"] - line["answered_at"] <= 1500


def test_a_bored_customer_hangs_up(make_pbx: MakePbx) -> None:
    pbx = make_pbx(customers={"patience_s": 0.3})
    phone = pbx.phone()
    call = phone.dial("0600000010")
    phone.incoming("BYE", timeout=1.0)
    assert pbx.logged(call_id=call.call_id)["ended_by"] == "customer"


def test_cancel_ends_the_ringing_with_487(pbx: PbxUnderTest, phone: RawPhone) -> None:
    call = phone.invite("0600000034")
    assert phone.response("INVITE").code == 100
    assert phone.response("INVITE").code == 180
    assert phone.cancel(call) == 200
    assert phone.follow(call).code == 487
    line = pbx.logged(call_id=call.call_id)
    assert (line["sip_code"], line["ended_by"]) == (487, "dialer")


def test_cancel_after_the_answer_changes_nothing(phone: RawPhone) -> None:
    call = phone.dial("0600000010")
    assert phone.cancel(call) == 200
    assert phone.bye(call) == 200


def test_bye_before_the_answer_ends_the_ringing(phone: RawPhone) -> None:
    call = phone.invite("0600000044")
    phone.response("INVITE")
    call.to_header = phone.response("INVITE").header("To")
    assert phone.bye(call) == 200
    codes = [one.code for one in phone.others if one.method == "INVITE"]
    assert codes == [] or codes == [487]
    assert codes or phone.follow(call).code == 487


def test_the_second_call_may_have_another_outcome(make_pbx: MakePbx) -> None:
    pbx = make_pbx(customers={"second_call": {"2": "human"}, "by_number": {"0600000015": "busy"}})
    phone = pbx.phone()
    first, second = phone.dial("0600000012"), phone.dial("0600000012")
    assert (first.codes[-1], second.codes[-1]) == (486, 200)
    assert phone.bye(second) == 200
    assert phone.dial("0600000015").codes[-1] == 486
    assert [line["call_count"] for line in pbx.log()] == [1, 2, 1]


def test_asterisk_behaviour_shows_the_measured_codes(make_pbx: MakePbx) -> None:
    """DESIGN 5: declined is 403 with cause 21, the PBX's own ring time-out is 603 with cause 16."""
    pbx = make_pbx(behaviour="asterisk")
    phone = pbx.phone()
    for number, code, cause in (("0600000013", 403, 21), ("0600000014", 603, 16)):
        final = phone.follow(phone.invite(number))
        assert (final.code, final.header("Reason")) == (code, f"Q.850;cause={cause}")


def test_numbers_that_are_none(phone: RawPhone) -> None:
    assert phone.dial("7000").codes == [100, 404]  # a pilot is for transfers
    assert phone.dial("anna").codes == [100, 404]


def test_customers_ring_for_different_times(make_pbx: MakePbx) -> None:
    pbx = make_pbx(customers={"ring_s": [0.05, 0.5]})
    phone = pbx.phone()
    for number in ("0600000100", "0600000110", "0600000120", "0600000130"):
        assert phone.bye(phone.dial(number)) == 200
    rings = [line["answered_at"] - line["ringing_at"] for line in pbx.log()]
    assert max(rings) - min(rings) > 50
    assert min(rings) >= 49
