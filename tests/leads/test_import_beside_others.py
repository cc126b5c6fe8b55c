"""What others do to a campaign while a lead file goes into it, over connections of their own."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from campaigns import deletion, services, tasks
from campaigns.models import Campaign
from leads import lead_load, uploads
from leads import services as leads
from leads.models import Lead, LeadUpload
from tests.dialing.worker_with_ports import eventually
from tests.factories import make_campaign, make_lead, make_port
from tests.patience import PATIENCE
from uploads import jobs, progress

pytestmark = pytest.mark.django_db(transaction=True)
State = LeadUpload.State


@pytest.fixture(autouse=True)
def small_blocks(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(jobs, "AT_ONCE_ROWS", 4)
    monkeypatch.setattr(jobs.UploadJobs, "_ask_for_import", lambda self: None)
    monkeypatch.setattr(lead_load, "_BLOCK", 10)


def rows(count: int) -> bytes:
    return b"".join(b"Lead %d,5541%08d\n" % (n, n) for n in range(count))


def received(campaign: Campaign, count: int = 30) -> LeadUpload:
    return uploads.receive(None, campaign, io.BytesIO(rows(count)), "a.csv")


@contextmanager
def beside(work: Callable[[], Any]) -> Iterator[threading.Thread]:
    """`work` in a thread with a connection of its own; it is over at the end."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextmanager
def import_under_way(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An import whose first block is written; it goes on at the end."""
    written, go_on = threading.Event(), threading.Event()

    def tell(self: Any, *args: Any, **kwargs: Any) -> None:
        written.set()
        assert go_on.wait(PATIENCE)

    monkeypatch.setattr(progress.Progress, "tell", tell)
    with beside(uploads.run_waiting):
        try:
            assert written.wait(PATIENCE)
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            yield
        finally:
            go_on.set()
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")


def someone_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def test_a_lead_that_somebody_adds_at_the_same_moment_is_in_once() -> None:
    campaign = make_campaign(started=False)
    upload = received(campaign)
    with ExitStack() as both:  # noqa: SIM117  the inner one ends first
        with transaction.atomic():
            make_lead(campaign, phone_number="554100000015", pk=10**6)  # far from the leads of the file
            both.enter_context(beside(uploads.run_waiting))
            eventually(someone_waits_for_a_lock)  # for the outcome of this very lead
    upload.refresh_from_db()
    assert (upload.state, upload.read_rows, upload.added, upload.duplicate) == (State.DONE, 30, 29, 1)
    assert "the campaign has this number" in upload.refused_rows
    assert campaign.leads.count() == campaign.leads.values("phone_number").distinct().count() == 30


def test_a_campaign_is_not_started_while_leads_come_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = make_campaign(started=False)
    make_lead(campaign)
    upload = received(campaign)
    with pytest.raises(ValidationError, match=r"leads of a\.csv are being imported"):
        services.start_campaign(None, campaign)
    with import_under_way(monkeypatch), pytest.raises(ValidationError, match=r"leads of a\.csv"):
        services.start_campaign(None, campaign)
    upload.refresh_from_db()
    assert upload.added == 30


def test_nobody_who_edits_or_stops_waits_for_an_import(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.UPLOAD_TO_STARTED = True
    campaign = make_campaign(started=False)
    lead = make_lead(campaign)
    make_port()
    upload = received(campaign)
    with import_under_way(monkeypatch):
        leads.update_lead(
            None, lead, name=lead.name, phone_number=lead.phone_number, description="since 2019"
        )
        assert services.start_campaign(None, campaign)
        assert services.stop_campaign(None, campaign)
        assert services.start_campaign(None, campaign)
    upload.refresh_from_db()
    assert (upload.state, upload.added, campaign.leads.count()) == (State.DONE, 30, 31)


def test_files_come_into_a_started_campaign_where_the_installation_lets_them(settings: Any) -> None:
    with pytest.raises(ValidationError, match="started"):
        received(make_campaign(started=True))
    settings.UPLOAD_TO_STARTED = True
    campaign = make_campaign(started=True)
    received(campaign)
    assert uploads.run_waiting() == 1
    assert campaign.leads.count() == 30
    with pytest.raises(ValidationError, match="started"):
        leads.add_lead(None, campaign, name="Mary", phone_number="554112345678", description="")


@pytest.mark.parametrize("let_in", [False, True], ids=["into stopped ones", "into started ones"])
def test_a_campaign_that_is_deleted_meanwhile_takes_every_lead_with_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch, let_in: bool
) -> None:
    settings.UPLOAD_TO_STARTED = let_in
    monkeypatch.setattr(deletion, "AT_ONCE", 0)
    monkeypatch.setattr(tasks, "ask_for_deletion", lambda: None)
    campaign = make_campaign(started=False)
    make_lead(campaign)
    upload = received(campaign)
    with ExitStack() as both:  # noqa: SIM117  the inner one ends first
        with import_under_way(monkeypatch):
            assert deletion.begin(campaign)
            both.enter_context(beside(deletion.run_waiting))
            eventually(someone_waits_for_a_lock)  # the deletion for the end of the import
    assert not Campaign.objects.exists()
    assert not Lead.objects.exists()
    assert not LeadUpload.objects.filter(pk=upload.pk).exists()
