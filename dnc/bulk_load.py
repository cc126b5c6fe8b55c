"""Loading the embedded do-not-call list from files of millions of numbers.

The file is read and sorted first, beside the database. What it changes by much is then written anew: into a table
that takes the place of the old one at the end. Whoever asks meanwhile is answered from the old list, and waits a
moment for the swap at most. Smaller changes go into the list as it stands.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import scope
from accounts.models import User
from accounts.scope import Action
from dnc.models import DncNumber
from dnc.number_key import number_key
from dnc.sorted_numbers import Numbers, SortedNumbers

SWAP_FROM = 100_000
"""Changed numbers from which the list may be written anew; a file with less is not compared with the list."""
_SWAP_SHARE = 5
"""... when they are one of so many on the list at least."""
_TABLE = "dnc_dncnumber"
_PLAIN = re.compile(r"(?:\+?[0-9]{3,15}(?:[,;\t][^\n]*)?\n)*+")
"""Lines of digits, perhaps with a plus before and further columns behind: as most files are."""
_BARE = re.compile(r"[0-9\n]*")
_FIRST_COLUMN = re.compile(r"^\+?([0-9]+)", re.MULTILINE)
_BLOCK = 1 << 18
"""Characters that are read at once."""
_KEYS = 500_000
"""Numbers of the list that are fetched at once."""
_COPY_ROW = np.dtype([("columns", ">i2"), ("bytes", ">i4"), ("number", ">i8")])
_COPY_HEAD, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
"""PostgreSQL's binary COPY format."""

_FETCH = """
SELECT string_agg(int8send(number), ''::bytea)
  FROM (SELECT number FROM dnc_dncnumber WHERE number > %s ORDER BY number LIMIT %s) AS next
"""
_INSERT = """
INSERT INTO dnc_dncnumber (number, reason, source, added_by_id, added_at)
SELECT number, '', %(source)s, %(by)s::bigint, %(at)s::timestamptz FROM dnc_stage ON CONFLICT DO NOTHING
"""
_REMOVE = "DELETE FROM dnc_dncnumber n USING dnc_stage s WHERE s.number = n.number"
_NOTE_REMOVAL = """
INSERT INTO dnc_dncremoval (number, reason, removed_by_id, removed_at)
SELECT number, %(why)s, %(by)s::bigint, %(at)s::timestamptz FROM dnc_stage
"""
_KEEP = """
INSERT INTO dnc_new
SELECT * FROM dnc_dncnumber n WHERE NOT EXISTS (SELECT FROM dnc_stage s WHERE s.number = n.number)
"""
_DEFAULTS = {"reason": "%(reason)s", "source": "%(source)s", "added_by_id": "%(by)s", "added_at": "%(at)s"}


MOST_LISTED = 100_000
"""Wrong lines that are kept with their reason; all are counted. A film taken for a list has more than memory holds."""


@dataclass(slots=True)
class WrongLines:
    count: int = 0
    listed: list[tuple[int, str, str]] = field(default_factory=list)
    """Line number from 1, why, and the line as it was."""

    def add(self, line: int, why: str, text: str) -> None:
        self.count += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append((line, why, text[:200].replace("\x00", "\ufffd")))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of a file."""

    added: int
    duplicate: int
    """Lines whose number stood on the list already, or in an earlier line."""
    removed: int
    wrong: WrongLines


@transaction.atomic
def load_numbers(actor: User | None, lines: IO[str], source: str, *, replace: bool = False) -> Loaded:
    """Loads one number a line (first column counts).

    All or nothing: a reader sees the old list or the new one. `replace` takes off what the file does not have, and
    keeps who did it, when and by which file; numbers that are on the list already keep reason, source and date.
    """
    if actor is not None:
        scope.require(actor, Action.DELETE if replace else Action.ADD, DncNumber)
    numbers, good, wrong = _read(lines)
    values = {"reason": "", "source": source[:200], "by": actor.pk if actor else None, "at": timezone.now()}
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {_TABLE} IN SHARE ROW EXCLUSIVE MODE")  # writers wait, readers don't
        if replace or (len(numbers) >= SWAP_FROM and len(numbers) * _SWAP_SHARE >= _count(cursor)):
            added, removed = _become(cursor, values, numbers, replace=replace)
        else:
            added, removed = _insert(cursor, values, numbers), 0
    return Loaded(added, good - added, removed, wrong)


def _read(lines: IO[str]) -> tuple[SortedNumbers, int, WrongLines]:
    """The numbers, how many lines had one, and what was wrong. Blocks of plain lines are not looked at line by line."""
    numbers, good, wrong, first = SortedNumbers(), 0, WrongLines(), 1
    while text := lines.read(_BLOCK):
        text += lines.readline()
        if not text.endswith("\n"):
            text += "\n"
        if _PLAIN.fullmatch(text):
            digits = text if _BARE.fullmatch(text) else "\n".join(_FIRST_COLUMN.findall(text))
            found = np.fromstring(digits, np.int64, sep="\n")
        else:
            keys = (_key(at, line, wrong) for at, line in enumerate(text.split("\n"), first))
            found = np.array([key for key in keys if key is not None], np.int64)
        numbers.add(found)
        good += len(found)
        first += text.count("\n")
    return numbers, good, wrong


def _key(count: int, line: str, wrong: WrongLines) -> int | None:
    """The line's number; None when it holds none."""
    text = re.split(r"[,;\t]", line.strip().lstrip("\ufeff"), maxsplit=1)[0].strip('" ')
    if not text:
        return None
    try:
        return number_key(text)
    except ValidationError as error:
        if count > 1 or any(mark.isdigit() for mark in text):  # else it is the header
            wrong.add(count, error.messages[0], line.strip())
        return None


def _count(cursor: Any) -> int:
    cursor.execute(f"SELECT count(*) FROM {_TABLE}")  # noqa: S608 - a name of this file
    return int(cursor.fetchone()[0])


def _become(cursor: Any, values: dict[str, Any], numbers: SortedNumbers, *, replace: bool) -> tuple[int, int]:
    """The list gets the numbers that it has not, with `replace` loses the others; returns how many of both."""
    listed = _listed(cursor)
    new = numbers.without(listed)
    gone = listed.without(numbers) if replace else SortedNumbers()
    if gone:
        _note_removals(cursor, values, gone)
    changed = len(new) + len(gone)
    if changed >= SWAP_FROM and changed * _SWAP_SHARE >= len(listed):
        _write_anew(cursor, values, new, gone, kept=len(listed) - len(gone))
        return len(new), len(gone)
    if gone:
        _stage(cursor, gone)
        cursor.execute(_REMOVE)
    return _insert(cursor, values, new), len(gone)


def _note_removals(cursor: Any, values: dict[str, Any], gone: SortedNumbers) -> None:
    """Who took each number off, when and by which file (SPEC 2)."""
    _stage(cursor, gone)
    why = _("replaced by the file %(file)s") % {"file": values["source"]}
    cursor.execute(_NOTE_REMOVAL, {**values, "why": why[:200]})


def _listed(cursor: Any) -> SortedNumbers:
    """The numbers on the list, in packets: row by row their way takes as long as the rest of the load."""
    listed, last = SortedNumbers(), -1
    while True:
        cursor.execute(_FETCH, [last, _KEYS])
        packet = cursor.fetchone()[0]
        if packet is None:
            return listed
        numbers = np.frombuffer(packet, ">i8").astype(np.int64)
        listed.add(numbers)
        last = int(numbers[-1])


def _insert(cursor: Any, values: dict[str, Any], numbers: SortedNumbers) -> int:
    _stage(cursor, numbers)
    cursor.execute(_INSERT, values)
    return int(cursor.rowcount)


def _stage(cursor: Any, numbers: SortedNumbers) -> None:
    """A table `dnc_stage` of just these numbers, for one statement of this transaction."""
    cursor.execute("DROP TABLE IF EXISTS dnc_stage")
    cursor.execute("CREATE TEMPORARY TABLE dnc_stage (number bigint NOT NULL) ON COMMIT DROP")
    _copy(cursor, "dnc_stage (number)", "FORMAT binary", numbers.blocks())
    cursor.execute("ANALYZE dnc_stage")


def _copy(cursor: Any, target: str, options: str, blocks: Iterator[Numbers]) -> None:
    with cursor.copy(f"COPY {target} FROM STDIN ({options})") as copy:
        copy.write(_COPY_HEAD)
        for block in blocks:
            rows = np.empty(len(block), _COPY_ROW)
            rows["columns"], rows["bytes"], rows["number"] = 1, 8, block
            copy.write(rows.tobytes())
        copy.write(_COPY_END)


def _write_anew(
    cursor: Any, values: dict[str, Any], new: SortedNumbers, gone: SortedNumbers, *, kept: int
) -> None:
    """New and kept numbers -> a table with the constraints and indexes of the old one, in its place.

    FREEZE: nobody else sees these rows before they are committed, so nobody has to visit them again for it.
    """
    cursor.execute(f"CREATE TABLE dnc_new (LIKE {_TABLE} INCLUDING ALL EXCLUDING INDEXES)")
    for column, value in _DEFAULTS.items():
        cursor.execute(f"ALTER TABLE dnc_new ALTER COLUMN {column} SET DEFAULT {value}", values)
    _copy(cursor, "dnc_new (number)", "FORMAT binary, FREEZE", new.blocks())
    for column in _DEFAULTS:
        cursor.execute(f"ALTER TABLE dnc_new ALTER COLUMN {column} DROP DEFAULT")
    if kept:
        cursor.execute("SET LOCAL work_mem = '128MB'")
        _stage(cursor, gone)
        cursor.execute(_KEEP)
    renames = _like_the_old(cursor)
    cursor.execute("ANALYZE dnc_new")
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # checks that wait would forbid to drop the table
    cursor.execute(f"DROP TABLE {_TABLE}")
    cursor.execute(f"ALTER TABLE dnc_new RENAME TO {_TABLE}")
    for rename in renames:
        cursor.execute(rename)
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _like_the_old(cursor: Any) -> list[str]:
    """Builds indexes and constraints on the new table; returns what gives them the old names afterwards."""
    execute, fetchall = cursor.execute, cursor.fetchall
    execute("SET LOCAL maintenance_work_mem = '256MB'")
    renames = []
    execute(
        "SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f') ORDER BY contype DESC",
        [_TABLE],
    )
    for n, (name, definition) in enumerate(fetchall()):
        execute(f"ALTER TABLE dnc_new ADD CONSTRAINT dnc_new_c{n} {definition}")
        renames.append(f"ALTER TABLE {_TABLE} RENAME CONSTRAINT dnc_new_c{n} TO {name}")
    execute(
        "SELECT quote_ident(c.relname), pg_get_indexdef(i.indexrelid) FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = %s::regclass"
        " AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)",
        [_TABLE],
    )
    for n, (name, definition) in enumerate(fetchall()):
        columns = definition.partition(" USING ")[2]
        unique = "UNIQUE " if definition.startswith("CREATE UNIQUE") else ""
        execute(f"CREATE {unique}INDEX dnc_new_i{n} ON dnc_new USING {columns}")
        renames.append(f"ALTER INDEX dnc_new_i{n} RENAME TO {name}")
    return renames
