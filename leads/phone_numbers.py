"""Phone numbers as people write them -> the digits that are dialed (E.164 without the plus, SPEC 6)."""

import re

import phonenumbers
from django.utils.translation import gettext as _

from leads.number_rules import rules_of

_PUNCTUATION = re.compile(r"[\s.\-()/\u00a0\u2010-\u2015]+")
_PLAIN = str.maketrans("", "", " .-()")
"""What may stand between digits without a meaning of its own, for `phonenumbers` too."""


class InvalidNumberError(ValueError):
    """The text is no phone number; the message says why, in the user's words."""


def normalise(text: str, default_country: str = "") -> str:
    """Digits to dial. A national number becomes international when `default_country` (ISO code) is known;
    without one, digits are taken as they stand (G: `554183015031`). 3 to 15 digits: E.164 ends at 15, shorter
    ones are extensions of the platform.

    Raises InvalidNumberError.
    """
    digits = text if text.isdigit() else text.translate(_PLAIN)
    if digits[:1] == "+" and not default_country:
        digits = digits[1:]
    if digits.isdigit() and digits.isascii():
        if default_country:
            plain = rules_of(default_country).international(digits)
            digits = plain if plain is not None else _from_national(text, digits, default_country)
        if 3 <= len(digits) <= 15:
            return digits
    return _thoroughly(text, default_country)


def is_country(code: str) -> bool:
    """Whether national numbers of this country (ISO code, capitals) can be told."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _thoroughly(text: str, default_country: str) -> str:
    """The same for any text, with the reason when it is no number.

    An apostrophe in front is the spreadsheets' sign for text, which our own files of refused rows have too.
    """
    text = text.strip().removeprefix("'")
    plain = _PUNCTUATION.sub("", text)
    international = plain.startswith("+")
    digits = plain.removeprefix("+")
    if not digits:
        raise InvalidNumberError(_("the phone number is missing"))
    if not (digits.isascii() and digits.isdigit()):
        raise InvalidNumberError(_("“%(text)s” is not a phone number") % {"text": text.strip()[:40]})
    if default_country and not international:
        digits = _from_national(text, digits, default_country)
    if not 3 <= len(digits) <= 15:
        raise InvalidNumberError(
            _("“%(text)s” has %(count)d digits; 3 to 15 are possible")
            % {"text": text.strip()[:40], "count": len(digits)}
        )
    return digits


def _from_national(text: str, digits: str, country: str) -> str:
    """E.164 digits of a number as dialed in `country`; `digits` when it can't be one."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return digits
    if not phonenumbers.is_possible_number(number):
        return digits
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
