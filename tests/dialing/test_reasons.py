"""Each thing that keeps a campaign from dialing is told in words (SPEC 12)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign, Schedule
from dialing import reports
from dialing.engine import leader
from dialing.reasons import why_not_dialing
from dnc.models import DncService
from leads.models import Lead
from telephony.models import ContactCenter, DialerPort
from tests.factories import make_attempt, make_campaign, make_lead, make_port

pytestmark = pytest.mark.django_db

NOW = timezone.now()  # of the import: the tests may run minutes later


@pytest.fixture(autouse=True)
def an_engine_leads(db: None) -> None:
    """Until the end of the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [leader.LOCK])


def the_broker_is_away() -> None:
    reports.write("engine", "host:1", {"broker_away": 1})


def dialing_campaign() -> Campaign:
    service = DncService.objects.create(name="state list", url="https://list.example")
    campaign = make_campaign(time_zone="America/Sao_Paulo", dnc_service=service)
    make_lead(campaign, next_attempt_at=NOW)
    ContactCenter.objects.update(state=ContactCenter.State.CONNECTED)
    make_port(state=DialerPort.State.REGISTERED, worker="w", lease_until=NOW + timedelta(hours=1))
    return Campaign.objects.get(pk=campaign.pk)


def test_a_campaign_that_can_dial_has_no_reason() -> None:
    assert why_not_dialing(dialing_campaign(), NOW) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: Campaign.objects.update(state="STOPPED"), "stopped"),
        (lambda: Schedule.objects.update(closes_at=NOW), "no schedule is left"),
        (lambda: Schedule.objects.update(opens_at=NOW + timedelta(days=1)), "next schedule opens on"),
        (lambda: Schedule.objects.update(state="DNC_OOS"), "state list"),
        (lambda: DncService.objects.update(state="OUT_OF_SERVICE"), "state list"),
        (lambda: Schedule.objects.update(state="NOT_RUNNING"), "beat"),
        (lambda: Lead.objects.update(pool="DONE"), "No lead is left"),
        (lambda: Lead.objects.update(next_attempt_at="2030-01-02T15:00Z"), "until 2030-01-02 12:00"),
        (
            lambda: ContactCenter.objects.update(state="FAILED", last_error="can't be reached"),
            "can't be reached",
        ),
        (lambda: ContactCenter.objects.update(enabled=False), "disabled"),
        (lambda: DialerPort.objects.update(state="FAILED", last_error="wrong password"), "wrong password"),
        (lambda: make_attempt(), "in use"),
        (the_broker_is_away, "Valkey does not answer"),
    ],
)
def test_what_keeps_a_campaign_from_dialing(change: Callable[[], object], words: str) -> None:
    campaign = dialing_campaign()
    change()
    reason = why_not_dialing(Campaign.objects.get(pk=campaign.pk), NOW)
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize("clock", [timedelta(days=-1), timedelta(days=1)])
def test_leases_are_judged_by_the_databases_clock(clock: timedelta) -> None:
    """A host whose clock went wrong told that no port was registered, or that a lapsed one was."""
    campaign, wrong = dialing_campaign(), NOW + clock
    Schedule.objects.update(opens_at=wrong - timedelta(hours=1), closes_at=wrong + timedelta(hours=1))
    Lead.objects.update(next_attempt_at=wrong)
    assert why_not_dialing(campaign, wrong) is None
    DialerPort.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    assert "No dialer port is in service" in str(why_not_dialing(campaign, wrong))


@pytest.mark.django_db(transaction=True)
def test_without_an_engine_nobody_is_dialed_whatever_the_contact_centres_row_says() -> None:
    """The row says CONNECTED as the last engine left it, and the page said that nothing was wrong."""
    assert why_not_dialing(dialing_campaign(), NOW) == "No engine runs: nobody is dialed."
