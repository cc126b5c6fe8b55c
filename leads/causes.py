"""What the detector said, in the reader's language: the stored code and numbers through the catalogues."""

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext

from amd.cause import SENTENCES, Cause
from leads.models import CallAttempt


def cause_words(why: Mapping[str, Any] | None, stored: str) -> str:
    """The sentence behind `amd.cause.Cause.as_json`; `stored`, its English text, where there is none that we know."""
    if not why:
        return stored
    try:
        cause = Cause.from_json(why)
        numbers = {
            name: number_format(x, 1 if isinstance(x, float) else 0) for name, x in cause.numbers.items()
        }
        return gettext(SENTENCES[cause.code]) % numbers
    except (KeyError, ValueError):  # of another release
        return stored


def verdict_cause(attempt: CallAttempt) -> str:
    """Why the verdict fell."""
    return cause_words(attempt.amd_why, attempt.amd_cause)


def early_media_words(attempt: CallAttempt) -> str:
    """What was heard before the answer: its kind, and the numbers behind it."""
    if not attempt.early_media:
        return ""
    return f"{attempt.get_early_media_display()}: {cause_words(attempt.early_media_why, attempt.early_media_cause)}"
