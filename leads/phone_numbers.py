"""Phone numbers as people write them -> the digits that are dialed (E.164 without the plus, SPEC 6)."""

import re

import phonenumbers
from django.utils.translation import gettext as _

_PUNCTUATION = re.compile(r"[\s.\-()/\u00a0\u2010-\u2015]+")
_DIGITS = re.compile(r"\d{3,15}")
"""E.164 ends at 15 digits; shorter ones are extensions of the platform."""


class InvalidNumberError(ValueError):
    """The text is no phone number; the message says why, in the user's words."""


def normalise(text: str, default_country: str = "") -> str:
    """Digits to dial. A national number becomes international when `default_country` (ISO code) is known;
    without one, digits are taken as they stand (G: `554183015031`).

    Raises InvalidNumberError.
    """
    plain = _PUNCTUATION.sub("", text)
    international = plain.startswith("+")
    digits = plain.removeprefix("+")
    if not digits:
        raise InvalidNumberError(_("the phone number is missing"))
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidNumberError(_("“%(text)s” is not a phone number") % {"text": text.strip()[:40]})
    if default_country and not international:
        digits = _from_national(text, default_country) or digits
    if not _DIGITS.fullmatch(digits):
        raise InvalidNumberError(
            _("“%(text)s” has %(count)d digits; 3 to 15 are possible")
            % {"text": text.strip()[:40], "count": len(digits)}
        )
    return digits


def is_country(code: str) -> bool:
    """Whether national numbers of this country (ISO code, capitals) can be told."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _from_national(text: str, country: str) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
