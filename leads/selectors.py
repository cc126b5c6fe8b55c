"""Reads on leads."""

import re

from django.db.models import QuerySet

from leads.models import Lead

_NUMBER = re.compile(r"\+?[0-9][0-9\s.\-()/]*")


def search(leads: QuerySet[Lead], term: str) -> QuerySet[Lead]:
    """By all words of the name, or by digits of the number, however people write it."""
    text = term.strip()
    if _NUMBER.fullmatch(text):
        return leads.filter(phone_number__contains=re.sub(r"[^0-9]", "", text))
    for word in text.split():
        leads = leads.filter(name__icontains=word)
    return leads
