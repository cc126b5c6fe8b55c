"""Lead files as xlsx: formulas count as the value that stands with them, wrong files are named."""

import io
import zipfile
from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from openpyxl import Workbook

from leads import lead_file, uploads
from leads.models import Lead
from tests.factories import make_campaign


def book(*rows: tuple[Any, ...]) -> io.BytesIO:
    workbook = Workbook()
    for row in rows:
        workbook.active.append(row)  # type: ignore[union-attr]
    file = io.BytesIO()
    workbook.save(file)
    return file


def read(file: io.BytesIO) -> list[tuple[int, list[str]]]:
    return list(lead_file.recognise(file).rows())


def replaced(file: io.BytesIO, part: str, old: bytes, new: bytes) -> io.BytesIO:
    changed = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(old, new) if name == part else data)
    return changed


@pytest.mark.django_db
def test_a_workbook_is_imported_like_a_csv_file() -> None:
    campaign = make_campaign(started=False, default_country="BR")
    file = book(
        ("Phone number", "Name", "Notes"),
        (554183015031, "Ana", date(2026, 1, 31)),
        ("+55 41 8301-5032", "Zoé", None),
        (None, None, None),
        (None, "Nobody", None),
        (554183015031.0, "Ana again", None),
    )
    done = uploads.import_leads(None, campaign, file, "leads.xlsx")
    assert (done.added, done.duplicate, done.invalid) == (2, 1, 1)
    assert list(Lead.objects.order_by("id").values_list("name", "phone_number", "description")) == [
        ("Ana", "554183015031", "2026-01-31"),
        ("Zoé", "554183015032", ""),
    ]
    assert [line.split(",")[0] for line in done.refused_rows.splitlines()] == ["line", "5", "6"]


def test_a_formula_is_the_value_stored_with_it_and_never_worked_out() -> None:
    file = book(("Ana", "=1+1"), ("Bob", 554183015032))
    assert read(file) == [(1, ["Ana", ""]), (2, ["Bob", "554183015032"])]
    cached = replaced(book(("Ana", "=1+1")), "xl/worksheets/sheet1.xml", b"<v></v>", b"<v>554183015031</v>")
    cached = replaced(cached, "xl/worksheets/sheet1.xml", b"<v />", b"<v>554183015031</v>")
    assert read(cached) == [(1, ["Ana", "554183015031"])]


def archive(**parts: str) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        for name, text in parts.items():
            target.writestr(name.replace("__", "/"), text)
    return file


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (archive(a="x"), "zip archive"),
        (archive(xl__workbook="x"), "zip archive"),
        (io.BytesIO(b"PK\x03\x04" + b"cut off" * 50), "damaged"),
        (io.BytesIO(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600), "Excel 97"),
        (io.BytesIO(b"%PDF-1.7\n"), "PDF"),
        (book(), "empty"),
        (replaced(book(("a", "b")), "xl/worksheets/sheet1.xml", b"<row", b"<<row"), "damaged"),
        (replaced(book(("a", "b")), "xl/workbook.xml", b"<sheets>", b"<she"), "damaged"),
    ],
)
def test_wrong_files_are_named(file: io.BytesIO, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        read(file)


def test_a_workbook_that_unpacks_to_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leads.workbook.LARGEST", 1000)
    with pytest.raises(ValidationError, match="too large"):
        read(book(("Ana", "554183015031")))
