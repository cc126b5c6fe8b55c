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

from leads import columns, workbook
from leads.columns import Chosen, Columns
from uploads import text_file

Row = tuple[int, list[str]]
"""Line number in the file (from 1), and the cells as they were."""

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252",
    "mac-roman": "Mac Roman",
    "cp850": "DOS (CP850)",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "cp1254": "Windows-1254",
}
"""What a sender may choose when the encoding is recognised wrongly. cp1252 is western, the last three central
European, Cyrillic and Turkish."""


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
        return itertools.islice(_filled(self._lines()), int(self.has_header), None)

    def beginning(self, count: int) -> tuple[list[str], list[Row]]:
        """The cells of the header (empty without one) and the first `count` rows after it."""
        first = list(itertools.islice(_filled(self._lines()), count + int(self.has_header)))
        return (first[0][1], first[1:]) if self.has_header and first else ([], first)

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


def recognise(stream: IO[bytes], chosen: Chosen | None = None) -> LeadFile:
    """Looks at the file. Raises ValidationError when it holds no text or no row, or not what the sender said."""
    said = chosen or Chosen()
    stream.seek(0)
    head = stream.read(65536)
    text_file.refuse_other_kinds(head)
    if head.startswith(b"PK\x03\x04"):
        return _recognise_workbook(stream, said)
    encoding = _chosen_encoding(stream, head, said.encoding) if said.encoding else _encoding(stream, head)
    sample = head.decode(encoding, errors="replace").lstrip("\ufeff")
    text_file.refuse_binary(sample)
    delimiter = _delimiter(sample)
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows = [cells for _line, cells in itertools.islice(_filled(_read(reader)), columns.SAMPLE)]
    has_header, found = columns.recognise(rows, said)
    return LeadFile(stream, encoding, delimiter, has_header, found)


def _recognise_workbook(stream: IO[bytes], said: Chosen) -> LeadFile:
    rows = [cells for _line, cells in itertools.islice(_filled(workbook.rows(stream)), columns.SAMPLE)]
    if not rows:
        raise ValidationError(_("The first sheet of the workbook is empty."))
    has_header, found = columns.recognise(rows, said)
    return LeadFile(stream, "", "", has_header, found)


def undecodable(stream: IO[bytes], encoding: str) -> int | None:
    """The first line with bytes that are not of the encoding; None when all are."""
    stream.seek(0)
    line = 1
    with _lent(stream, encoding, errors="strict") as text:
        try:
            while block := text.read(1 << 20):
                line += block.count("\n")
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].decode(encoding, errors="replace").count("\n")
        except UnicodeError:  # UTF-16 that does not begin with a byte order mark
            return line
    return None


def _encoding(stream: IO[bytes], head: bytes) -> str:
    if told := text_file.marked_encoding(head) or text_file.without_mark(head):
        return told
    return "utf-8" if undecodable(stream, "utf-8") is None else "cp1252"


def _chosen_encoding(stream: IO[bytes], head: bytes, encoding: str) -> str:
    """`encoding`, when the file can be read in it; a byte order mark is taken off."""
    if encoding not in ENCODINGS:
        raise ValidationError(
            _("%(name)s is not an encoding that is known here; choose one of %(names)s.")
            % {"name": encoding, "names": ", ".join(ENCODINGS)}
        )
    told = text_file.marked_encoding(head) or text_file.without_mark(head)
    exact = told if told.startswith(encoding) else encoding
    line = undecodable(stream, exact)
    if line is not None:
        raise ValidationError(
            _(
                "Line %(line)d can't be read as %(encoding)s. Choose another encoding, or save the file as UTF-8."
            )
            % {"line": line, "encoding": ENCODINGS[encoding]}
        )
    return exact


def _delimiter(sample: str) -> str:
    lines = sample.splitlines()[:20]
    counts = {mark: sum(mark in line for line in lines) for mark in (",", ";", "\t")}
    return max(counts, key=lambda mark: counts[mark])


def _filled(rows: Iterator[Row]) -> Iterator[Row]:
    """Without empty lines; in most the first cell tells."""
    return (row for row in rows if (row[1] and row[1][0].strip()) or any(map(str.strip, row[1])))


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
