"""Seconds of deleting a campaign with a million leads and as many call attempts, and the memory that it takes.

    python -m benchmarks.campaign_deletion [--leads 1000000]

A campaign administrator confirms the deletion on its page, in this process, which then does what the jobs worker would;
another campaign of a tenth of the size stays, and one of 10,000 leads, the most that go at once, is deleted after it.
Prints one JSON line: seconds of the page that asks, of the answer, of the deletion in the background, and of the small
one's answer; and how much the process grew.
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
        "answer_s": goal(figures["answer_s"], "<=", 0.5),
        "small_answer_s": goal(figures["small_answer_s"], "<=", 1),
        "background_s": goal(figures["background_s"], "<=", 60),
        "grown_mb": goal(figures["grown_mb"], "<=", 20),
    }
    return tell(goals, **figures)


def measure(leads: int) -> dict[str, Any]:
    from django.conf import settings
    from django.test import Client

    from campaigns import deletion
    from campaigns.models import Campaign
    from leads.models import CallAttempt, Lead
    from tests.factories import make_campaign, make_user

    settings.ALLOWED_HOSTS = ["*"]
    user = make_user()
    group = user.dialer_groups.get()
    going, staying, small = (make_campaign(group=group, started=False) for _ in range(3))
    fill(going, leads)
    fill(staying, leads // 10)
    fill(small, deletion.AT_ONCE)
    browser = Client()
    browser.force_login(user, backend="accounts.backends.RoleBackend")
    browser.get("/campaigns/campaign/")

    before = _peak_mb()
    address = f"/campaigns/campaign/{going.pk}/delete/"
    began = time.perf_counter()
    assert browser.get(address).status_code == 200
    asked = time.perf_counter()
    assert browser.post(address, {"post": "yes"}).status_code == 302
    answered = time.perf_counter()
    going.refresh_from_db()
    assert going.is_being_deleted
    assert deletion.run_waiting() == 1
    ended = time.perf_counter()
    assert browser.post(f"/campaigns/campaign/{small.pk}/delete/", {"post": "yes"}).status_code == 302
    small_gone = time.perf_counter()
    assert list(Campaign.objects.all()) == [staying]
    assert Lead.objects.count() == leads // 10
    assert CallAttempt.objects.filter(lead=None).count() == leads + deletion.AT_ONCE
    return {
        "leads": leads,
        "attempts": leads,
        "question_s": round(asked - began, 2),
        "answer_s": round(answered - asked, 2),
        "background_s": round(ended - answered, 2),
        "small_answer_s": round(small_gone - ended, 2),
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
