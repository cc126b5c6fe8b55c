"""Seconds of deleting a campaign with a million leads and as many call attempts, and the memory that it takes.

    python -m benchmarks.campaign_deletion [--leads 1000000]

A campaign administrator confirms the deletion on its page, in this process; another campaign of a tenth of the size
stays. Prints one JSON line: seconds of the page that asks and of the deletion, and how much the process grew.
"""

import argparse
import resource
import sys
import time
from typing import Any

from benchmarks._goals import goal, tell
from benchmarks._process import load
from benchmarks._servers import servers


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000_000)
    options = parser.parse_args()
    with servers(broker=True, durable=True):
        figures = measure(options.leads)
    goals = {
        "deletion_s": goal(figures["deletion_s"], "<=", 5),
        "grown_mb": goal(figures["grown_mb"], "<=", 20),
    }
    return tell(goals, **figures)


def measure(leads: int) -> dict[str, Any]:
    from django.conf import settings
    from django.test import Client

    from campaigns.models import Campaign
    from leads.models import CallAttempt, Lead
    from tests.factories import make_campaign, make_user

    settings.ALLOWED_HOSTS = ["*"]
    user = make_user()
    group = user.dialer_groups.get()
    going, staying = (make_campaign(group=group, started=False) for _ in range(2))
    fill(going, leads)
    fill(staying, leads // 10)
    browser = Client()
    browser.force_login(user, backend="accounts.backends.RoleBackend")
    browser.get("/campaigns/campaign/")

    before = _peak_mb()
    address = f"/campaigns/campaign/{going.pk}/delete/"
    began = time.perf_counter()
    assert browser.get(address).status_code == 200
    asked = time.perf_counter()
    assert browser.post(address, {"post": "yes"}).status_code == 302
    ended = time.perf_counter()
    assert list(Campaign.objects.all()) == [staying]
    assert Lead.objects.count() == leads // 10
    assert CallAttempt.objects.filter(lead=None).count() == leads
    return {
        "leads": leads,
        "attempts": leads,
        "question_s": round(asked - began, 2),
        "deletion_s": round(ended - asked, 2),
        "grown_mb": round(_peak_mb() - before, 1),
        "load_1m": load(),
    }


def fill(campaign: Any, leads: int) -> None:
    """Leads that were called once each, and their texts."""
    from django.db import connection

    from leads import search

    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH added AS (
                INSERT INTO leads_lead
                    (campaign_id, name, description, phone_number, attempts, status, pool, next_attempt_at)
                SELECT %(campaign)s, 'Mary Silvester ' || n, '', (554100000000 + n)::text, 1, 'BUSY', 'WAITING', now()
                  FROM generate_series(1, %(leads)s) AS n
                RETURNING id, name, phone_number
            )
            INSERT INTO leads_callattempt
                (lead_id, campaign_id, group_id, queue_id, campaign_name, lead_name, phone_number, number, state,
                 result, reason, ended_by, call_id, amd_verdict, amd_cause, worker, claimed_at, lease_until, ended_at)
            SELECT id, %(campaign)s, %(group)s, %(queue)s, 'Large', name, phone_number, 1, 'ENDED',
                   'BUSY', '', '', '', '', '', '', now(), now(), now()
              FROM added
            """,
            {
                "campaign": campaign.pk,
                "group": campaign.group_id,
                "queue": campaign.queue_id,
                "leads": leads,
            },
        )
    while search.fill():
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE leads_lead, leads_callattempt, leads_leadtext")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
