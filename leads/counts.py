"""Kept counts of leads: what lists and summaries show is added up from some dozens of rows, however many leads.

Triggers write them (migration 0007): no door to the leads goes past them, be it COPY, recovery or psql.
"""

from django.db import connection, transaction
from django.db.models import QuerySet, Sum

from leads.models import LeadCount

FOLD_FROM = 50
"""Rows of a campaign that are worth folding: nine statuses in three pools are at most 27."""

# Readers see the old rows or the new one, never both: it is one statement. A fold that runs beside another one
# waits for its rows, finds them gone and leaves them out.
_FOLD = """
WITH folded AS (
    DELETE FROM leads_leadcount
     WHERE campaign_id IN (SELECT campaign_id FROM leads_leadcount GROUP BY campaign_id HAVING count(*) > %s)
    RETURNING campaign_id, status, pool, leads, calls
), kept AS (
    INSERT INTO leads_leadcount (campaign_id, status, pool, leads, calls)
    SELECT campaign_id, status, pool, sum(leads), sum(calls) FROM folded
     GROUP BY campaign_id, status, pool
    HAVING sum(leads) <> 0 OR sum(calls) <> 0
)
SELECT count(*) FROM folded
"""
_RECOUNT = """
INSERT INTO leads_leadcount (campaign_id, status, pool, leads, calls)
SELECT campaign_id, status, pool, count(*), sum(attempts) FROM leads_lead GROUP BY campaign_id, status, pool
"""


def fold(above: int = FOLD_FROM) -> int:
    """Adds up the rows of each campaign that has more than `above`; returns how many rows it took."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, [above])
        return int(cursor.fetchone()[0])


def recount() -> int:
    """Counts all leads anew, and blanks the texts of searches; returns the number of leads. Writers wait for it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE leads_lead IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("DELETE FROM leads_leadcount")
        cursor.execute(_RECOUNT)
        cursor.execute("DELETE FROM leads_leadtext")
        cursor.execute(
            "INSERT INTO leads_leadtext (campaign_id, part) SELECT DISTINCT campaign_id, id >> 5 FROM leads_lead"
        )
    return total(LeadCount.objects.all())


def total(counts: QuerySet[LeadCount]) -> int:
    """Leads of these rows. A filter on campaign, status or pool means the same on leads and on their counts."""
    return int(counts.order_by().aggregate(all=Sum("leads"))["all"] or 0)
