"""Tables as files, CSV or xlsx: row by row, so that a million rows stay out of memory.

No cell is taken for a formula by the program that opens it (CWE-1236): text that begins like one gets an apostrophe
in front in CSV, and is a text cell in xlsx. Digits, and so phone numbers, stay as they are.
"""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHEET_ROWS = 1_048_576
"""Rows that a sheet can have; a longer table goes on in the next one."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_BLOCK = 500

Row = Sequence[Any]


def response(kind: str, name: str, header: Sequence[str], rows: Iterable[Row]) -> HttpResponseBase:
    """The table as a download named `name`. Raises ValidationError for an unknown kind."""
    if kind not in KINDS:
        raise ValidationError({"kind": _("Choose csv or xlsx.")})
    answer: HttpResponseBase
    if kind == "csv":
        answer = StreamingHttpResponse(csv_blocks(header, rows), content_type=KINDS[kind])
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
        try:
            write_workbook(file, header, rows)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        answer = FileResponse(file, content_type=KINDS[kind])
    answer["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def plain(words: str) -> str:
    """A CSV cell that no spreadsheet takes for a formula."""
    return f"'{words}" if words.startswith(FORMULA) else words


def csv_blocks(header: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """UTF-8 with a BOM, which spreadsheets need to read it as such."""
    lines: list[str] = ["\ufeff"]
    writer = csv.writer(_Lines(lines))
    writer.writerow(header)
    for row in rows:
        writer.writerow([plain(_text(cell)) for cell in row])
        if len(lines) >= _BLOCK:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def write_workbook(file: IO[bytes], header: Sequence[str], rows: Iterable[Row]) -> None:
    from openpyxl import Workbook  # a fifth of a second, which few processes need
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(list(header))
    count = 1
    for row in rows:
        if count == SHEET_ROWS:
            sheet, count = book.create_sheet(), 1
            sheet.append(list(header))
        cells = []
        for value in row:
            cell: Any = WriteOnlyCell(sheet)
            if isinstance(value, int):
                cell.value = value
            else:
                cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", _text(value))
                cell.data_type = "s"  # openpyxl makes a formula of what begins with =
            cells.append(cell)
        sheet.append(cells)
        count += 1
    book.save(file)


class _Lines:
    """What `csv.writer` writes to."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, line: str) -> None:
        self._lines.append(line)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return str(value)
