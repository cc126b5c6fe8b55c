"""Kept counts equal a full count, whatever changed the leads, and by however many at once."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Count, F, Sum
from django.utils import timezone

from campaigns import selectors, services
from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing.claim import claim_leads
from leads import counts, search, uploads
from leads.models import CallAttempt, Lead, LeadCount, LeadStatus
from tests.factories import make_campaign, make_lead, make_port
from tests.patience import PATIENCE


def kept() -> dict[tuple[int, str, str], tuple[int, int]]:
    rows = LeadCount.objects.values_list("campaign", "status", "pool").annotate(Sum("leads"), Sum("calls"))
    return {row[:3]: row[3:] for row in rows.order_by() if row[3:] != (0, 0)}


def counted() -> dict[tuple[int, str, str], tuple[int, int]]:
    rows = Lead.objects.values_list("campaign", "status", "pool").annotate(Count("id"), Sum("attempts"))
    return {row[:3]: row[3:] for row in rows.order_by()}


def at_once(*works: Callable[[random.Random], None]) -> None:
    errors: list[BaseException] = []

    def run(work: Callable[[random.Random], None], seed: int) -> None:
        try:
            work(random.Random(seed))
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    running = [threading.Thread(target=run, args=(work, seed)) for seed, work in enumerate(works)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    assert not errors, errors


@pytest.mark.django_db(transaction=True)
def test_counts_are_those_of_a_full_count_after_a_storm_of_everything_at_once() -> None:
    campaigns = [make_campaign(), make_campaign()]
    for campaign in campaigns:
        for _ in range(60):
            make_lead(campaign)
    stopped = make_campaign(started=False)
    ports = [make_port().pk for _ in range(4)]

    def call(rng: random.Random) -> None:
        port = ports.pop()
        for _ in range(20):
            for attempt in claim_leads(rng.choice(campaigns).pk, rng.randint(1, 2), timezone.now()):
                if attempts.start(attempt, "w", port) is None or rng.random() < 0.2:
                    attempts.take_back(attempt, "w", "no port")
                    attempts.withdraw(attempt, "not started")
                    continue
                result = rng.choice([LeadStatus.SUCCESS, LeadStatus.BUSY, LeadStatus.UNKNOWN])
                attempts.finish(attempt, attempts.Outcome(result, timezone.now() - timedelta(days=1)))
            counts.fold(0)

    def manage(rng: random.Random) -> None:
        for turn in range(6):
            lines = "".join(f"N,55418{rng.randrange(10**7):07}\n" for _ in range(50))
            uploads.import_leads(None, stopped, BytesIO(lines.encode()), "x.csv")
            with transaction.atomic():
                Lead.objects.filter(campaign=stopped).update(attempts=F("attempts") + 1, status="FAILED")
                if turn % 2:
                    transaction.set_rollback(True)
            Lead.objects.filter(campaign=stopped, pk__in=Lead.objects.filter(campaign=stopped)[:20]).delete()
            services.update_campaign(None, stopped, max_attempts=1 + turn % 3)
            counts.fold(0)

    at_once(call, call, call, call, manage)
    assert kept() == counted()
    assert CallAttempt.objects.exclude(ended_at=None).count() > 30
    counts.fold(0)
    assert kept() == counted()
    assert LeadCount.objects.count() == len(counted())
    for campaign in (*campaigns, stopped):
        summary = selectors.summary(campaign)
        leads = Lead.objects.filter(campaign=campaign)
        assert (summary.total, summary.attempts) == (leads.count(), leads.aggregate(n=Sum("attempts"))["n"])
        assert summary.next_due == min(
            leads.filter(pool="WAITING").values_list("next_attempt_at", flat=True), default=None
        )


@pytest.mark.django_db(transaction=True)
def test_a_killed_connection_takes_its_changes_and_their_counts_with_it() -> None:
    campaign = make_campaign()
    for _ in range(30):
        make_lead(campaign)
    before = kept()
    other = connection.copy()
    try:
        with other.cursor() as cursor, connection.cursor() as killer:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
            cursor.execute("BEGIN")
            cursor.execute("UPDATE leads_lead SET pool = 'DONE', attempts = 3")
            cursor.execute("DELETE FROM leads_lead WHERE id % 2 = 0")
            killer.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
            with pytest.raises(OperationalError):
                cursor.execute("COMMIT")
    finally:
        other.close()
    assert kept() == counted() == before


@pytest.mark.django_db(transaction=True)
def test_copy_and_truncation_by_hand_are_counted_too() -> None:
    campaign = make_campaign(started=False)
    with connection.cursor() as cursor:
        with cursor.copy(
            "COPY leads_lead (campaign_id, name, description, phone_number, attempts, status, pool, next_attempt_at)"
            " FROM STDIN"
        ) as copy:
            for n in range(500):
                copy.write_row((campaign.pk, "A", "", f"55{n:09}", n % 3, "BUSY", "WAITING", timezone.now()))
        assert kept() == counted() == {(campaign.pk, "BUSY", "WAITING"): (500, 499)}
        cursor.execute("TRUNCATE leads_lead CASCADE")
        assert kept() == counted() == {}


@pytest.mark.django_db(transaction=True)
def test_no_lead_without_its_campaign_and_a_deleted_campaign_leaves_no_count() -> None:
    campaign = make_campaign(started=False)
    make_lead(campaign)
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM campaigns_schedule; DELETE FROM campaigns_campaign WHERE id = %s", [campaign.pk]
        )
    with pytest.raises(IntegrityError):
        Lead.objects.create(campaign_id=campaign.pk + 1000, name="A", phone_number="5541")
    with pytest.raises(IntegrityError):
        Lead.objects.update(campaign_id=campaign.pk + 1000)
    services.delete_campaign(None, Campaign.objects.get(pk=campaign.pk))
    counts.fold(0)
    assert not LeadCount.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_lead_that_comes_while_its_campaign_is_deleted_is_refused_or_keeps_it() -> None:
    campaign = make_campaign(started=False, schedule=False)
    with psycopg.connect(
        connection.connection.info.dsn, password=connection.settings_dict["PASSWORD"]
    ) as other:
        other.execute("DELETE FROM campaigns_campaign WHERE id = %s", [campaign.pk])
        refused: list[type[BaseException]] = []

        def add() -> None:
            try:
                make_lead(campaign)
            except IntegrityError as error:
                refused.append(type(error))
            finally:
                connection.close()

        thread = threading.Thread(target=add)
        thread.start()
        while thread.is_alive() and not waits():
            pass
        other.commit()
        thread.join(PATIENCE)
    assert refused == [IntegrityError]
    assert not Lead.objects.exists()


def waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.parametrize("restored", ["twice", "without triggers"])
def test_a_recount_sets_right_what_a_restore_has_left(
    restored: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pg_restore --data-only` writes the kept counts, and its leads fire the triggers that count them once more."""
    campaign = make_campaign(started=False)
    leads = [make_lead(campaign, name=f"Ana {n}") for n in range(3)]
    with connection.cursor() as cursor:
        if restored == "twice":
            cursor.execute(
                "INSERT INTO leads_leadcount SELECT id + 1000, status, pool, leads, calls, campaign_id FROM leads_leadcount"
            )
        else:
            cursor.execute("DELETE FROM leads_leadcount")
            cursor.execute("UPDATE leads_leadtext SET text = 'SOMEBODY ELSE'")
    assert kept() != counted()
    call_command("recount")
    assert kept() == counted()
    assert "counted 3 leads" in capsys.readouterr().out
    assert search.first_found(Lead.objects.all(), "ana") == [lead.pk for lead in leads]
