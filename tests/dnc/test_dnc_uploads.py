"""Files of numbers: small ones at once, large ones by the jobs worker; add and replace, at page and API (SPEC 8)."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Role, User
from dnc import bulk_load, uploads
from dnc.models import DncNumber, DncRemoval, DncUpload
from tests import factories as make
from tests.web.web_world import signed_in
from uploads import jobs, kept_files

pytestmark = pytest.mark.django_db
ROWS = b"number\n554181021119\nx9\n554181021120;asked\n554181021119\n"
ADD = "/dnc/dncupload/add/"


@pytest.fixture(autouse=True)
def kept_in_a_folder_of_its_own(settings: Any, tmp_path: Any) -> None:
    settings.VAR_DIR = tmp_path


@pytest.fixture
def master() -> User:
    return make.make_user(Role.MASTER, [], username="root")


def post(browser: Client, content: bytes = ROWS, **fields: Any) -> Any:
    return browser.post(ADD, {"file": SimpleUploadedFile("list.csv", content), **fields}, follow=True)


def numbers() -> set[int]:
    return set(DncNumber.objects.values_list("pk", flat=True))


def test_the_page_adds_numbers_and_tells_of_the_wrong_lines(master: User) -> None:
    DncNumber.objects.create(number=554100000000)
    ana = make.make_user()
    browser = signed_in(ana)
    page = post(browser, replace="on").content.decode()
    assert "list.csv: 2 added, 1 duplicate, 1 invalid." in page
    assert numbers() == {554100000000, 554181021119, 554181021120}, "only Masters replace"
    upload = DncUpload.objects.get()
    refused = browser.get(f"/dnc/dncupload/{upload.pk}/refused/").content.decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in refused] == ["line", "3"]
    assert "x9" in refused[1]
    assert (upload.uploaded_by, upload.replace) == (ana, False)


def test_a_master_replaces_the_list_and_each_number_that_goes_keeps_who_and_why(master: User) -> None:
    DncNumber.objects.create(number=554100000000)
    post(signed_in(master), replace="on")
    assert numbers() == {554181021119, 554181021120}
    assert DncUpload.objects.get().removed == 1
    removal = DncRemoval.objects.get()
    assert (removal.number, removal.removed_by) == (554100000000, master)
    assert "list.csv" in removal.reason


def test_a_large_file_is_loaded_in_the_background_with_progress(
    master: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "AT_ONCE_ROWS", 1)
    browser = signed_in(master)
    page = post(browser).content.decode()
    upload = DncUpload.objects.get()
    source = f"/dnc/dncupload/{upload.pk}/progress/"
    assert "in the background" in page
    assert source in page
    assert (upload.state, numbers()) == ("WAITING", set())
    DncUpload.objects.update(state="RUNNING", read_bytes=upload.size // 2)
    figures = browser.get(source).json()
    assert figures[f"u{upload.pk}.percent"] > 20
    assert figures[f"u{upload.pk}.read"] == f"{upload.size // 2}\xa0bytes"
    DncUpload.objects.update(state="WAITING")
    assert uploads.run_waiting() == 1
    figures = browser.get(source).json()
    assert (figures["running"], figures[f"u{upload.pk}.added"]) == (False, "2")
    assert not kept_files.path_of(upload).exists()


@pytest.mark.django_db(transaction=True)
def test_how_much_is_read_is_told_while_the_load_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "AT_ONCE_ROWS", 1)
    monkeypatch.setattr(jobs.UploadJobs, "_ask_for_import", lambda self: None)
    monkeypatch.setattr("uploads.progress.EVERY", 0.0)
    monkeypatch.setattr(uploads, "_READ_AT_ONCE", 1300)
    seen: list[int] = []
    original = bulk_load._read

    def was_read(lines: Any) -> Any:
        found = original(lines)
        seen.append(DncUpload.objects.values_list("read_bytes", flat=True).get())
        return found

    monkeypatch.setattr(bulk_load, "_read", was_read)
    stream = SimpleUploadedFile("a.csv", b"".join(b"5541%08d\n" % n for n in range(500)))
    upload = uploads.receive(None, stream, "a.csv")
    uploads.run_waiting()
    assert seen == [upload.size]
    assert DncUpload.objects.get().added == 500


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04rest", "workbook"),
        (b"%PDF-1.7", "PDF"),
        (b"\x00\x01\x02" * 50, "not a text file"),
    ],
)
def test_a_file_that_is_no_list_is_refused_in_words(master: User, content: bytes, words: str) -> None:
    assert words in str(post(signed_in(master), content).context["adminform"].form.errors)
    assert not DncUpload.objects.exists()


def test_numbers_in_utf_16_are_read(master: User) -> None:
    post(signed_in(master), "554181021119\r\n554181021120\r\n".encode("utf-16"))
    assert numbers() == {554181021119, 554181021120}


def test_wrong_lines_beyond_what_memory_holds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_load, "MOST_LISTED", 2)
    upload = uploads.receive(None, SimpleUploadedFile("a", b"x1\nx2\nx3\n554181021119\n"), "a")
    assert (upload.added, upload.invalid) == (1, 3)
    assert len(upload.refused_rows.splitlines()) == 4
    assert "1 more lines" in upload.refused_rows


def test_of_two_masters_who_replace_the_list_the_second_is_told(master: User) -> None:
    first, second = signed_in(make.make_user(Role.MASTER, [], username="bob")), signed_in(master)
    newest = second.get(ADD).context["adminform"].form["newest"].value()
    post(first, b"554181021111\n", replace="on", newest=newest)
    told = post(second, replace="on", newest=newest).content.decode()
    assert "bob has uploaded “list.csv” since you opened this page" in told
    assert numbers() == {554181021111}
    fresh = second.get(ADD).context["adminform"].form["newest"].value()
    post(second, replace="on", newest=fresh)
    assert numbers() == {554181021119, 554181021120}


def test_others_see_their_own_uploads_only(master: User) -> None:
    post(signed_in(master))
    upload = DncUpload.objects.get()
    assert signed_in(make.make_user()).get(f"/dnc/dncupload/{upload.pk}/change/").status_code == 404
    supervisor = make.make_user(Role.CAMPAIGN_SUPERVISOR)
    assert signed_in(supervisor).get("/dnc/dncupload/").status_code == 403
    assert "list.csv" in signed_in(master).get("/dnc/dncupload/").content.decode()
