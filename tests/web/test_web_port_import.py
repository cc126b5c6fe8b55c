"""Dialer ports as a table: what an import would change is shown first; passwords are written, never shown."""

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from openpyxl import Workbook

from accounts.models import Change, Role, User
from dialer_project.beat import BEAT_SCHEDULE
from telephony import held_tables, tasks
from telephony.models import Carrier, DialerPort, HeldPortTable
from tests import factories as make
from tests.web.web_world import signed_in

pytestmark = pytest.mark.django_db
PAGE, API = "/telephony/dialerport/import/", "/api/v1/ports"
TABLE = b"extension,registrar_host,transport,password\n7001,pbx.example,udp,s3cret-new\n7002,pbx.example,tcp,s3cret-2\n"


@pytest.fixture
def master() -> User:
    return make.make_user(Role.MASTER, [])


@pytest.fixture
def port() -> DialerPort:
    carrier = Carrier.objects.create(name="trunk")
    return make.make_port(
        extension="7001", password="s3cret-old", registrar_host="pbx.example", carrier=carrier
    )


def send(browser: Any, content: bytes, name: str = "ports.csv") -> Any:
    return browser.post(PAGE, {"file": SimpleUploadedFile(name, content)})


def test_what_would_change_is_shown_without_passwords_then_imported(master: User, port: DialerPort) -> None:
    browser = signed_in(master)
    page = send(browser, TABLE).content.decode()
    assert "s3cret" not in page
    assert "a new one" in page
    assert (DialerPort.objects.count(), Change.objects.count()) == (1, 0), "nothing is imported yet"
    done = browser.post(PAGE, {"import": ""}, follow=True).content.decode()
    assert "1 dialer ports were added, 1 changed, 0 left as they were." in done
    passwords = dict(DialerPort.objects.values_list("extension", "password"))
    assert passwords == {"7001": "s3cret-new", "7002": "s3cret-2"}
    assert DialerPort.objects.get(extension="7002").transport == "tcp"
    words = str(list(Change.objects.values_list("fields", flat=True)))
    assert "s3cret" not in words
    assert Change.objects.count() >= 2, "written by the service"
    assert not HeldPortTable.objects.exists()
    again = browser.post(PAGE, {"import": ""}, follow=True).content.decode()
    assert "Choose the file again" in again


def test_a_refused_row_refuses_all_and_says_why(master: User, port: DialerPort) -> None:
    browser = signed_in(master)
    rows = TABLE + b"7003,pbx.example,smoke,s3cret-3\n7004,pbx.example,udp,\n"
    page = send(browser, rows)
    actions = [row["change"].action for row in page.context["rows"]]
    assert actions == ["CHANGED", "NEW", "REFUSED", "REFUSED"]
    assert "A port that registers needs its password." in page.content.decode()
    assert not page.context["may_import"]
    browser.post(PAGE, {"import": ""})
    assert list(DialerPort.objects.values_list("extension", "password")) == [("7001", "s3cret-old")]


def test_the_download_has_no_password_and_comes_back_unchanged(master: User, port: DialerPort) -> None:
    browser = signed_in(master)
    table = browser.get("/telephony/dialerport/export.csv").getvalue()
    assert b"7001,pbx.example," in table
    assert b"password" not in table
    assert b"s3cret" not in table
    assert [row["change"].action for row in send(browser, table).context["rows"]] == ["SAME"]
    assert browser.get(f"{API}/export").getvalue() == table


def test_a_workbook_and_empty_cells(master: User, port: DialerPort) -> None:
    book, file = Workbook(), BytesIO()
    sheet: Any = book.active
    sheet.append(["extension", "registrar_host", "enabled", "password", "carrier"])
    sheet.append([7001, "pbx.example", None, None, "trunk"])
    sheet.append([7005, "pbx.example", False, "s3cret", None])
    book.save(file)
    browser = signed_in(master)
    assert [row["change"].action for row in send(browser, file.getvalue()).context["rows"]] == ["SAME", "NEW"]
    browser.post(PAGE, {"import": ""})
    new = DialerPort.objects.get(extension="7005")
    assert (new.enabled, new.carrier and new.carrier.name) == (False, "pbx.example")
    port.refresh_from_db()
    assert (port.enabled, port.password) == (True, "s3cret-old")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"extension,host\n1,x\n", "There is no column “host”"),
        (b"extension\n1\n", "The column “registrar_host” is missing."),
        (b"PK\x03\x04junk", "The file can&#x27;t be read."),
        (b"\xff\xfe\x00", "The file can&#x27;t be read."),
        (b"extension,registrar_host,password,carrier\n1,x,y,nobody\n", "There is no carrier named “nobody”"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_words(master: User, content: bytes, words: str) -> None:
    assert words in send(signed_in(master), content).content.decode()
    assert not DialerPort.objects.exists()


def test_masters_alone(port: DialerPort) -> None:
    browser = signed_in(make.make_user(Role.MANAGER))
    assert browser.get(PAGE).status_code == 403
    assert browser.get("/telephony/dialerport/export.csv").status_code == 403


def test_the_api_says_what_would_change_and_imports_in_one_step(master: User, port: DialerPort) -> None:
    browser = signed_in(master)
    said = browser.post(f"{API}/import?dry_run=true", TABLE, content_type="text/csv")
    assert [row["action"] for row in said.json()] == ["CHANGED", "NEW"]
    assert b"s3cret" not in said.content
    assert DialerPort.objects.count() == 1
    wrong = browser.post(f"{API}/import", TABLE + b"7003,pbx.example,smoke,x\n", content_type="text/csv")
    assert wrong.status_code == 400
    assert "Line 4" in wrong.json()["detail"]
    assert DialerPort.objects.count() == 1
    assert browser.post(f"{API}/import", TABLE, content_type="text/csv").status_code == 200
    assert DialerPort.objects.count() == 2


def test_an_import_that_nobody_confirms_is_forgotten_with_its_passwords(master: User) -> None:
    browser = signed_in(master)
    send(browser, TABLE)
    assert "s3cret-new" in str(HeldPortTable.objects.get().rows)
    assert "s3cret" not in str(dict(browser.session.items()))
    tasks.forget_held_tables()
    assert HeldPortTable.objects.count() == 1, "there is time to look at it"
    HeldPortTable.objects.update(held_at=timezone.now() - held_tables.HELD_FOR)
    late = browser.post(PAGE, {"import": ""}, follow=True).content.decode()
    assert "Choose the file again" in late
    assert (DialerPort.objects.count(), HeldPortTable.objects.count()) == (0, 0)
    send(browser, TABLE)
    HeldPortTable.objects.update(held_at=timezone.now() - held_tables.HELD_FOR)
    tasks.forget_held_tables()
    assert not HeldPortTable.objects.exists()
    assert tasks.forget_held_tables.name in {entry["task"] for entry in BEAT_SCHEDULE.values()}


def test_what_one_session_holds_no_other_imports(master: User) -> None:
    one, other = signed_in(master), signed_in(make.make_user(Role.MASTER, []))
    send(one, TABLE)
    assert "Choose the file again" in other.post(PAGE, {"import": ""}, follow=True).content.decode()
    one.get(PAGE)
    assert not HeldPortTable.objects.exists(), "who comes back to an empty form has given it up"
