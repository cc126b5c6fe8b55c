"""Large lead files are imported in the background: atomic, resumed after a crash, failed with a reason."""

import io
import time
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from leads import lead_load, uploads
from leads.models import Lead, LeadUpload
from tests.factories import make_campaign
from tests.patience import PATIENCE
from uploads import jobs, kept_files, progress

pytestmark = pytest.mark.django_db
State = LeadUpload.State


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(jobs, "AT_ONCE_ROWS", 4)


def rows(count: int, first: int = 0) -> bytes:
    return b"".join(b"Lead %d,5541%08d\n" % (n, n) for n in range(first, first + count))


def received(data: bytes, **campaign: Any) -> LeadUpload:
    return uploads.receive(None, make_campaign(started=False, **campaign), io.BytesIO(data), "a.csv")


def outcome(upload: LeadUpload) -> LeadUpload:
    uploads.run_waiting()
    return LeadUpload.objects.get(pk=upload.pk)


def test_a_small_file_is_imported_at_once_and_nothing_is_kept() -> None:
    upload = received(rows(3))
    assert (upload.state, upload.added, upload.percent) == (State.DONE, 3, 100)
    assert not kept_files.path_of(upload).exists()


def test_a_large_file_waits_then_is_imported_and_its_file_removed() -> None:
    upload = received(rows(50) + b"Nobody,call me\n" + rows(2))
    assert (upload.state, upload.percent, Lead.objects.count()) == (State.WAITING, 0, 0)
    assert kept_files.path_of(upload).stat().st_size == upload.size
    done = outcome(upload)
    assert (done.state, done.added, done.duplicate, done.invalid) == (State.DONE, 50, 2, 1)
    assert (done.read_rows, done.read_bytes, done.runs) == (53, done.size, 1)
    assert [line.split(",")[0] for line in done.refused_rows.splitlines()] == ["line", "51", "52", "53"]
    assert not kept_files.path_of(upload).exists()
    assert uploads.run_waiting() == 0


def test_the_reasons_are_in_the_language_of_the_sender() -> None:
    from django.utils import translation

    with translation.override("pt"):
        upload = received(rows(5) + b"Nobody,\n")
    assert "the phone number is missing" not in outcome(upload).refused_rows


def test_an_import_that_was_cut_off_is_begun_again_and_three_times_at_most() -> None:
    upload = received(rows(5))
    LeadUpload.objects.update(state=State.RUNNING, runs=2, read_rows=4)  # what kill -9 leaves behind
    again = outcome(upload)
    assert (again.state, again.runs, again.added) == (State.DONE, 3, 5)
    upload = received(rows(5, first=100))
    LeadUpload.objects.filter(pk=upload.pk).update(state=State.RUNNING, runs=jobs.MOST_RUNS)
    failed = outcome(upload)
    assert (failed.state, failed.added) == (State.FAILED, 0)
    assert "cut off 3 times" in failed.error
    assert not kept_files.path_of(upload).exists()


def test_a_failure_in_the_last_step_leaves_no_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(upload_id: int) -> None:
        assert Lead.objects.exists()
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(lead_load, "keep_refused", fails)
    failed = outcome(received(rows(5)))
    assert failed.state == State.FAILED
    assert "log" in failed.error
    assert not Lead.objects.exists()


def test_a_campaign_started_meanwhile_or_a_lost_file_fail_with_a_reason() -> None:
    upload = received(rows(5))
    type(upload.campaign).objects.update(state="STARTED")
    assert "started" in outcome(upload).error
    type(upload.campaign).objects.update(state="STOPPED")
    lost = received(rows(5))
    kept_files.remove(lost)
    assert (outcome(lost).state, Lead.objects.count()) == (State.FAILED, 0)
    assert "not on this host" in outcome(lost).error


def test_a_large_file_that_can_not_be_read_is_refused_at_once() -> None:
    with pytest.raises(ValidationError, match="not a text file"):
        received(b"\x00\n" * 100)
    assert not LeadUpload.objects.exists()


def test_only_one_process_imports_at_a_time() -> None:
    upload = received(rows(5))
    beside: Any = connection.copy()
    try:
        with beside.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [uploads.JOBS.lock])
        assert outcome(upload).state == State.WAITING
    finally:
        beside.close()  # as a process that dies gives it back
    deadline = time.monotonic() + PATIENCE
    while uploads.run_waiting() == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert LeadUpload.objects.get(pk=upload.pk).state == State.DONE


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_while_the_import_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead_load, "_BLOCK", 10)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(jobs.UploadJobs, "_ask_for_import", lambda self: None)
    upload = received(rows(60))
    seen: list[tuple[str, int]] = []
    original = progress.Progress.tell

    def tell(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        beside: Any = connection.copy()
        with beside.cursor() as cursor:
            cursor.execute("SELECT state, read_rows FROM leads_leadupload WHERE id = %s", [upload.pk])
            seen.append(cursor.fetchone())
        beside.close()

    monkeypatch.setattr(progress.Progress, "tell", tell)
    assert outcome(upload).added == 60
    assert {state for state, _rows in seen} == {"RUNNING"}
    assert [rows for _state, rows in seen] == [10, 20, 30, 40, 50, 60, 60]


def test_left_over_files_are_swept() -> None:
    upload = received(rows(5))
    other = kept_files.path_of(LeadUpload(pk=10**9))
    other.write_bytes(b"x")
    kept_files.sweep(LeadUpload, [upload.pk], older_than=-1)
    assert not other.exists()
    assert kept_files.path_of(upload).exists()
