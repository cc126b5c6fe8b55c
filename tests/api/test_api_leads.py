"""Leads and uploads through the API, and `manage.py import_leads` (SPEC 6)."""

from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Role
from leads.models import Lead, LeadUpload
from tests.api.api_world import World, client_of, json_client
from tests.factories import make_campaign, make_lead

pytestmark = pytest.mark.django_db
GUIDE = b"Mary Silvester,554183015031\r\nJohn Doe, 554183015032\r\n"


@pytest.fixture
def world(db: None) -> World:
    return World()


@pytest.fixture
def admin(world: World) -> Any:
    return json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])


@pytest.fixture
def url(world: World) -> str:
    return f"/api/v1/campaigns/{world.campaign.pk}/leads"


def send(client: Any, url: str, content: bytes, name: str = "leads.csv") -> Any:
    file = BytesIO(content)
    file.name = name
    return client.post(f"{url}/upload", {"file": file}, format="multipart")


def test_the_guides_file_is_taken_as_form_and_as_body(admin: Any, url: str) -> None:
    first = send(admin, url, GUIDE, "março.csv")
    assert first.status_code == 201, first.content
    told = first.json()
    assert (told["added"], told["duplicate"], told["invalid"], told["refused_rows"]) == (2, 0, 0, None)
    assert told["file_name"] == "março.csv"
    again = admin.post(f"{url}/upload/", GUIDE + b"Eve,554183015033", content_type="text/csv; charset=utf-8")
    assert (again.json()["added"], again.json()["duplicate"]) == (1, 2)
    assert Lead.objects.get(phone_number="554183015031").name == "Mary Silvester"


def test_wrong_rows_are_counted_and_can_be_downloaded(admin: Any, url: str, world: World) -> None:
    told = send(admin, url, b"Ann,12345678\nBob,12 34 call\nCid\nAnn,12345678\nNul\x00,123456\n").json()
    if "errors" in told:  # a zero byte near the start: no text file at all
        told = send(admin, url, b"Ann,12345678\nBob,12 34 call\nCid\nAnn,12345678\n").json()
    assert (told["added"], told["duplicate"], told["invalid"]) == (1, 1, 2)
    answer = admin.get(told["refused_rows"])
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert [line.split(",")[0] for line in lines] == ["line", "2", "3", "4"]
    other = client_of(world.others[Role.CAMPAIGN_ADMINISTRATOR])
    assert other.get(told["refused_rows"]).status_code == 404
    listed = admin.get(f"{url}/upload").json()["results"]
    assert told["id"] in {row["id"] for row in listed}


def test_a_zero_byte_far_into_the_file_refuses_that_row_only(admin: Any, url: str) -> None:
    rows = b"".join(b"Lead %d,5541%08d\n" % (n, n) for n in range(4000))
    told = send(admin, url, rows + b"Nul,12\x0034567\nLast,554199999999\n").json()
    assert (told["added"], told["invalid"]) == (4001, 1)
    assert admin.get(told["refused_rows"]).status_code == 200


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", 400), (b"   \n", 400), (b"\x00\x01\x02", 400), (b'a,"never closed\n' * 3, 201)],
)
def test_files_that_hold_no_leads(admin: Any, url: str, content: bytes, code: int) -> None:
    answer = send(admin, url, content)
    assert answer.status_code == code, answer.content
    assert Lead.objects.count() == 2


def test_a_preview_says_how_a_file_is_read_and_keeps_nothing(admin: Any, url: str) -> None:
    file = BytesIO("Code;Wer;Wohin\n17;João;+55 41 8301-5031\n18;Zoé;call me\n".encode("cp1252"))
    answer = admin.post(f"{url}/upload/preview", {"file": file, "header": "true"}, format="multipart")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["encoding"], told["delimiter"], told["header"]) == ("Windows-1252", ";", True)
    assert [column["taken_as"] for column in told["columns"]] == [["name"], ["description"], ["phone_number"]]
    assert [row["phone_number"] for row in told["rows"]] == ["554183015031", ""]
    assert "not a phone number" in told["rows"][1]["problem"]
    assert "Windows-1252" in told["notes"][0]
    assert Lead.objects.count() == 2
    assert LeadUpload.objects.count() == 1


def test_an_upload_takes_the_columns_that_its_sender_names(admin: Any, url: str) -> None:
    rows = b"17;Jo;554183015031\n"
    columns = {"name_column": 2, "phone_number_column": 3, "description_column": 1}
    form = admin.post(f"{url}/upload", {"file": BytesIO(rows), **columns}, format="multipart")
    assert form.json()["added"] == 1, form.content
    query = "&".join(f"{name}={place}" for name, place in columns.items())
    raw = b"18;Zo;554183015032\n"
    body = admin.post(f"{url}/upload?{query}", raw, content_type="text/csv")
    assert body.json()["added"] == 1, body.content
    found = Lead.objects.order_by("-id").values_list("name", "description")[:2]
    assert list(found) == [("Zo", "18"), ("Jo", "17")]
    far = admin.post(f"{url}/upload", {"file": BytesIO(rows), "name_column": 4}, format="multipart")
    assert (far.status_code, "no column 4" in far.json()["detail"]) == (400, True)
    odd = admin.post(f"{url}/upload?encoding=ebcdic", raw, content_type="text/csv")
    assert [entry["field"] for entry in odd.json()["errors"]] == ["encoding"]


@pytest.mark.parametrize("name", ["upload", "upload/preview"])
def test_a_file_that_is_not_of_the_encoding_its_sender_names_is_refused(
    admin: Any, url: str, name: str
) -> None:
    answer = admin.post(f"{url}/{name}", {"file": BytesIO(GUIDE), "encoding": "utf-16"}, format="multipart")
    assert answer.status_code == 400, answer.content
    assert answer.json()["detail"].startswith("Line 1 can't be read as UTF-16.")


def test_a_missing_file_and_a_wrong_kind_of_body_are_named(admin: Any, url: str) -> None:
    for body in ({}, {"file": "text"}, {"other": BytesIO(GUIDE)}):
        answer = admin.post(f"{url}/upload", body, format="multipart")
        assert [entry["field"] for entry in answer.json()["errors"]] == ["file"], body
    assert admin.post(f"{url}/upload", {"file": "x"}, format="json").status_code == 415
    assert (
        admin.post(f"{url}/upload", b"--x", content_type="multipart/form-data; boundary=y").status_code == 400
    )
    assert admin.post(f"{url}/upload", b"--x", content_type="multipart/form-data").status_code == 400


def test_a_file_beyond_the_limit_is_413(admin: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.received_file.MAX_UPLOAD", 20)
    assert send(admin, url, GUIDE).status_code == 413
    assert admin.post(f"{url}/upload", GUIDE, content_type="text/csv").status_code == 413


def test_one_lead_is_added_changed_and_removed(admin: Any, url: str, world: World) -> None:
    made = admin.post(url, {"name": "Ann", "phone_number": "+55 (41) 8301-5031"})
    assert (made.status_code, made.json()["phone_number"]) == (201, "554183015031")
    one = f"{url}/{made.json()['id']}"
    assert admin.patch(one, {"description": "call in the evening"}).json()["name"] == "Ann"
    taken = admin.patch(one, {"phone_number": world.lead.phone_number})
    assert [entry["field"] for entry in taken.json()["errors"]] == ["phone_number"]
    assert admin.post(url, {"name": "x", "phone_number": "12 call"}).status_code == 400
    assert admin.delete(one).status_code == 204
    record = admin.get(f"/api/v1/attempts?campaign={world.campaign.pk}").json()["results"]
    assert [row["id"] for row in record] == [world.attempt.pk]


def test_changing_a_name_leaves_the_number_as_it_is() -> None:
    """A stored number, read again as a national one of the default country, became another number."""
    world = World()
    campaign = make_campaign(group=world.mine, started=False, default_country="BR")
    lead = make_lead(campaign, phone_number="4930123456")
    admin = json_client(world.users[Role.CAMPAIGN_ADMINISTRATOR])
    answer = admin.patch(f"/api/v1/campaigns/{campaign.pk}/leads/{lead.pk}", {"name": "Eva"})
    assert (answer.json()["name"], answer.json()["phone_number"]) == ("Eva", "4930123456")


def test_leads_are_filtered_searched_sorted_and_paged(admin: Any, url: str, world: World) -> None:
    Lead.objects.all().delete()
    for n in range(5):
        make_lead(world.campaign, name=f"Lead {n}", phone_number=f"55410000{n}")
    make_lead(world.campaign, name="Done", phone_number="999", pool="DONE", status="SUCCESS")

    def names(query: str) -> list[str]:
        return [row["name"] for row in admin.get(f"{url}?{query}").json()["results"]]

    assert names("done=true") == names("status=SUCCESS") == names("search=999") == ["Done"]
    assert len(names("done=false")) == 5
    assert names("ordering=-name&page_size=2&page=2&done=false") == ["Lead 2", "Lead 1"]
    assert admin.get(f"{url}?status=SOON").status_code == 400
    done = admin.get(f"{url}?done=true").json()["results"][0]
    assert done["next_attempt_at"] is None


def test_a_lead_of_another_campaign_is_not_below_this_one(admin: Any, url: str, world: World) -> None:
    foreign = make_lead(make_campaign(group=world.mine, started=False))
    assert admin.get(f"{url}/{foreign.pk}").status_code == 404


def test_a_search_counts_what_its_pages_need_and_leads_to_all_it_means(
    admin: Any, url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leads.search.FOUND_UP_TO", 3)
    wanted = [make_lead(world.campaign, name=f"Ana {number}").pk for number in range(7)]
    page = admin.get(f"{url}?search=ana&page_size=2").json()
    assert page["count"] == 3
    assert admin.get(f"{url}?search=ana&page_size=2&ordering=-id").json()["count"] == 7
    seen = [lead["id"] for lead in page["results"]]
    while page["next"]:
        page = admin.get(page["next"]).json()
        seen += [lead["id"] for lead in page["results"]]
    assert (seen, page["count"]) == (wanted, 7)


# --- manage.py import_leads ------------------------------------------------------------------------------


def test_the_command_imports_and_writes_the_refused_rows(world: World, tmp_path: Path) -> None:
    file, refused, out = tmp_path / "a.csv", tmp_path / "refused.csv", StringIO()
    file.write_bytes(GUIDE + b"Bob,call me\n")
    call_command("import_leads", world.campaign.name, str(file), "--refused", str(refused), stdout=out)
    assert out.getvalue() == "added 2, duplicate 0, invalid 1\n"
    assert refused.read_text().splitlines()[1].startswith("3,")
    call_command("import_leads", str(world.campaign.pk), str(file), stdout=out)
    assert out.getvalue().endswith("added 0, duplicate 2, invalid 1\n")


def test_the_command_says_in_a_sentence_what_is_wrong(world: World, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(GUIDE)
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    started = make_campaign()
    for campaign, path, sentence in (
        ("Nowhere", file, "There is no campaign with the name or id “Nowhere”."),
        (world.campaign.name, tmp_path / "none.csv", "can't be read: No such file or directory."),
        (world.campaign.name, tmp_path, "can't be read: Is a directory."),
        (world.campaign.name, empty, "The file is empty."),
        (started.name, file, "The campaign is started. Stop it first."),
    ):
        with pytest.raises(CommandError) as caught:
            call_command("import_leads", campaign, str(path))
        assert sentence in str(caught.value)
        assert caught.value.returncode == 1
