"""The way of a lead file into the database: block by block, by COPY into a stage table and one INSERT each.

A thread reads the next block while PostgreSQL works on this one, so the slower of the two sets the pace. Refused rows
go into a table of their own, so that a file of a million duplicates stays out of the worker's memory. All tables are
of the transaction: a crash leaves nothing behind.
"""

import csv
import io
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.export import FORMULA, plain
from leads.lead_file import LeadFile, Row
from leads.phone_numbers import InvalidNumberError, normalise

if TYPE_CHECKING:
    from campaigns.models import Campaign

_TABLES = """
CREATE TEMPORARY TABLE lead_stage (
    line integer NOT NULL, name text NOT NULL, phone_number text COLLATE "C" NOT NULL, description text NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE lead_line (line integer NOT NULL, phone_number text COLLATE "C" NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE lead_passed (
    line integer NOT NULL, name text NOT NULL, phone_number text COLLATE "C" NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE lead_refused (line integer NOT NULL, row text NOT NULL) ON COMMIT DROP
"""
_DROP = "DROP TABLE lead_stage, lead_line, lead_passed, lead_refused"
# A block, without the numbers that repeat one of an earlier line or of a lead: those of earlier blocks are leads by now.
# The subquery with LIMIT looks into the index for each row, whatever PostgreSQL knows of the tables so far; ON CONFLICT
# in its place costs a third of all.
_INSERT = """
WITH passed AS (
    INSERT INTO lead_passed
    SELECT line, name, phone_number
      FROM (SELECT *, row_number() OVER (PARTITION BY phone_number ORDER BY line) AS nth FROM lead_stage) AS s
     WHERE nth > 1
        OR (SELECT l.id FROM leads_lead AS l
             WHERE l.campaign_id = %(campaign)s AND l.phone_number = s.phone_number LIMIT 1) IS NOT NULL
    RETURNING line
)
INSERT INTO leads_lead (campaign_id, name, description, phone_number, attempts, status, pool, next_attempt_at)
SELECT %(campaign)s, name, description, phone_number, 0, 'NOT_CALLED', 'WAITING', now()
  FROM lead_stage
 WHERE line NOT IN (SELECT line FROM passed)
 ORDER BY line
"""
# A number whose first line was passed over too stood in the campaign before.
_REFUSE = """
INSERT INTO lead_refused
SELECT p.line, p.line || ',"' || replace(
    CASE WHEN also.line IS NULL THEN replace(%(again)s, '#', f.line::text) ELSE %(known)s END, '"', '""'
) || '","' || CASE WHEN left(p.name, 1) = ANY (%(formula)s) THEN '''' ELSE '' END || replace(p.name, '"', '""')
  || '",' || p.phone_number || E'\\r\\n'
  FROM lead_passed AS p
  JOIN (SELECT phone_number, min(line) AS line FROM lead_line GROUP BY phone_number) AS f USING (phone_number)
  LEFT JOIN lead_passed AS also ON also.line = f.line
"""
_BLOCK = 8_000
"""Rows that are read while as many are written."""
_TRIES = 3
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class Counts:
    """What came of the rows."""

    read: int = 0
    added: int = 0
    duplicate: int = 0
    invalid: int = 0


@dataclass(slots=True)
class _Block:
    """Rows of the file, as COPY takes them and as they were refused."""

    rows: int
    position: int
    """Bytes of the file that were read by then."""
    good: str
    refused: list[tuple[int, str]]


def load(found: LeadFile, campaign: "Campaign", size: int, tell: Callable[[int, int], None]) -> Counts:
    """The rows of a file of `size` bytes become leads of the campaign; `tell` is told rows and bytes after each block.

    In the caller's transaction, who sees at its end that the campaign may have them. A lead with one of the numbers
    that somebody adds meanwhile has the import begin again.
    """
    tries = 0
    while True:
        tries += 1
        try:
            with transaction.atomic():
                return _load(found, campaign, size, tell)
        except IntegrityError as error:
            if tries == _TRIES or _constraint(error) != "number_once_per_campaign":
                raise


def _load(found: LeadFile, campaign: "Campaign", size: int, tell: Callable[[int, int], None]) -> Counts:
    counts = Counts()
    blocks = _read_ahead(_blocks(found, campaign.default_country, size))
    with connection.cursor() as cursor, closing(blocks):
        cursor.execute(_TABLES)
        cursor.execute("SET LOCAL work_mem = '32MB'")
        for block in blocks:
            counts.read += block.rows
            counts.invalid += len(block.refused)
            counts.added += _write(cursor, campaign.pk, block)
            tell(counts.read, block.position)
        counts.duplicate = counts.read - counts.invalid - counts.added
        if counts.duplicate:
            words: dict[str, Any] = {
                "known": _("the campaign has this number"),
                "again": _("the number stands in line %(line)s too") % {"line": "#"},
                "formula": list(FORMULA),
            }
            cursor.execute("SET LOCAL work_mem = '128MB'")
            cursor.execute(_REFUSE, words)
    return counts


def _write(cursor: Any, campaign_id: int, block: _Block) -> int:
    """Writes a block; returns how many leads it added."""
    if block.refused:
        with cursor.copy("COPY lead_refused (line, row) FROM STDIN") as copy:
            for row in block.refused:
                copy.write_row(row)
    cursor.execute("TRUNCATE lead_stage")
    with cursor.copy("COPY lead_stage (line, name, phone_number, description) FROM STDIN") as copy:
        copy.write(block.good)
    cursor.execute("INSERT INTO lead_line SELECT line, phone_number FROM lead_stage")
    cursor.execute(_INSERT, {"campaign": campaign_id})
    return int(cursor.rowcount)


def _constraint(error: IntegrityError) -> str | None:
    """Name of the constraint that refused it."""
    return error.__cause__.diag.constraint_name if isinstance(error.__cause__, psycopg.Error) else None


def _blocks(found: LeadFile, country: str, size: int) -> Iterator[_Block]:
    rows = found.rows()
    while True:
        refused: list[tuple[int, str]] = []
        good = list(_copy_lines(islice(rows, _BLOCK), found, country, refused))
        if not (good or refused):
            return
        yield _Block(len(good) + len(refused), found.position(size), "".join(good), refused)


def _read_ahead(blocks: Iterator[_Block]) -> Generator[_Block]:
    """The same blocks; a thread reads the next one meanwhile."""
    language = translation.get_language()

    def read() -> _Block | None:
        with translation.override(language):
            return next(blocks, None)

    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(read)
        while (block := coming.result()) is not None:
            coming = thread.submit(read)
            yield block


def judged(rows: Iterable[Row], found: LeadFile, country: str) -> Iterator[tuple[int, list[str], str, str]]:
    """What the import would make of rows, without writing: line, cells, and the number or why it would be refused."""
    for line, cells in rows:
        refused: list[tuple[int, str]] = []
        passed = "".join(_copy_lines([(line, cells)], found, country, refused))
        reason = next(csv.reader([refused[0][1]]))[1] if refused else ""
        yield line, cells, passed.split("\t")[2] if passed else "", reason


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
        cursor.execute(_DROP)


def _copy_lines(
    block: Iterable[Row], found: LeadFile, country: str, refused: list[tuple[int, str]]
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
