"""Claiming due leads (I1), on PostgreSQL."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign, Schedule
from dialing.claim import CLAIM, claim_leads, parameters
from dialing.leases import CLAIM_LEASE
from leads.models import CallAttempt, Lead
from tests.factories import make_attempt, make_campaign, make_lead, make_leads, make_schedule

pytestmark = pytest.mark.django_db


def test_a_claim_takes_the_lead_and_writes_its_attempt() -> None:
    campaign = make_campaign()
    lead = make_lead(campaign, attempts=2)
    now = timezone.now()
    [attempt_id] = claim_leads(campaign.pk, 5, now)
    lead.refresh_from_db()
    attempt = CallAttempt.objects.get(pk=attempt_id)
    assert lead.pool == Lead.Pool.CLAIMED
    assert lead.attempts == 2
    assert attempt.state == CallAttempt.State.CLAIMED
    assert attempt.number == 3
    assert (attempt.lead, attempt.campaign, attempt.group, attempt.queue) == (
        lead,
        campaign,
        campaign.group,
        campaign.queue,
    )
    assert (attempt.campaign_name, attempt.lead_name) == (campaign.name, lead.name)
    assert attempt.phone_number == lead.phone_number
    assert timedelta() <= attempt.lease_until - (now + CLAIM_LEASE) < timedelta(seconds=5)
    assert attempt.started_at is None


def test_the_longest_due_leads_come_first() -> None:
    campaign, now = make_campaign(), timezone.now()
    leads = [make_lead(campaign, next_attempt_at=now - timedelta(minutes=m)) for m in (1, 30, 10)]
    ids = claim_leads(campaign.pk, 2, now)
    claimed = set(CallAttempt.objects.filter(pk__in=ids).values_list("lead", flat=True))
    assert claimed == {leads[1].pk, leads[2].pk}


def test_only_waiting_and_due_leads_of_the_campaign_are_claimed() -> None:
    campaign, now = make_campaign(), timezone.now()
    make_lead(campaign, next_attempt_at=now + timedelta(seconds=1))
    make_lead(campaign, pool=Lead.Pool.DONE)
    make_lead(campaign, pool=Lead.Pool.CLAIMED)
    make_lead()
    assert claim_leads(campaign.pk, 10, now) == []


@pytest.mark.parametrize(
    ("state", "schedule_state", "opens", "closes"),
    [
        (Campaign.State.STOPPED, Schedule.State.RUNNING, -60, 60),
        (Campaign.State.STARTED, Schedule.State.NOT_RUNNING, -60, 60),
        (Campaign.State.STARTED, Schedule.State.DNC_OOS, -60, 60),
        (Campaign.State.STARTED, Schedule.State.RUNNING, 1, 60),
        (Campaign.State.STARTED, Schedule.State.RUNNING, -60, 0),
    ],
)
def test_i3_nothing_is_claimed_while_the_campaign_is_closed(
    state: str, schedule_state: str, opens: int, closes: int
) -> None:
    now = timezone.now()
    campaign = make_campaign(state=state, schedule=False)
    make_schedule(
        campaign,
        state=schedule_state,
        opens_at=now + timedelta(seconds=opens),
        closes_at=now + timedelta(seconds=closes),
    )
    lead = make_lead(campaign)
    assert claim_leads(campaign.pk, 1, now) == []
    lead.refresh_from_db()
    assert lead.pool == Lead.Pool.WAITING


def test_i1_an_open_attempt_keeps_its_lead() -> None:
    """Should a lead be back in the pool while its attempt is open, no second attempt is written."""
    campaign = make_campaign()
    lead = make_lead(campaign)
    make_attempt(lead)
    Lead.objects.update(pool=Lead.Pool.WAITING)
    assert claim_leads(campaign.pk, 1, timezone.now()) == []
    assert CallAttempt.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_i1_engines_that_claim_at_the_same_moment_never_claim_a_lead_twice() -> None:
    campaign = make_campaign()
    make_leads(campaign, 200)
    begin = threading.Barrier(8)

    def claim() -> list[int]:
        begin.wait()
        claimed: list[int] = []
        try:
            while more := claim_leads(campaign.pk, 7, timezone.now()):
                claimed += more
        finally:
            connection.close()
        return claimed

    with ThreadPoolExecutor(8) as threads:
        claims = [
            attempt for future in [threads.submit(claim) for _ in range(8)] for attempt in future.result()
        ]
    assert len(claims) == len(set(claims)) == 200
    assert CallAttempt.objects.values("lead").distinct().count() == 200
    assert not Lead.objects.exclude(pool=Lead.Pool.CLAIMED).exists()


def test_the_claim_walks_its_index_and_sorts_nothing() -> None:
    """20,000 leads of one due time, as an upload leaves them: a sort would read them all for each claim."""
    campaign, now = make_campaign(), timezone.now()
    Lead.objects.bulk_create(
        Lead(campaign=campaign, name="x", phone_number=f"55{n:08}", next_attempt_at=now)
        for n in range(20_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE leads_lead")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {CLAIM}", parameters(campaign.pk, 10, now))
        row = cursor.fetchone()
    assert row is not None
    plan = json.dumps(row[0] if isinstance(row[0], list) else json.loads(row[0]))
    assert '"Index Name": "lead_claimable"' in plan
    assert "Sort" not in plan
    assert max(_values(json.loads(plan), "Actual Rows")) <= 10


def _values(node: object, key: str) -> list[float]:
    """All values of `key` in a nested plan."""
    if isinstance(node, list):
        return [value for item in node for value in _values(item, key)]
    if isinstance(node, dict):
        own = [float(node[key])] if key in node else []
        return own + [value for item in node.values() for value in _values(item, key)]
    return []
