"""Reads the first sheet of an xlsx workbook, row by row: a workbook of a million rows stays out of memory.

A cell counts as what the spreadsheet shows: of a formula the value that was stored with it. A formula is never
worked out, and one without a stored value is an empty cell.
"""

import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LARGEST = 4 * 1024**3
"""Bytes of an unpacked workbook; a small file that unpacks to more is no list of leads."""


def rows(stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """(row number from 1, cells as text). Raises ValidationError when it is no workbook."""
    book = _open(stream)
    try:
        sheet = book.worksheets[0] if book.worksheets else None
        if sheet is None:
            return
        sheet.reset_dimensions()  # some programs write a wrong one, and rows beyond it would be lost
        for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            yield line, [_text(cell) for cell in cells]
    except (KeyError, ValueError, TypeError, ParseError, zipfile.BadZipFile, EOFError) as error:
        raise _unreadable() from error
    finally:
        book.close()


def _open(stream: IO[bytes]) -> Any:
    from openpyxl import load_workbook  # a fifth of a second, which few processes need
    from openpyxl.utils.exceptions import InvalidFileException

    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as packed:
            if "xl/workbook.xml" not in packed.namelist():
                raise ValidationError(
                    _("This is a zip archive. Unpack it and send the CSV or xlsx file in it.")
                )
            if sum(part.file_size for part in packed.infolist()) > LARGEST:
                raise ValidationError(_("The workbook is too large. Save it as CSV."))
        stream.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions, which don't matter here
            return load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    except (
        KeyError,
        ValueError,
        TypeError,
        OSError,
        ParseError,
        zipfile.BadZipFile,
        InvalidFileException,
    ) as error:
        raise _unreadable() from error


def _unreadable() -> ValidationError:
    return ValidationError(_("The workbook is damaged or protected by a password. Save it as CSV."))


def _text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case str():
            return cell
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime() if cell.time() == time():  # a day, which the file format knows as its midnight
            return cell.date().isoformat()
        case datetime() | date() | time():
            return cell.isoformat()
    return str(cell)
