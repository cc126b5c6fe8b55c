"""The way of a lead file into the database: good rows by COPY into a stage table, then one INSERT.

Refused rows go into a table of their own, so that a file of a million duplicates stays out of the worker's memory.
Both tables are of the transaction: a crash leaves nothing behind.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from accounts.export import FORMULA, plain
from leads.lead_file import LeadFile, Row
from leads.phone_numbers import InvalidNumberError, normalise

_TABLES = """
CREATE TEMPORARY TABLE lead_stage (
    line integer NOT NULL, name text NOT NULL, phone_number text COLLATE "C" NOT NULL, description text NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE lead_passed (line integer NOT NULL, first integer) ON COMMIT DROP;
CREATE TEMPORARY TABLE lead_refused (line integer NOT NULL, row text NOT NULL) ON COMMIT DROP
"""
# What the INSERT passes over: numbers of an earlier line (`first`), and those that the campaign has already (null).
_REPEATED = """
INSERT INTO lead_passed
SELECT s.line, f.first
  FROM (SELECT phone_number, min(line) AS first FROM lead_stage GROUP BY phone_number HAVING count(*) > 1) AS f
  JOIN lead_stage AS s USING (phone_number)
 WHERE s.line > f.first
"""
_KNOWN = """
WITH known AS MATERIALIZED (
    SELECT s.line FROM lead_stage AS s
      JOIN leads_lead AS l ON l.campaign_id = %(campaign)s AND l.phone_number = s.phone_number
), repeated AS (
    DELETE FROM lead_passed AS p USING known WHERE p.line = known.line
)
INSERT INTO lead_passed SELECT line, NULL FROM known
"""
# Without ON CONFLICT, whose look into the index before each row costs a third: the campaign's lock keeps others out.
_INSERT = """
INSERT INTO leads_lead (campaign_id, name, description, phone_number, attempts, status, pool, next_attempt_at)
SELECT %(campaign)s, name, description, phone_number, 0, 'NOT_CALLED', 'WAITING', now()
  FROM lead_stage AS s
 WHERE NOT EXISTS (SELECT FROM lead_passed AS p WHERE p.line = s.line)
 ORDER BY line
"""
_REFUSE = """
INSERT INTO lead_refused
SELECT line, line || ',"' || replace(
    CASE WHEN first IS NULL THEN %(known)s ELSE replace(%(again)s, '#', first::text) END, '"', '""'
) || '","' || CASE WHEN left(name, 1) = ANY (%(formula)s) THEN '''' ELSE '' END || replace(name, '"', '""')
  || '",' || phone_number || E'\\r\\n'
  FROM lead_passed JOIN lead_stage USING (line)
"""
_BLOCK = 2000
"""Rows in one write to COPY."""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class Counts:
    """What came of the rows."""

    read: int = 0
    added: int = 0
    duplicate: int = 0
    invalid: int = 0


def fill(found: LeadFile, country: str) -> Iterator[Counts]:
    """Reads the whole file into the stage; tells the counts so far after each block."""
    counts = Counts()
    refused: list[tuple[int, str]] = []
    rows = found.rows()
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        with cursor.copy("COPY lead_stage (line, name, phone_number, description) FROM STDIN") as copy:
            while block := list(islice(rows, _BLOCK)):
                copy.write("".join(_copy_lines(block, found, country, refused)))
                counts.read += len(block)
                yield counts
        with cursor.copy("COPY lead_refused (line, row) FROM STDIN") as copy:
            for row in refused:
                copy.write_row(row)
    counts.invalid = len(refused)


def judged(rows: Iterable[Row], found: LeadFile, country: str) -> Iterator[tuple[int, list[str], str, str]]:
    """What the import would make of rows, without writing: line, cells, and the number or why it would be refused."""
    for line, cells in rows:
        refused: list[tuple[int, str]] = []
        passed = "".join(_copy_lines([(line, cells)], found, country, refused))
        reason = next(csv.reader([refused[0][1]]))[1] if refused else ""
        yield line, cells, passed.split("\t")[2] if passed else "", reason


def insert(campaign_id: int, counts: Counts) -> None:
    """The staged rows become leads of the campaign; the caller holds the campaign's lock."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute("ANALYZE lead_stage")
        cursor.execute(_REPEATED)
        cursor.execute(_KNOWN, {"campaign": campaign_id})
        cursor.execute("ANALYZE lead_passed")
        cursor.execute(_INSERT, {"campaign": campaign_id})
        counts.added = cursor.rowcount
        counts.duplicate = counts.read - counts.invalid - counts.added
        if counts.duplicate:
            words: dict[str, Any] = {
                "known": _("the campaign has this number"),
                "again": _("the number stands in line %(line)s too") % {"line": "#"},
                "formula": list(FORMULA),
            }
            cursor.execute(_REFUSE, words)


def keep_refused(upload_id: int) -> None:
    """Writes the refused rows as CSV into the upload, without passing through this process; drops the tables."""
    header = io.StringIO(newline="")
    csv.writer(header).writerow([_("line"), _("reason"), _("row")])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE leads_leadupload SET refused_rows = coalesce("
            "  (SELECT %s || string_agg(row, '' ORDER BY line) FROM lead_refused), '') WHERE id = %s",
            [header.getvalue(), upload_id],
        )
        cursor.execute("DROP TABLE lead_stage, lead_passed, lead_refused")


def _copy_lines(
    block: list[Row], found: LeadFile, country: str, refused: list[tuple[int, str]]
) -> Iterator[str]:
    at_name, at_number, at_description = found.columns.name, found.columns.number, found.columns.description
    needed = max(at_name, at_number) + 1
    for line, cells in block:
        try:
            if len(cells) < needed:
                raise InvalidNumberError(_("name and phone number are needed, separated by a comma"))
            name, number = cells[at_name].strip(), normalise(cells[at_number], country)
            described = at_description is not None and at_description < len(cells)
            description = cells[at_description].strip()[:500] if described else ""  # type: ignore[index]
            if not name or len(name) > 200 or "\x00" in name or "\x00" in description:
                raise InvalidNumberError(_name_problem(name))
        except InvalidNumberError as error:
            refused.append((line, _refused_row(line, str(error), cells)))
            continue
        if name[:1] == "'" or description[:1] == "'":
            name, description = _as_it_was(name), _as_it_was(description)
        if not (name.isprintable() and description.isprintable()) or "\\" in name or "\\" in description:
            name, description = name.translate(_ESCAPES), description.translate(_ESCAPES)
        yield f"{line}\t{name}\t{number}\t{description}\n"


def _as_it_was(cell: str) -> str:
    """Without the apostrophe that exports put before what a spreadsheet would take for a formula."""
    return cell[1:] if cell[:1] == "'" and cell.startswith(FORMULA, 1) else cell


def _name_problem(name: str) -> str:
    if not name:
        return _("the name is missing")
    if len(name) > 200:
        return _("the name is longer than 200 characters")
    return _("the row has a zero byte")


def _refused_row(line: int, reason: str, cells: list[str]) -> str:
    """For the CSV of refused rows, in which no cell is a formula either."""
    row = io.StringIO(newline="")
    shown: list[Any] = [
        plain(text.replace("\x00", "\ufffd")) for text in (reason, *(cell[:200] for cell in cells[:50]))
    ]
    csv.writer(row).writerow([line, *shown])
    return row.getvalue()
