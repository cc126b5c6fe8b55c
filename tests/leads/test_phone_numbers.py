"""Numbers as people write them (SPEC 6)."""

import pytest

from leads.phone_numbers import InvalidNumberError, normalise


@pytest.mark.parametrize(
    ("text", "country", "digits"),
    [
        ("554183015031", "", "554183015031"),
        ("554183015031", "BR", "554183015031"),
        ("+55 (41) 8301-5031", "", "554183015031"),
        ("+55 (41) 8301-5031", "US", "554183015031"),
        ("(41) 98301-5031", "BR", "5541983015031"),
        ("041 98301-5031", "BR", "5541983015031"),
        ("030 123456", "DE", "4930123456"),
        ("0049 30 123456", "DE", "4930123456"),
        ("212.555.0123", "US", "12125550123"),
        ("0100", "", "0100"),
        ("7101", "", "7101"),
        ("\u00a0+44\u201120\u20117946\u20110958 ", "", "442079460958"),
    ],
)
def test_a_number_becomes_the_digits_to_dial(text: str, country: str, digits: str) -> None:
    assert normalise(text, country) == digits


@pytest.mark.parametrize(
    "text",
    ["", "  ", "+", "12", "1234567890123456", "0800-FLOWERS", "=1+1", "١٢٣٤٥٦٧", "55 41 x 12", "++5541"],
)
def test_what_is_no_number_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(InvalidNumberError, match=r"\w+"):
        normalise(text)
