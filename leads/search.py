"""Searching the names and numbers of a million leads, whatever is searched.

Names and numbers of 32 leads at a time are kept as one text (`LeadText`): looking through the texts of a million leads
takes some 40 ms, a letter that no name has included, where the leads themselves take 600. Only leads whose
text has all words are looked at. An index of trigrams knows no words of one or two letters, and would cost an
import half as much again.

Triggers (migration 0011) blank the text of leads that came, went or changed, in the same transaction; a blank one
hides nothing: its leads are all looked at. Beat fills them.
"""

import re
from typing import TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.db.models.expressions import RawSQL

from leads.models import Lead

R = TypeVar("R", bound=Model)

FOUND_UP_TO = 500
"""Leads that a search lists, twenty pages; its user says more of the name then. The API goes on, page by page."""

_NUMBER = re.compile(r"\+?\(?[0-9][0-9\s.\-()/]*")
_HITS = """
SELECT id FROM (
    SELECT DISTINCT part << 5 AS first FROM leads_leadtext
     WHERE (%s::bigint IS NULL OR campaign_id = %s) AND (text IS NULL OR {has_all})
     ORDER BY 1
) AS hit CROSS JOIN LATERAL ({leads}) AS found
LIMIT %s
"""
# In a line of the text, what stands beside a word is in the first or the last line of a piece between two of it. The
# line breaks around the text keep its own first line, which stands beside nothing, from being taken for that.
_BESIDE = """EXISTS (SELECT FROM string_to_table(E'\\n' || text || E'\\n', upper(%s)) AS piece
        WHERE strpos(split_part(piece, E'\\n', 1) || E'\\n' || split_part(piece, E'\\n', -1), upper(%s)) > 0)"""
_WAITING = """
SELECT campaign_id, part FROM leads_leadtext WHERE text IS NULL
 ORDER BY campaign_id, part LIMIT %s FOR UPDATE SKIP LOCKED
"""
_FILL = """
UPDATE leads_leadtext AS t SET text = coalesce(
       (SELECT string_agg(replace(upper(name), E'\\n', ' ') || E'\\n' || phone_number, E'\\n') FROM leads_lead AS l
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


def matching(rows: QuerySet[R], term: str, name: str = "name") -> QuerySet[R]:
    """The rows that a search means, all of them; `name`: their field of it."""
    field, words = words_of(term)
    lookup = "phone_number__contains" if field == "phone_number" else f"{name}__icontains"
    return rows.filter(*(Q(**{lookup: word}) for word in words))


def text_has_all(term: str) -> tuple[str, list[str]]:
    """The condition that a `text` has all words of a search, and its parameters."""
    _field, words = words_of(term)
    beside = _two_apart(words)
    conditions = ["strpos(text, upper(%s)) > 0"] * len(words) + [_BESIDE] * bool(beside)
    return " AND ".join(conditions) or "true", [*words, *beside]


def first_found(
    leads: QuerySet[Lead], term: str, campaign: int | None = None, most: int = FOUND_UP_TO
) -> list[int]:
    """Ids of the first of `leads` that a search means, in order; `campaign`: where all of them are, if known."""
    part = matching(leads, term).filter(pk__gte=RawSQL("hit.first", []), pk__lt=RawSQL("hit.first + 32", []))
    try:
        sql, parameters = part.order_by("id").values("id").query.sql_with_params()
    except EmptyResultSet:
        return []
    has_all, words = text_has_all(term)
    with connection.cursor() as cursor:
        cursor.execute(
            _HITS.format(has_all=has_all, leads=sql), [campaign, campaign, *words, *parameters, most]
        )
        return sorted(pk for (pk,) in cursor.fetchall())


def _two_apart(words: list[str]) -> list[str]:
    """The two longest words, to be looked for in one line; none when they may share letters: "maria iana" finds
    Mariana, whom the pieces between the one do not show to have the other."""
    two = sorted(words, key=len)[-2:]
    return two if len(two) == 2 and not _share(*two) and not _share(*reversed(two)) else []


def _share(first: str, second: str) -> bool:
    """Whether `second` can begin inside `first`."""
    whole, other = first.upper(), second.upper()
    return any(whole.startswith(other, at) or other.startswith(whole[at:]) for at in range(len(whole)))


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
