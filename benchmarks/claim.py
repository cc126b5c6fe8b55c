"""Milliseconds of a claim of ten leads among millions, as the engine claims them.

    python -m benchmarks.claim [--leads 5000000] [--claims 1000]

Half of the leads are in one campaign, whose leads are claimed; half of those have been called. Each claim is committed,
to the disk. Prints one JSON line: p50 and p99 of the claims, and the longest.
"""

import argparse
import statistics
import sys
import time
from typing import Any

from benchmarks._goals import goal, tell
from benchmarks._process import load
from benchmarks._servers import servers

AT_ONCE = 10
WARM_UP = 20
"""Claims that come first and are not counted."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=5_000_000)
    parser.add_argument("--claims", type=int, default=1000)
    options = parser.parse_args()
    with servers(durable=True):
        figures = measure(options.leads, options.claims)
    return tell({"claim_p99_ms": goal(figures["claim_p99_ms"], "<=", 10)}, **figures)


def measure(leads: int, claims: int) -> dict[str, Any]:
    from django.utils import timezone

    from dialing.claim import claim_leads

    campaign = fill(leads)
    times = []
    for _ in range(WARM_UP + claims):
        began = time.perf_counter()
        claimed = claim_leads(campaign, AT_ONCE, timezone.now())
        times.append((time.perf_counter() - began) * 1000)
        assert len(claimed) == AT_ONCE
    counted = times[WARM_UP:]
    return {
        "leads": leads,
        "claims": claims,
        "leads_a_claim": AT_ONCE,
        "claim_p50_ms": round(statistics.median(counted), 2),
        "claim_p99_ms": round(statistics.quantiles(counted, n=100)[98], 2),
        "claim_longest_ms": round(max(counted), 2),
        "load_1m": load(),
    }


def fill(leads: int) -> int:
    """Two campaigns with their leads; returns the id of the open one."""
    from django.db import connection

    from tests.factories import make_campaign

    open_one, other = make_campaign(), make_campaign(started=False)
    with connection.cursor() as cursor:
        for first in range(0, leads, 500_000):
            cursor.execute(
                """
                INSERT INTO leads_lead
                    (campaign_id, name, description, phone_number, attempts, status, pool, next_attempt_at)
                SELECT CASE WHEN n %% 2 = 0 THEN %(open)s ELSE %(other)s END, 'Mary Silvester ' || n, '',
                       (554100000000 + n)::text, n / 2 %% 2, CASE WHEN n / 2 %% 2 = 0 THEN 'NOT_CALLED' ELSE 'BUSY' END,
                       'WAITING', now() - interval '1 h' + n %% 7000 * interval '1 s'
                  FROM generate_series(%(first)s, %(last)s) AS n
                """,
                {
                    "open": open_one.pk,
                    "other": other.pk,
                    "first": first,
                    "last": min(first + 500_000, leads) - 1,
                },
            )
        cursor.execute("VACUUM ANALYZE leads_lead")
    return int(open_one.pk)


if __name__ == "__main__":
    sys.exit(main())
