"""The Masters' page of leaks and repairs, and `/metrics`: both tell what the processes reported."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from accounts.models import Role
from dialing import attempt as attempts
from dialing import reports, tallies
from dialing.claim import claim_leads
from dialing.models import ProcessReport, Repair
from leads.models import Lead, LeadStatus
from tests.factories import make_campaign, make_lead, make_leads, make_port, make_user
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db


def scraped() -> dict[tuple[str, ...], float]:
    """Name and label values -> value, as Prometheus reads it."""
    text = Client().get("/metrics").content.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


def test_metrics_tell_calls_results_leaks_and_processes() -> None:
    tallies.flush()
    before = scraped()
    campaign = make_campaign()
    make_leads(campaign, 3)
    busy, _claimed = claim_leads(campaign.pk, 2, timezone.now())
    attempts.start(busy, "host:1", make_port().pk)
    attempts.finish(busy, attempts.Outcome(LeadStatus.BUSY, timezone.now()))
    make_lead(campaign, pool=Lead.Pool.CLAIMED)
    tallies.count(tallies.RESULTS, "BUSY")
    tallies.observe(tallies.PROMPTNESS, 42, tallies.PROMPTNESS_MS)
    reports.write("calls", "host:1", {"dialogs": 7, "sockets_without_call": 2})
    ProcessReport.objects.create(
        name="calls gone:2",
        kind="calls",
        reported_at=timezone.now() - timedelta(minutes=5),
        numbers={"dialogs": 9},
    )
    found = scraped()
    assert found["dialer_calls", "claimed"] == 1
    assert found["dialer_results_total", "busy"] == before["dialer_results_total", "busy"] + 1
    assert found["dialer_leaks", "leads_without_attempt"] == 1
    assert found["dialer_leaks", "sockets_without_call"] == 2
    assert found["dialer_process_dialogs", "calls", "host:1"] == 7
    assert ("dialer_process_dialogs", "calls", "gone:2") not in found
    name = "dialer_agent_free_to_invite_seconds"
    assert (found[f"{name}_bucket", "0.03"], found[f"{name}_bucket", "0.05"], found[f"{name}_count",]) == (
        0,
        1,
        1,
    )
    assert found["dialer_repairs_total", Repair.CALL_HUNG_UP] == 0


def test_metrics_ask_for_their_token(settings: Settings) -> None:
    settings.METRICS_TOKEN = "scraper"
    assert Client().get("/metrics").status_code == 401
    assert Client().get("/metrics", headers={"Authorization": "Bearer scrape"}).status_code == 401
    assert Client().get("/metrics", headers={"Authorization": "Bearer scraper"}).status_code == 200


def test_the_page_of_leaks_is_the_masters(django_assert_max_num_queries: object) -> None:
    make_lead(pool=Lead.Pool.CLAIMED)
    tallies.count_now(tallies.REPAIRS, Repair.LEAD_FREED, 12)
    reports.write("calls", "host-a:1", {"dialogs": 5})
    master = signed_in(make_user(Role.MASTER))
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        page = master.get("/diagnostics/leaks/").content.decode()
    assert "Leads in a call without an open attempt" in page
    assert 'd-bad">1<' in page
    assert ">12<" in page
    assert "host-a:1" in page
    for role in (Role.MANAGER, Role.CAMPAIGN_ADMINISTRATOR, Role.CAMPAIGN_SUPERVISOR):
        assert signed_in(make_user(role)).get("/diagnostics/leaks/").status_code == 403
