"""A phone number as the key of the do-not-call list: its digits as an integer."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

_PUNCTUATION = re.compile(r"[\s.\-()/+]+")


def number_key(text: str) -> int:
    """The list's key for a number as people write it. Raises ValidationError."""
    digits = _PUNCTUATION.sub("", text)
    if not re.fullmatch(r"[0-9]{3,15}", digits):
        raise ValidationError(
            {"number": _("“%(text)s” is not a phone number of 3 to 15 digits.") % {"text": text[:40]}}
        )
    return int(digits)
