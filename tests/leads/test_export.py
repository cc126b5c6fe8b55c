"""Exports of leads and call records: what the list shows, safe to open, fit to upload again."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from openpyxl import load_workbook

from leads import uploads
from leads.models import Lead
from tests.factories import make_campaign, make_lead, make_user

pytestmark = pytest.mark.django_db

FORMULA = '=HYPERLINK("http://evil.example","Mary")'


@pytest.fixture
def browser(client: Client) -> Client:
    user = make_user()
    campaign = make_campaign(started=False, group=user.dialer_groups.get(), name="Ours")
    make_lead(campaign, name=FORMULA, phone_number="554183015031", status="BUSY", attempts=2)
    make_lead(campaign, name="Zoë; “Z”", phone_number="00800123", description="-1 day")
    make_lead(campaign, name="Done Dora", status="SUCCESS", pool="DONE")
    make_lead(make_campaign(), name="Somebody else's")
    client.force_login(user, backend="accounts.backends.RoleBackend")
    return client


def body(answer: Any) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def test_the_list_is_exported_as_it_is_filtered_and_no_cell_is_a_formula(browser: Client) -> None:
    page = browser.get("/leads/lead/?progress=all").content.decode()
    assert "/leads/lead/export.csv?progress=all" in page
    rows = list(csv.DictReader(io.StringIO(body(browser.get("/leads/lead/export.csv")).decode("utf-8-sig"))))
    assert [(row["name"], row["phone_number"], row["status"]) for row in rows] == [
        (f"'{FORMULA}", "554183015031", "BUSY"),
        ("Zoë; “Z”", "00800123", "NOT_CALLED"),
    ]
    assert rows[1]["description"] == "'-1 day"
    book = load_workbook(io.BytesIO(body(browser.get("/leads/lead/export.xlsx?progress=all"))))
    cells = list(book.worksheets[0].iter_rows(min_row=2))
    assert [(row[0].value, row[0].data_type, row[1].value) for row in cells][:2] == [
        (FORMULA, "s", "554183015031"),
        ("Zoë; “Z”", "s", "00800123"),
    ]
    assert len(cells) == 3


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_is_uploaded_again_without_a_change_to_a_number(browser: Client, kind: str) -> None:
    file = io.BytesIO(body(browser.get(f"/leads/lead/export.{kind}?progress=all")))
    other = make_campaign(started=False)
    upload = uploads.import_leads(None, other, file, f"leads.{kind}")
    assert (upload.added, upload.invalid) == (3, 0)
    ours = Lead.objects.filter(campaign__name="Ours").values_list("name", "description", "phone_number")
    again = Lead.objects.filter(campaign=other).values_list("name", "description", "phone_number")
    assert list(again) == list(ours)


def test_the_api_exports_with_its_filters_and_names_a_wrong_kind(browser: Client) -> None:
    campaign = Lead.objects.get(name="Done Dora").campaign_id
    address = f"/api/v1/campaigns/{campaign}/leads/export/"
    text = body(browser.get(address, {"status": "SUCCESS"})).decode("utf-8-sig")
    assert [row["name"] for row in csv.DictReader(io.StringIO(text))] == ["Done Dora"]
    refused = browser.get(address, {"kind": "pdf"})
    assert refused.status_code == 400
    assert "csv" in refused.content.decode()
    stranger = Lead.objects.get(name="Somebody else's").campaign_id
    assert browser.get(f"/api/v1/campaigns/{stranger}/leads/export/").status_code == 404
    assert body(browser.get("/api/v1/attempts/export/")) == body(browser.get("/leads/callattempt/export.csv"))


def test_the_file_of_refused_rows_has_no_formula_and_its_rows_can_be_uploaded_again() -> None:
    """What somebody else's file brought is opened in a spreadsheet by the one who looks at the refused rows."""
    campaign = make_campaign(started=False)
    make_lead(campaign, phone_number="554183015031")
    sent = "=1+2,554183015031\n@SUM(A1),12\nMary,+55x\n"
    refused = uploads.import_leads(None, campaign, io.BytesIO(sent.encode())).refused_rows
    rows = list(csv.reader(io.StringIO(refused)))[1:]
    assert [row[2:] for row in rows] == [["'=1+2", "554183015031"], ["'@SUM(A1)", "12"], ["Mary", "'+55x"]]

    mended = "".join(f"{row[2]},'+5541{number}\n" for number, row in enumerate(rows, 30000001))
    again = uploads.import_leads(None, campaign, io.BytesIO(mended.encode()))
    assert (again.added, again.invalid) == (3, 0)
    added = Lead.objects.filter(campaign=campaign, name__in=["=1+2", "@SUM(A1)", "Mary"]).order_by(
        "phone_number"
    )
    assert [lead.phone_number for lead in added] == ["554130000001", "554130000002", "554130000003"]
