"""Searching the names and numbers of a million leads, whatever is searched.

Names and numbers of 32 leads at a time are kept as one text (`LeadText`): looking through the texts of a million leads
takes some 40 ms, a letter that no name has included, where the leads themselves take 600. Only leads whose
text has all words are looked at. An index of trigrams knows no words of one or two letters, and would cost an
import half as much again.

Triggers (migration 0011) blank the text of leads that came, went or changed, in the same transaction; a blank one
hides nothing: its leads are all looked at. Beat fills them.
"""

import re

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from leads.models import Lead

FOUND_UP_TO = 500
"""Leads that a search lists, twenty pages; its user says more of the name then."""

_NUMBER = re.compile(r"\+?[0-9][0-9\s.\-()/]*")
_HITS = """
SELECT id FROM (
    SELECT DISTINCT part << 5 AS first FROM leads_leadtext
     WHERE (%s::bigint IS NULL OR campaign_id = %s) AND (text IS NULL OR {has_all})
     ORDER BY 1
) AS hit CROSS JOIN LATERAL ({leads}) AS found
LIMIT %s
"""
_WAITING = """
SELECT campaign_id, part FROM leads_leadtext WHERE text IS NULL
 ORDER BY campaign_id, part LIMIT %s FOR UPDATE SKIP LOCKED
"""
_FILL = """
UPDATE leads_leadtext AS t SET text = coalesce(
       (SELECT string_agg(upper(name) || E'\\n' || phone_number, E'\\n') FROM leads_lead AS l
         WHERE l.campaign_id = t.campaign_id AND l.id >= t.part << 5 AND l.id < (t.part + 1) << 5), '')
  FROM unnest(%s::bigint[], %s::bigint[]) AS locked (campaign_id, part)
 WHERE t.campaign_id = locked.campaign_id AND t.part = locked.part
"""


def words_of(term: str) -> tuple[str, list[str]]:
    """Which field is searched, and what it must contain: all words of a name, or the digits of a number."""
    text = term.strip()
    if _NUMBER.fullmatch(text):
        return "phone_number", [re.sub(r"[^0-9]", "", text)]
    return "name", text.split()


def matching(leads: QuerySet[Lead], term: str) -> QuerySet[Lead]:
    """The leads that a search means, all of them."""
    field, words = words_of(term)
    lookup = "phone_number__contains" if field == "phone_number" else "name__icontains"
    return leads.filter(*(Q(**{lookup: word}) for word in words))


def first_found(
    leads: QuerySet[Lead], term: str, campaign: int | None = None, most: int = FOUND_UP_TO
) -> list[int]:
    """Ids of the first of `leads` that a search means, in order; `campaign`: where all of them are, if known."""
    _field, words = words_of(term)
    part = matching(leads, term).filter(pk__gte=RawSQL("hit.first", []), pk__lt=RawSQL("hit.first + 32", []))
    try:
        sql, parameters = part.order_by("id").values("id").query.sql_with_params()
    except EmptyResultSet:
        return []
    has_all = " AND ".join(["strpos(text, upper(%s)) > 0"] * len(words)) or "true"
    with connection.cursor() as cursor:
        cursor.execute(
            _HITS.format(has_all=has_all, leads=sql), [campaign, campaign, *words, *parameters, most]
        )
        return sorted(pk for (pk,) in cursor.fetchall())


@transaction.atomic
def fill(most: int = 4000) -> int:
    """Writes texts that are blank; returns how many it found.

    They are locked before the leads are read: leads that come later wait for this, and blank the text again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [most])
        blank = cursor.fetchall()
        if blank:
            campaigns, parts = zip(*blank, strict=True)
            cursor.execute(_FILL, [list(campaigns), list(parts)])
    return len(blank)
