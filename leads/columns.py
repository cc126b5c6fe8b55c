"""Which column of a lead file is the name, which the phone number, which the description, and why.

Pure: the first rows in, columns and reasons out. Columns count from 0 here; people count them from 1.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

SAMPLE = 20
"""Rows that are looked at."""
_NAME_HEADERS = {
    "name", "full name", "nome", "nome completo", "nom", "nombre", "lead", "customer", "contact", "client", "cliente",
    "contato", "contacto", "kunde", "kontakt",
}  # fmt: skip
_NUMBER_HEADERS = {
    "phone", "phone number", "phonenumber", "phone_number", "phone no", "number", "tel", "telephone", "telefone",
    "fone", "numero", "número", "numéro", "teléfono", "telefono", "telefon", "telefonnummer", "rufnummer", "nummer",
    "téléphone", "mobile", "mobil", "celular", "móvil",
}  # fmt: skip
_DESCRIPTION_HEADERS = {
    "description", "descrição", "descricao", "descripción", "beschreibung", "notes", "comment", "observação",
    "observaciones", "bemerkung", "remarque",
}  # fmt: skip
_LOOKS_LIKE_A_NUMBER = re.compile(r"\s*\+?(?:[\s().\-/]*[0-9]){6,15}[\s().\-/]*")

Sample = Sequence[Sequence[str]]


class Why(StrEnum):
    """How the column of a field was found."""

    HEADER = "HEADER"
    """By the name that the header gives it."""
    PLACE = "PLACE"
    """By where it stands: name, phone number, description is the guide's order (G 6.4)."""
    CELLS = "CELLS"
    """By its cells, which look like phone numbers."""
    CHOSEN = "CHOSEN"
    """The sender said so."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where name, number and description stand (from 0), and how each was found."""

    name: int = 0
    number: int = 1
    description: int | None = 2
    name_why: Why = Why.PLACE
    number_why: Why = Why.PLACE
    description_why: Why = Why.PLACE


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the sender says of the file; None: as it is recognised. Columns count from 1; description 0: there is none."""

    name: int | None = None
    number: int | None = None
    description: int | None = None
    header: bool | None = None
    encoding: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def recognise(sample: Sample, chosen: Chosen) -> tuple[bool, Columns]:
    """Whether the first row is a header, and the columns. Raises ValidationError for a chosen one that is not there."""
    width = max((len(row) for row in sample), default=0)
    for column in (chosen.name, chosen.number, chosen.description):
        if column is not None and column > width:
            raise ValidationError(
                _("The file has no column %(number)d; it has %(count)d.") % {"number": column, "count": width}
            )
    header = [cell.strip().lower() for cell in sample[0]] if sample else []
    named = _find(header, _NUMBER_HEADERS) is not None
    has_header = named if chosen.header is None else chosen.header
    if not has_header:
        header = []
    number, number_why = _number(header, sample[1:] if has_header else sample, chosen.number)
    name, name_why = _name(header, number, chosen.name)
    description, description_why = _description(header, named, {name, number}, chosen.description)
    return has_header, Columns(name, number, description, name_why, number_why, description_why)


def _number(header: list[str], cells: Sample, chosen: int | None) -> tuple[int, Why]:
    if chosen is not None:
        return chosen - 1, Why.CHOSEN
    if (found := _find(header, _NUMBER_HEADERS)) is not None:
        return found, Why.HEADER
    likely = [sum(map(_is_number, column)) for column in zip(*_padded(cells), strict=True)]
    usual = Columns().number
    if usual < len(likely) and likely[usual] * 2 < len(cells) <= max(likely) * 2:
        return likely.index(max(likely)), Why.CELLS
    return usual, Why.PLACE


def _name(header: list[str], number: int, chosen: int | None) -> tuple[int, Why]:
    if chosen is not None:
        return chosen - 1, Why.CHOSEN
    if (found := _find(header, _NAME_HEADERS)) is not None:
        return found, Why.HEADER
    return (0 if number != 0 else 1), Why.PLACE


def _description(
    header: list[str], named: bool, taken: set[int], chosen: int | None
) -> tuple[int | None, Why]:
    if chosen is not None:
        return (chosen - 1 if chosen else None), Why.CHOSEN
    found = _find(header, _DESCRIPTION_HEADERS)
    if found is not None or (
        header and named
    ):  # a header that names the number would name the description, too
        return found, Why.HEADER
    return min({0, 1, 2} - taken), Why.PLACE


def _find(header: list[str], names: set[str]) -> int | None:
    return next((index for index, cell in enumerate(header) if cell in names), None)


def _is_number(cell: str) -> bool:
    return _LOOKS_LIKE_A_NUMBER.fullmatch(cell) is not None


def _padded(cells: Sample) -> list[list[str]]:
    width = max((len(row) for row in cells), default=0)
    return [[*row, *[""] * (width - len(row))] for row in cells]
