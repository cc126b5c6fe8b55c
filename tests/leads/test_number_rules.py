"""The quick rules for national numbers give what `phonenumbers` gives, or leave it to that."""

import random

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata

from leads.number_rules import NumberRules
from leads.phone_numbers import InvalidNumberError, normalise


def by_library(digits: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(digits, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def written(country: str, rng: random.Random) -> str:
    """Digits as somebody of the country could write them, right or wrong."""
    metadata = PhoneMetadata.metadata_for_region(country)
    assert metadata is not None
    assert metadata.general_desc is not None
    lengths = metadata.general_desc.possible_length
    body = "".join(rng.choices("0123456789", k=rng.choice(lengths) + rng.choice([0, 0, 0, 0, 1, -1])))
    if rng.random() < 0.3 and (example := phonenumbers.example_number(country)):
        body = phonenumbers.national_significant_number(example)[:-4] + f"{rng.randrange(10_000):04}"
    lead = ["", "", metadata.national_prefix or "", str(metadata.country_code), "0", "00"]
    return rng.choice(lead) + rng.choice(["", "", "", metadata.national_prefix or ""]) + body


@pytest.mark.parametrize("seed", range(4))
def test_the_rules_agree_with_the_library_in_every_country(seed: int) -> None:
    rng = random.Random(seed)
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        rules = NumberRules(country)
        for _ in range(40):
            digits = written(country, rng)
            found = rules.international(digits)
            assert found is None or found == by_library(digits, country), (country, digits)


@pytest.mark.parametrize(
    ("country", "texts"),
    [
        ("BR", ["41983015031", "5541983015031", "041983015031"]),
        ("DE", ["030123456", "01701234567"]),
        ("US", ["2125550123", "12125550123"]),
        ("GB", ["02079460958", "2079460958", "442079460958"]),
        ("PT", ["912345678", "351912345678"]),
        ("FR", ["0612345678", "33612345678"]),
        ("ES", ["612345678", "34612345678"]),
    ],
)
def test_numbers_as_most_files_have_them_are_decided_by_rules(country: str, texts: list[str]) -> None:
    for text in texts:
        assert NumberRules(country).international(text) == by_library(text, country), text


@pytest.mark.parametrize("country", ["", "BR", "DE"])
@pytest.mark.parametrize("text", ["²³⁴5678", "１２３４５６７８", "+12", "1 2", "+", "++4930123456", "0x1234"])
def test_odd_texts_are_refused_on_the_quick_way_too(text: str, country: str) -> None:
    with pytest.raises(InvalidNumberError):
        normalise(text, country)
