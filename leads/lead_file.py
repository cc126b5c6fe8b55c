"""Reads a file of leads: encoding, delimiter, header and columns are recognised (SPEC 6).

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

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_NAME_HEADERS = {"name", "nome", "nom", "nombre", "lead", "customer", "contact", "cliente", "kunde"}
_NUMBER_HEADERS = {
    "phone", "phone number", "phonenumber", "phone_number", "number", "telephone", "telefone", "numero",
    "número", "numéro", "teléfono", "telefon", "telefonnummer", "nummer", "téléphone", "mobile", "celular",
}  # fmt: skip
_DESCRIPTION_HEADERS = {
    "description",
    "descrição",
    "descricao",
    "descripción",
    "beschreibung",
    "notes",
    "comment",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file: its line number (from 1) and its cells as they were."""

    line: int
    cells: list[str]


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
    delimiter: str
    has_header: bool
    columns: Columns

    def rows(self) -> Iterator[Row]:
        """The rows after the header; empty lines are left out."""
        self.stream.seek(0)
        with _lent(self.stream, self.encoding, errors="replace") as text:
            reader = csv.reader(text, delimiter=self.delimiter, skipinitialspace=True)
            filled = (row for row in _read(reader) if any(cell.strip() for cell in row.cells))
            yield from itertools.islice(filled, int(self.has_header), None)


def recognise(stream: IO[bytes]) -> LeadFile:
    """Looks at the file. Raises ValidationError when it holds no text or no row."""
    stream.seek(0)
    head = stream.read(65536)
    if not head.strip():
        raise ValidationError(_("The file is empty."))
    encoding = _encoding(stream, head)
    sample = head.decode(encoding, errors="replace").lstrip("\ufeff")
    if "\x00" in sample:
        raise ValidationError(_("The file is not a text file. Save it as CSV."))
    delimiter = _delimiter(sample)
    first = next((cells for cells in csv.reader(io.StringIO(sample), delimiter=delimiter) if any(cells)), [])
    header = [cell.strip().lower() for cell in first]
    number = _find(header, _NUMBER_HEADERS)
    if number is None:
        return LeadFile(stream, encoding, delimiter, False, Columns())
    name = _find(header, _NAME_HEADERS)
    columns = Columns(
        name=name if name is not None else (0 if number != 0 else 1),
        number=number,
        description=_find(header, _DESCRIPTION_HEADERS),
    )
    return LeadFile(stream, encoding, delimiter, True, columns)


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
            yield Row(reader.line_num, cells)
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
