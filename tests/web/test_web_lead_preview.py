"""A lead file is looked at before it is imported: columns, reasons, encodings, corrections, two people (SPEC 6)."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from leads import uploads
from leads.models import Lead, LeadUpload
from tests import factories as make
from tests.leads.test_workbooks import book
from tests.web.web_world import signed_in
from uploads import jobs, kept_files

pytestmark = pytest.mark.django_db
MIXED = "Code;Wer;Wohin\n17;João;+55 41 8301-5031\n18;Zoé;letters\n19;Ana;554183015039\n".encode("cp1252")


@pytest.fixture(autouse=True)
def kept_in_a_folder_of_its_own(settings: Any, tmp_path: Any) -> None:
    settings.VAR_DIR = tmp_path


@pytest.fixture
def ana() -> User:
    return make.make_user()


@pytest.fixture
def browser(ana: User) -> Client:
    return signed_in(ana)


@pytest.fixture
def campaign(ana: User) -> Any:
    return make.make_campaign(group=ana.dialer_groups.get(), started=False)


def held(browser: Client, campaign: Any, content: bytes, name: str = "leads.csv") -> str:
    """Address of the page that shows the file."""
    file = SimpleUploadedFile(name, content)
    answer = browser.post("/leads/leadupload/add/", {"campaign": campaign.pk, "file": file})
    upload = LeadUpload.objects.get(file_name=name)
    assert (upload.state, Lead.objects.count()) == ("HELD", 0)
    assert answer["Location"] == f"/leads/leadupload/{upload.pk}/preview/"
    return answer["Location"]


def leads() -> list[tuple[str, str, str]]:
    return list(Lead.objects.order_by("id").values_list("name", "phone_number", "description"))


def test_the_page_shows_rows_columns_and_why_and_imports_nothing(browser: Client, campaign: Any) -> None:
    rows = b"Phone,Name,Notes\n" + b"".join(b"55418301%04d,Mary %d,vip\n" % (n, n) for n in range(50))
    page = browser.get(held(browser, campaign, rows))
    form = page.context["form"]
    assert [form[name].value() for name in ("name", "number", "description", "header")] == [2, 1, 3, 1]
    words = page.content.decode()
    assert "the header says “Phone”" in words
    assert "Mary 9" in words
    assert "Mary 10" not in words
    assert not Lead.objects.exists()


def test_columns_are_corrected_and_the_page_shows_what_comes_of_it(browser: Client, campaign: Any) -> None:
    address = held(browser, campaign, MIXED)
    wrong = browser.get(address)
    assert wrong.context["form"]["number"].value() == 3  # its cells look like phone numbers
    assert "read as Windows-1252" in wrong.content.decode()
    chosen = {"name": 2, "number": 3, "description": 1, "header": 1, "encoding": "cp1252"}
    again = browser.post(address, {**chosen, "look": ""})
    assert [row["row"].number for row in again.context["rows"]] == ["554183015031", "", "554183015039"]
    assert "is not a phone number" in again.content.decode()
    assert "you chose it" in again.content.decode()
    assert not Lead.objects.exists()
    done = browser.post(address, {**chosen, "import": ""})
    upload = LeadUpload.objects.get()
    assert done["Location"] == f"/leads/leadupload/{upload.pk}/change/"
    assert (upload.state, upload.added, upload.invalid) == ("DONE", 2, 1)
    assert leads() == [("João", "554183015031", "17"), ("Ana", "554183015039", "19")]
    assert not kept_files.path_of(upload).exists()


def test_a_workbook_is_shown_and_imported_likewise(browser: Client, campaign: Any) -> None:
    address = held(
        browser, campaign, book(("id", "who", "call"), (1, "Ana", 554183015031)).getvalue(), "a.xlsx"
    )
    page = browser.get(address)
    assert "encoding" not in page.context["form"].fields
    browser.post(address, {"name": 2, "number": 3, "description": 0, "header": 1, "import": ""})
    assert leads() == [("Ana", "554183015031", "")]


@pytest.mark.parametrize(
    ("content", "chosen", "words"),
    [
        (MIXED, {"encoding": "utf-8"}, "Line 2 can&#x27;t be read as UTF-8"),
        (b"\xef\xbb\xbfA,554183015031\nB\xe9,554183015032\n", {}, "Line 2 has characters that are not UTF-8"),
        (MIXED, {"number": 9}, "The file has no column 9; it has 3."),
        (b"Mary;called in May\nJohn;never\n", {}, "None of these rows would become a lead"),
    ],
)
def test_what_does_not_fit_is_said_in_words(
    browser: Client, campaign: Any, content: bytes, chosen: dict[str, Any], words: str
) -> None:
    address = held(browser, campaign, content)
    page = browser.post(address, {**chosen, "look": ""}) if chosen else browser.get(address)
    assert words in page.content.decode()
    if chosen:
        browser.post(address, {**chosen, "import": ""})
        assert not Lead.objects.exists()


def test_utf_16_without_a_mark_is_read(browser: Client, campaign: Any) -> None:
    browser.post(held(browser, campaign, "João,554183015031\n".encode("utf-16-le")), {"import": ""})
    assert leads() == [("João", "554183015031", "")]


def test_a_large_file_is_imported_in_the_background_as_it_was_confirmed(
    browser: Client, campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "AT_ONCE_ROWS", 1)
    address = held(browser, campaign, MIXED)
    browser.post(address, {"name": 2, "number": 3, "description": 0, "header": 1, "import": ""})
    assert (LeadUpload.objects.get().state, leads()) == ("WAITING", [])
    uploads.run_waiting()
    assert leads() == [("João", "554183015031", ""), ("Ana", "554183015039", "")]


def test_two_people_confirm_one_file_and_the_second_is_told(
    browser: Client, ana: User, campaign: Any
) -> None:
    address = held(browser, campaign, b"A,554183015031\n")
    bob = make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [campaign.group], username="bob")
    assert signed_in(bob).post(address, {"import": ""}).status_code == 302
    second = browser.post(address, {"import": ""}, follow=True)
    assert "bob has had this file imported already." in second.content.decode()
    upload = LeadUpload.objects.get()
    with pytest.raises(Exception, match="imported already"):
        uploads.discard(ana, upload)
    assert (upload.added, upload.uploaded_by, Lead.objects.count()) == (1, bob, 1)


def test_a_campaign_started_meanwhile_takes_no_leads_and_the_file_can_wait(
    browser: Client, campaign: Any
) -> None:
    address = held(browser, campaign, b"A,554183015031\n")
    type(campaign).objects.update(state="STARTED")
    refused = browser.post(address, {"import": ""}, follow=True)
    assert "The campaign is started" in refused.content.decode()
    assert (LeadUpload.objects.get().state, leads()) == ("HELD", [])
    type(campaign).objects.update(state="STOPPED")
    browser.post(address, {"import": ""})
    assert len(leads()) == 1


def test_a_discarded_or_forgotten_file_is_gone_from_the_disk(browser: Client, campaign: Any) -> None:
    address = held(browser, campaign, b"A,554183015031\n")
    kept = kept_files.path_of(LeadUpload.objects.get())
    assert kept.exists()
    browser.post(address, {"discard": ""})
    assert [kept.exists(), LeadUpload.objects.count(), Lead.objects.count()] == [False, 0, 0]
    held(browser, campaign, b"A,554183015031\n")
    LeadUpload.objects.update(uploaded_at=timezone.now() - jobs.HELD_FOR * 2)
    uploads.run_waiting()
    assert not LeadUpload.objects.exists()


def test_another_groups_file_is_not_there(browser: Client, campaign: Any) -> None:
    address = held(browser, campaign, b"A,554183015031\n")
    stranger = signed_in(make.make_user())
    assert stranger.get(address).status_code == stranger.post(address, {"import": ""}).status_code == 404
    assert not Lead.objects.exists()
