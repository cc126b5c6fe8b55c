"""A look at a lead file before it is imported: the first rows as read, the columns and why, what is odd."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from django.utils.translation import gettext as _

from leads import lead_file, lead_load
from leads.columns import Chosen, Why
from leads.lead_file import LeadFile

ROWS = 10
"""Rows shown."""
MOST_COLUMNS = 30


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A row as it is read; either the number that would be dialed, or why the row would be refused."""

    line: int
    cells: list[str]
    number: str
    problem: str


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column; `position` counts from 1. `taken_as` is empty for one that is not used."""

    position: int
    header: str
    taken_as: Sequence[str]
    """Of name, phone_number, description."""
    why: str


@dataclass(frozen=True, slots=True)
class Preview:
    found: LeadFile
    columns: list[PreviewColumn]
    rows: list[PreviewRow]
    notes: list[str]

    @property
    def encoding_name(self) -> str:
        """As people call it; empty for a workbook."""
        return next(
            (name for code, name in lead_file.ENCODINGS.items() if self.found.encoding.startswith(code)), ""
        )


def preview(stream: IO[bytes], country: str, chosen: Chosen) -> Preview:
    """Reads the file; keeps nothing. Raises ValidationError when it can't be read, or not as `chosen`."""
    found = lead_file.recognise(stream, chosen)
    notes = _notes(found, chosen)
    header, first = found.beginning(ROWS)
    rows = [
        PreviewRow(line, cells[:MOST_COLUMNS], number, problem)
        for line, cells, number, problem in lead_load.judged(first, found, country)
    ]
    width = min(
        max((len(cells) for cells in [header, *(row.cells for row in rows)]), default=0), MOST_COLUMNS
    )
    if rows and all(row.problem for row in rows):
        notes.append(
            _("None of these rows would become a lead. Is the column of the phone number the right one?")
        )
    return Preview(found, [_column(found, header, at) for at in range(width)], rows, notes)


def _column(found: LeadFile, header: list[str], at: int) -> PreviewColumn:
    title = header[at].strip() if at < len(header) else ""
    columns = found.columns
    taken = [
        (field, why)
        for field, place, why in (
            ("name", columns.name, columns.name_why),
            ("phone_number", columns.number, columns.number_why),
            ("description", columns.description, columns.description_why),
        )
        if place == at
    ]
    why = "; ".join(dict.fromkeys(_why_words(why, title) for _field, why in taken))
    return PreviewColumn(at + 1, title, [field for field, _why in taken], why)


def _why_words(why: Why, header: str) -> str:
    match why:
        case Why.HEADER:
            return _("the header says “%(header)s”") % {"header": header}
        case Why.CELLS:
            return _("its cells look like phone numbers")
        case Why.CHOSEN:
            return _("you chose it")
    return _("by its place: no header names it")


def _notes(found: LeadFile, chosen: Chosen) -> list[str]:
    """What its sender should look at: an encoding that was guessed, or does not fit."""
    if not found.encoding:
        return []
    line = lead_file.undecodable(found.stream, found.encoding)
    name = next((name for code, name in lead_file.ENCODINGS.items() if found.encoding.startswith(code)), "")
    if line is not None:
        return [
            _(
                "Line %(line)d has characters that are not %(encoding)s; each becomes �. Choose another encoding, or save "
                "the file as UTF-8."
            )
            % {"line": line, "encoding": name}
        ]
    if found.encoding == "cp1252" and not chosen.encoding:
        return [
            _(
                "The file is not UTF-8 and is read as Windows-1252. Look at the letters with accents: if they are wrong, "
                "choose another encoding, or save the file as UTF-8."
            )
        ]
    return []
