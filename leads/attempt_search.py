"""Searching the names and numbers of a million call records, newest first.

As `leads.search`, by texts of 32 records each (`AttemptText`). Records only come, and what is searched of them never
changes: so no trigger blanks a text, and a claim writes nothing more than the record. Beat writes the texts up to a
minute ago, in order; what came after the last text is looked at itself.
"""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from leads import search
from leads.models import CallAttempt

FOUND_UP_TO = search.FOUND_UP_TO

_WITHOUT_TEXT = "SELECT coalesce(max(part) + 1, 0) << 5 FROM leads_attempttext"
_HITS = """
SELECT id FROM (
    SELECT part << 5 AS first FROM leads_attempttext WHERE {has_all} ORDER BY 1 DESC
) AS hit CROSS JOIN LATERAL ({records}) AS found
LIMIT %s
"""
# A claim that began a minute ago has been committed: no record comes into a part before the bound any more.
_FILL = """
WITH beginning AS MATERIALIZED (
    SELECT ({without_text}) AS id
), bound AS MATERIALIZED (
    SELECT coalesce(min(r.id) FILTER (WHERE r.claimed_at > now() - interval '1 minute'), max(r.id)) >> 5 << 5 AS id
      FROM leads_callattempt r, beginning WHERE r.id >= beginning.id
), parts AS MATERIALIZED (
    SELECT DISTINCT r.id >> 5 AS part FROM leads_callattempt r, beginning, bound
     WHERE r.id >= beginning.id AND r.id < bound.id ORDER BY 1 LIMIT %s
)
INSERT INTO leads_attempttext (part, text)
SELECT part, (SELECT string_agg(replace(upper(lead_name), E'\\n', ' ') || E'\\n' || phone_number, E'\\n')
                FROM leads_callattempt AS r WHERE r.id >= part << 5 AND r.id < (part + 1) << 5)
  FROM parts
ON CONFLICT (part) DO NOTHING
"""


def matching(records: QuerySet[CallAttempt], term: str) -> QuerySet[CallAttempt]:
    """The records that a search means, all of them."""
    return search.matching(records, term, name="lead_name")


def first_found(records: QuerySet[CallAttempt], term: str, most: int = FOUND_UP_TO) -> list[int]:
    """Ids of the newest of `records` that a search means."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_TEXT)
        beginning = cursor.fetchone()[0]
    meant = matching(records, term).order_by("-id").values("id")
    found = list(meant.filter(pk__gte=beginning).values_list("pk", flat=True)[:most])
    if len(found) < most:
        found += _by_texts(meant, term, most - len(found))
    return found


def _by_texts(meant: QuerySet[CallAttempt, Any], term: str, most: int) -> list[int]:
    part = meant.filter(pk__gte=RawSQL("hit.first", []), pk__lt=RawSQL("hit.first + 32", []))
    try:
        sql, parameters = part.query.sql_with_params()
    except EmptyResultSet:
        return []
    has_all, words = search.text_has_all(term)
    with connection.cursor() as cursor:
        cursor.execute(_HITS.format(has_all=has_all, records=sql), [*words, *parameters, most])
        return [pk for (pk,) in cursor.fetchall()]


@transaction.atomic
def fill(most: int = 4000) -> int:
    """Writes texts that are not there yet; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FILL.format(without_text=_WITHOUT_TEXT), [most])
        return int(cursor.rowcount)
