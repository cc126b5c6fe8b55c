"""Reads a file of leads: kind, encoding, delimiter, header and columns are recognised (SPEC 6).

Pure: bytes in, rows out. The guide's form is `Mary Silvester,554183015031` without a header (G 6.4).
"""

import csv
import io
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from leads import workbook

Row = tuple[int, list[str]]
"""Line number in the file (from 1), and the cells as they were."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_OTHER_KINDS = (
    (b"\xd0\xcf\x11\xe0", "Excel 97 (.xls)"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"{\\rtf", "RTF"),
)
_NAME_HEADERS = {"name", "nome", "nom", "nombre", "lead", "customer", "contact", "cliente", "kunde"}
_NUMBER_HEADERS = {
    "phone", "phone number", "phonenumber", "phone_number", "number", "telephone", "telefone", "numero",
    "número", "numéro", "teléfono", "telefon", "telefonnummer", "nummer", "téléphone", "mobile", "celular",
}  # fmt: skip
_DESCRIPTION_HEADERS = {
    "description", "descrição", "descricao", "descripción", "beschreibung", "notes", "comment",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Columns:
    """Where name, number and description stand (from 0)."""

    name: int = 0
    number: int = 1
    description: int | None = 2


@dataclass(frozen=True, slots=True)
class LeadFile:
    """What was recognised. `rows()` reads the file once more from the start."""

    stream: IO[bytes]
    encoding: str
    """Empty for a workbook."""
    delimiter: str
    has_header: bool
    columns: Columns

    def rows(self) -> Iterator[Row]:
        """The rows after the header; empty lines are left out."""
        filled = (row for row in self._lines() if any(map(str.strip, row[1])))
        return itertools.islice(filled, int(self.has_header), None)

    def position(self, size: int) -> int:
        """How many of the `size` bytes are read by now."""
        return min(self.stream.tell(), size)

    def _lines(self) -> Iterator[Row]:
        if not self.encoding:
            yield from workbook.rows(self.stream)
            return
        self.stream.seek(0)
        with _lent(self.stream, self.encoding, errors="replace") as text:
            reader = csv.reader(text, delimiter=self.delimiter, skipinitialspace=True)
            yield from _read(reader)


def recognise(stream: IO[bytes]) -> LeadFile:
    """Looks at the file. Raises ValidationError when it holds no text or no row."""
    stream.seek(0)
    head = stream.read(65536)
    if not head.strip():
        raise ValidationError(_("The file is empty."))
    if head.startswith(b"PK\x03\x04"):
        return _recognise_workbook(stream)
    for mark, kind in _OTHER_KINDS:
        if head.startswith(mark):
            raise ValidationError(
                _("This is a file of the kind %(kind)s. Save it as CSV or xlsx.") % {"kind": kind}
            )
    encoding = _encoding(stream, head)
    sample = head.decode(encoding, errors="replace").lstrip("\ufeff")
    if "\x00" in sample:
        raise ValidationError(_("The file is not a text file. Save it as CSV."))
    delimiter = _delimiter(sample)
    first = next((cells for cells in csv.reader(io.StringIO(sample), delimiter=delimiter) if any(cells)), [])
    has_header, columns = _columns(first)
    return LeadFile(stream, encoding, delimiter, has_header, columns)


def _recognise_workbook(stream: IO[bytes]) -> LeadFile:
    first = next((cells for _line, cells in workbook.rows(stream) if any(cells)), None)
    if first is None:
        raise ValidationError(_("The first sheet of the workbook is empty."))
    has_header, columns = _columns(first)
    return LeadFile(stream, "", "", has_header, columns)


def _columns(first: list[str]) -> tuple[bool, Columns]:
    """Whether the first row is a header, and what it says."""
    header = [cell.strip().lower() for cell in first]
    number = _find(header, _NUMBER_HEADERS)
    if number is None:
        return False, Columns()
    name = _find(header, _NAME_HEADERS)
    return True, Columns(
        name=name if name is not None else (0 if number != 0 else 1),
        number=number,
        description=_find(header, _DESCRIPTION_HEADERS),
    )


def _find(header: list[str], names: set[str]) -> int | None:
    return next((index for index, cell in enumerate(header) if cell in names), None)


def _encoding(stream: IO[bytes], head: bytes) -> str:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding
    stream.seek(0)
    try:
        with _lent(stream, "utf-8", errors="strict") as text:
            while text.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _delimiter(sample: str) -> str:
    lines = sample.splitlines()[:20]
    counts = {mark: sum(mark in line for line in lines) for mark in (",", ";", "\t")}
    return max(counts, key=lambda mark: counts[mark])


def _read(reader: Any) -> Iterator[Row]:
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise ValidationError(
            _("Line %(line)d can't be read: %(reason)s.") % {"line": reader.line_num, "reason": error}
        ) from error


@contextmanager
def _lent(stream: IO[bytes], encoding: str, errors: str) -> Iterator[io.TextIOWrapper]:
    """`stream` as text; unlike a bare TextIOWrapper it leaves the stream open."""
    text = io.TextIOWrapper(cast(BinaryIO, stream), encoding=encoding, errors=errors, newline="")
    try:
        yield text
    finally:
        text.detach()
