"""The way of a lead file into the database: block by block, by COPY, without the numbers that repeat.

A thread reads the next block while PostgreSQL writes this one, so the slower of the two sets the pace. The thread also
tells the numbers that can't be repeats: only for the others PostgreSQL looks into its index. Refused rows go into a
table of their own, so that a file of a million duplicates stays out of the worker's memory. These tables are of the
transaction, as the leads are: a crash leaves nothing behind.
"""

import csv
import io
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import IntegrityError, connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.export import FORMULA, plain
from leads.lead_file import LeadFile, Row
from leads.models import Lead, LeadStatus
from leads.phone_numbers import InvalidNumberError, normalise

if TYPE_CHECKING:
    from campaigns.models import Campaign

_TABLES = """
CREATE TEMPORARY TABLE lead_line (line integer NOT NULL, phone_number text COLLATE "C" NOT NULL) ON COMMIT DROP;
CREATE TEMPORARY TABLE lead_passed (
    line integer NOT NULL, name text NOT NULL, phone_number text COLLATE "C" NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE lead_refused (line integer NOT NULL, row text NOT NULL) ON COMMIT DROP
"""
_DROP = "DROP TABLE lead_line, lead_passed, lead_refused"
_HAS_LEADS = "SELECT EXISTS (SELECT FROM leads_lead WHERE campaign_id = %s), now()::text"
# Those of earlier blocks are leads by now. The subquery with LIMIT looks into the index for each number, whatever
# PostgreSQL knows of the table so far.
_KNOWN = """
SELECT number FROM unnest(%(numbers)s::text[]) AS number
 WHERE (SELECT id FROM leads_lead WHERE campaign_id = %(campaign)s AND phone_number = number LIMIT 1) IS NOT NULL
"""
_LEADS = "leads_lead (campaign_id, attempts, status, pool, next_attempt_at, phone_number, name, description)"
# A number whose first line was passed over too stood in the campaign before.
_REFUSE = """
INSERT INTO lead_refused
SELECT p.line, p.line || ',"' || replace(
    CASE WHEN also.line IS NULL THEN replace(%(again)s, '#', f.line::text) ELSE %(known)s END, '"', '""'
) || '","' || CASE WHEN left(p.name, 1) = ANY (%(formula)s) THEN '''' ELSE '' END || replace(p.name, '"', '""')
  || '",' || p.phone_number || E'\\r\\n'
  FROM lead_passed AS p
  JOIN (SELECT phone_number, min(line) AS line FROM lead_line
         WHERE phone_number IN (SELECT phone_number FROM lead_passed) GROUP BY phone_number) AS f USING (phone_number)
  LEFT JOIN lead_passed AS also ON also.line = f.line
"""
_BLOCK = 4_000
"""Rows that are read while as many are written."""
_FILTER_BITS = 24
"""2 MB: of a million different numbers, one in 35 is looked for in vain."""
_TRIES = 3
_TURN = sys.getswitchinterval()
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class Counts:
    """What came of the rows."""

    read: int = 0
    added: int = 0
    duplicate: int = 0
    invalid: int = 0


_Good = tuple[int, str, str, str]
"""A row that may become a lead: line, name, number, description."""


@dataclass(slots=True)
class _Block:
    """Rows of the file, as COPY takes them."""

    rows: int
    position: int
    """Bytes of the file that were read by then."""
    leads: dict[str, str]
    """By number."""
    suspects: list[str]
    """Those of the numbers that an earlier block or the campaign may have."""
    lines: str
    """Line and number of each of them."""
    good: dict[str, _Good]
    again: list[_Good]
    """Rows whose number one of the others has."""
    refused: str
    invalid: int


class _Seen:
    """Numbers that were seen so far, in constant memory: it may say yes wrongly, never no."""

    def __init__(self) -> None:
        self._bits = bytearray((1 << _FILTER_BITS) // 8)

    def among(self, numbers: Iterable[str]) -> list[str]:
        """Those that may have been seen before; all of them are seen from now on."""
        bits, last = self._bits, (1 << _FILTER_BITS) - 1
        found = []
        for number in numbers:
            at = hash(number) & last
            byte, bit = at >> 3, 1 << (at & 7)
            if bits[byte] & bit:
                found.append(number)
            else:
                bits[byte] |= bit
        return found


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
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.execute(_TABLES)
        cursor.execute(_HAS_LEADS, [campaign.pk])
        has_leads, now = cursor.fetchone()
        before = f"{campaign.pk}\t0\t{LeadStatus.NOT_CALLED}\t{Lead.Pool.WAITING}\t{now}"
        blocks = _blocks(found, campaign.default_country, size, before, has_leads)
        with _short_turns(), closing(_read_ahead(blocks)) as ready:
            for block in ready:
                counts.read += block.rows
                counts.invalid += block.invalid
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
    _copy(cursor, "lead_line (line, phone_number)", block.lines)
    passed = block.again
    if block.suspects:
        cursor.execute(_KNOWN, {"campaign": campaign_id, "numbers": block.suspects})
        known = [number for (number,) in cursor.fetchall()]
        passed = passed + [block.good[number] for number in known]
        for number in known:
            del block.leads[number]
    _copy(
        cursor,
        "lead_passed (line, name, phone_number)",
        "".join(f"{line}\t{_escaped(name)}\t{number}\n" for line, name, number, _ in passed),
    )
    _copy(cursor, "lead_refused (line, row)", block.refused)
    _copy(cursor, _LEADS, "".join(block.leads.values()))
    return len(block.leads)


def _copy(cursor: Any, table: str, lines: str) -> None:
    if lines:
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            copy.write(lines)


def _escaped(text: str) -> str:
    """As COPY takes it."""
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


def _constraint(error: IntegrityError) -> str | None:
    """Name of the constraint that refused it."""
    return error.__cause__.diag.constraint_name if isinstance(error.__cause__, psycopg.Error) else None


def _blocks(found: LeadFile, country: str, size: int, before: str, has_leads: bool) -> Generator[_Block]:
    """`before` stands before the number of each lead; `has_leads`: the campaign may have any of the numbers."""
    rows, seen = found.rows(), _Seen()
    while True:
        refused: list[tuple[int, str]] = []
        again: list[_Good] = []
        good: dict[str, _Good] = {}
        for row in _good(islice(rows, _BLOCK), found, country, refused):
            if good.setdefault(row[2], row) is not row:
                again.append(row)
        if not (good or refused):
            return
        yield _Block(
            rows=len(good) + len(again) + len(refused),
            position=found.position(size),
            leads={
                number: f"{before}\t{number}\t{_escaped(name)}\t{_escaped(description)}\n"
                for _, name, number, description in good.values()
            },
            suspects=list(good) if has_leads else seen.among(good),
            lines="".join([f"{line}\t{number}\n" for line, _, number, _ in good.values()]),
            good=good,
            again=again,
            refused="".join(f"{line}\t{text.translate(_ESCAPES)}\n" for line, text in refused),
            invalid=len(refused),
        )


def _read_ahead(blocks: Generator[_Block]) -> Generator[_Block]:
    """The same blocks; a thread reads the next one meanwhile."""
    language = translation.get_language()

    def read() -> _Block | None:
        with translation.override(language):
            return next(blocks, None)

    with closing(blocks), ThreadPoolExecutor(1) as thread:
        coming = thread.submit(read)
        while (block := coming.result()) is not None:
            coming = thread.submit(read)
            yield block


@contextmanager
def _short_turns() -> Iterator[None]:
    """Threads take turns of the interpreter lock at 0.2 ms, not 5: while one reads, the other has PostgreSQL busy."""
    sys.setswitchinterval(0.0002)
    try:
        yield
    finally:
        sys.setswitchinterval(_TURN)


def judged(rows: Iterable[Row], found: LeadFile, country: str) -> Iterator[tuple[int, list[str], str, str]]:
    """What the import would make of rows, without writing: line, cells, and the number or why it would be refused."""
    for line, cells in rows:
        refused: list[tuple[int, str]] = []
        passed = next(_good([(line, cells)], found, country, refused), None)
        reason = next(csv.reader([refused[0][1]]))[1] if refused else ""
        yield line, cells, passed[2] if passed else "", reason


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


def _good(
    rows: Iterable[Row], found: LeadFile, country: str, refused: list[tuple[int, str]]
) -> Iterator[_Good]:
    at_name, at_number, at_description = found.columns.name, found.columns.number, found.columns.description
    if at_description is None:
        at_description = sys.maxsize
    needed = max(at_name, at_number) + 1
    for line, cells in rows:
        try:
            if len(cells) < needed:
                raise InvalidNumberError(_("name and phone number are needed, separated by a comma"))
            name, number = cells[at_name].strip(), normalise(cells[at_number], country)
            description = cells[at_description].strip()[:500] if at_description < len(cells) else ""
            if not name or len(name) > 200 or "\x00" in name or "\x00" in description:
                raise InvalidNumberError(_name_problem(name))
        except InvalidNumberError as error:
            refused.append((line, _refused_row(line, str(error), cells)))
            continue
        if name[:1] == "'" or description[:1] == "'":
            name, description = _as_it_was(name), _as_it_was(description)
        yield line, name, number, description


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
