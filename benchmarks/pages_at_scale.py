"""Milliseconds and queries of the pages that count leads, with a million of them.

    python -m benchmarks.pages_at_scale [--leads 1000000] [--campaigns 20]

Half of the leads are in one campaign, the rest in the others; two thirds have been called, and each lead has one call
record. Each page is asked for
through the whole web application in this process, by a campaign administrator, five times after a first; printed are
the median milliseconds and the most queries of one. Each text that a search looks through has a Joseph and a Mary
Silvester, no lead is called Joseph Silvester ("apart"). The goals are the worst page's.
"""

import argparse
import os
import statistics
import sys
import time
from typing import Any

from benchmarks._goals import goal, tell
from benchmarks._servers import servers

ASKED = 5


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--campaigns", type=int, default=20)
    options = parser.parse_args()

    with servers(broker=True):
        goals, figures = measure(options.leads, options.campaigns)
    return tell(goals, **figures)


def measure(leads: int, others: int) -> tuple[dict[str, Any], dict[str, Any]]:
    from django.conf import settings
    from django.test import Client

    from tests.factories import make_user

    settings.ALLOWED_HOSTS = ["*"]
    user = make_user()
    group = user.dialer_groups.get()
    large = fill(group, leads, others)
    browser = Client()
    browser.force_login(user, backend="accounts.backends.RoleBackend")
    last = leads // 2 // 3 // 25
    of_large = f"campaign__id__exact={large}"
    pages = {
        "overview": "/",
        "campaigns": "/campaigns/campaign/",
        "summary": f"/campaigns/campaign/{large}/summary/",
        "leads": "/leads/lead/",
        "leads_of_campaign": f"/leads/lead/?{of_large}",
        "leads_all": f"/leads/lead/?{of_large}&progress=all",
        "leads_busy": f"/leads/lead/?{of_large}&progress=all&status__exact=BUSY",
        "leads_not_called": f"/leads/lead/?{of_large}&status__exact=NOT_CALLED",
        "leads_late_page": f"/leads/lead/?{of_large}&p={last}",
        "leads_search_name": f"/leads/lead/?{of_large}&progress=all&q=Silvester+77777",
        "leads_search_number": f"/leads/lead/?{of_large}&progress=all&q=041000777",
        "leads_search_all_have": f"/leads/lead/?{of_large}&progress=all&q=s",
        "leads_search_letter_of_none": f"/leads/lead/?{of_large}&progress=all&q=z",
        "leads_search_none_has": f"/leads/lead/?{of_large}&progress=all&q=nobody+here",
        "leads_search_some_have": f"/leads/lead/?{of_large}&q=777",
        "leads_search_apart": f"/leads/lead/?{of_large}&progress=all&q=joseph+silvester",
        "leads_search_anywhere": "/leads/lead/?q=Silvester+77777",
        "attempts": "/leads/callattempt/",
        "attempts_of_campaign": f"/leads/callattempt/?{of_large}",
        "attempts_late_page": f"/leads/callattempt/?{of_large}&p=300",
        "attempts_search_name": "/leads/callattempt/?q=Silvester+77777",
        "attempts_search_number": f"/leads/callattempt/?{of_large}&q=041000777",
        "attempts_search_all_have": "/leads/callattempt/?q=s",
        "attempts_search_letter_of_none": "/leads/callattempt/?q=z",
        "attempts_search_some_have": "/leads/callattempt/?q=777",
        "attempts_search_some_busy": f"/leads/callattempt/?{of_large}&result__exact=BUSY&q=777",
        "attempts_search_apart": "/leads/callattempt/?q=joseph+silvester",
        "api_attempts": "/api/v1/attempts/?page_size=25",
        "api_attempts_search": "/api/v1/attempts/?search=Silvester+77777",
        "api_attempts_search_some_have": f"/api/v1/attempts/?search=777&campaign={large}",
        "api_attempts_search_apart": "/api/v1/attempts/?search=joseph+silvester",
        "api_leads": f"/api/v1/campaigns/{large}/leads/?page_size=25",
        "api_leads_late_page": f"/api/v1/campaigns/{large}/leads/?page_size=25&page={leads // 2 // 25}",
        "api_leads_search": f"/api/v1/campaigns/{large}/leads/?search=Silvester+77777",
        "api_leads_search_some_have": f"/api/v1/campaigns/{large}/leads/?search=777",
        "api_leads_search_apart": f"/api/v1/campaigns/{large}/leads/?search=joseph+silvester",
        "api_summary": f"/api/v1/campaigns/{large}/summary/",
    }
    figures = {name: ask(browser, address) for name, address in pages.items()}
    longest, most = max(ms for ms, _ in figures.values()), max(queries for _, queries in figures.values())
    goals = {"longest_ms": goal(longest, "<=", 150), "most_queries": goal(most, "<=", 12)}
    return goals, {
        "leads": leads,
        "pages": figures,
        "load_1m": round(os.getloadavg()[0], 1),
    }


def fill(group: Any, leads: int, others: int) -> int:
    """Campaigns and their leads; returns the id of the largest."""
    from django.db import connection

    from leads import attempt_search, search
    from tests.factories import make_campaign, make_queue

    queue = make_queue()
    made = [make_campaign(group=group, queue=queue).pk for _ in range(others + 1)]
    large, small = made[-1], made[:-1]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO leads_lead
                (campaign_id, name, description, phone_number, attempts, status, pool, next_attempt_at)
            SELECT CASE WHEN n %% 2 = 0 THEN %(large)s ELSE (%(small)s::bigint[])[1 + n / 2 %% %(others)s] END,
                   CASE WHEN n / 2 %% 10 = 0 THEN 'Joseph Stone ' ELSE 'Mary Silvester ' END || n, '',
                   (554100000000 + n)::text, n / 2 %% 3,
                   CASE WHEN n / 2 %% 3 = 0 THEN 'NOT_CALLED' WHEN n / 2 %% 3 = 1 THEN 'BUSY' ELSE 'SUCCESS' END,
                   CASE WHEN n / 2 %% 3 = 2 THEN 'DONE' ELSE 'WAITING' END, now() + n * interval '1 ms'
              FROM generate_series(1, %(leads)s) n
            """,
            {"large": large, "small": small, "others": others, "leads": leads},
        )
        cursor.execute(
            """
            INSERT INTO leads_callattempt
                (lead_id, campaign_id, group_id, queue_id, campaign_name, lead_name, phone_number, number, state,
                 result, reason, ended_by, call_id, amd_verdict, amd_cause, worker, claimed_at, lease_until, ended_at)
            SELECT id, campaign_id, %(group)s, %(queue)s, 'Large', name, phone_number, 1, 'ENDED',
                   CASE WHEN id %% 3 = 0 THEN 'BUSY' ELSE 'SUCCESS' END, '', '', '', '', '', '',
                   moment, moment, moment
              FROM (SELECT *, now() - interval '1 day' + id * interval '10 ms' AS moment FROM leads_lead ORDER BY id) l
            """,
            {"group": group.pk, "queue": queue.pk},
        )
    for texts in (search, attempt_search):
        while texts.fill():
            pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE leads_lead, leads_leadtext, leads_callattempt, leads_attempttext")
    return large


def ask(browser: Any, address: str) -> tuple[float, int]:
    """Median milliseconds and most queries of a page."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    times, queries = [], []
    for _ in range(ASKED + 1):
        began = time.perf_counter()
        with CaptureQueriesContext(connection) as asked:
            answer = browser.get(address)
        times.append((time.perf_counter() - began) * 1000)
        queries.append(len(asked))
        assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return round(statistics.median(times[1:]), 1), max(queries[1:])


if __name__ == "__main__":
    sys.exit(main())
