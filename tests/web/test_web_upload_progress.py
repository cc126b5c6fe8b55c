"""A large upload on the page and in the API: waiting, moving, done, with the same counts at both doors."""

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from leads import uploads
from leads.models import LeadUpload
from tests import factories as make
from tests.web.web_world import signed_in
from uploads import jobs

pytestmark = pytest.mark.django_db
ROWS = b"".join(b"Lead %d,5541%08d\n" % (n, n) for n in range(20)) + b"Nobody,\n"


@pytest.fixture(autouse=True)
def everything_is_large(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(jobs, "AT_ONCE_ROWS", 4)


@pytest.fixture
def browser() -> Client:
    return signed_in(make.make_user())


@pytest.fixture
def campaign(browser: Client) -> Any:
    from accounts.models import User

    return make.make_campaign(group=User.objects.get().dialer_groups.get(), started=False)


def test_the_page_shows_how_far_the_import_is(browser: Client, campaign: Any) -> None:
    file = SimpleUploadedFile("leads.csv", ROWS)
    answer = browser.post("/leads/leadupload/add/", {"campaign": campaign.pk, "file": file})
    answer = browser.post(answer["Location"], {"import": ""})
    upload = LeadUpload.objects.get()
    assert answer["Location"] == f"/leads/leadupload/{upload.pk}/change/"
    page = browser.get(answer["Location"]).content.decode()
    source = f"/leads/leadupload/{upload.pk}/progress/"
    assert source in page
    assert "in the background" in page
    LeadUpload.objects.update(state="RUNNING", read_bytes=upload.size // 2, read_rows=1234)
    figures = browser.get(source).json()
    assert (figures["running"], figures[f"u{upload.pk}.percent"]) == (True, 35)
    assert figures[f"u{upload.pk}.read"] == "1,234 rows read"
    uploads.run_waiting()
    figures = browser.get(source).json()
    assert (figures["running"], figures[f"u{upload.pk}.added"]) == (False, "20")
    assert figures[f"u{upload.pk}.refused"] is True
    page = browser.get(answer["Location"]).content.decode()
    assert source not in page
    assert f"/leads/leadupload/{upload.pk}/refused/" in page
    assert signed_in(make.make_user()).get(source).status_code == 404


def test_the_api_answers_202_and_the_upload_tells_the_rest(browser: Client, campaign: Any) -> None:
    address = f"/api/v1/campaigns/{campaign.pk}/leads/upload"
    file = BytesIO(ROWS)
    file.name = "leads.csv"
    answer = browser.post(address, {"file": file})
    assert answer.status_code == 202, answer.content
    told = answer.json()
    assert (told["state"], told["percent"], told["added"]) == ("WAITING", 0, 0)
    uploads.run_waiting()
    done = browser.get(f"{address}/{told['id']}").json()
    assert (done["state"], done["percent"], done["added"], done["invalid"]) == ("DONE", 100, 20, 1)
    assert browser.get(done["refused_rows"]).content.decode("utf-8-sig").splitlines()[1].startswith("21,")
