"""Loading the embedded do-not-call list from files of millions of numbers.

The numbers go by COPY into a stage table. A file that is large beside the list is then merged with it into a new
table, which takes the place of the old one at the end: whoever asks meanwhile is answered from the old list, and
waits a moment for the swap at most. Smaller files are inserted into the list as it stands.
"""

import re
from itertools import islice
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

from accounts import scope
from accounts.models import User
from accounts.scope import Action
from dnc.models import DncNumber
from dnc.number_key import number_key

SWAP_FROM = 100_000
"""Numbers in a file from which the list may be written anew."""
_TABLE = "dnc_dncnumber"
_PLAIN = re.compile(r"(?:[0-9]{3,15}\n)*")
_BLOCK = 5000
_COLUMNS = "number, reason, source, added_by_id, added_at"
_MERGE = """
INSERT INTO dnc_new ({columns})
SELECT number, coalesce(o.reason, ''), coalesce(o.source, %(source)s),
       CASE WHEN o.number IS NULL THEN %(by)s::bigint ELSE o.added_by_id END, coalesce(o.added_at, %(at)s)
FROM (SELECT DISTINCT number FROM dnc_stage) s {join} JOIN dnc_dncnumber o USING (number)
ORDER BY number
"""
_INSERT = """
INSERT INTO dnc_dncnumber ({columns})
SELECT DISTINCT number, '', %(source)s, %(by)s::bigint, %(at)s::timestamptz FROM dnc_stage ORDER BY number
ON CONFLICT DO NOTHING
"""
_REMOVE = "DELETE FROM dnc_dncnumber n WHERE NOT EXISTS (SELECT FROM dnc_stage s WHERE s.number = n.number)"
_SHARED = """
SELECT count(*) FROM dnc_dncnumber o WHERE EXISTS (SELECT FROM dnc_stage s WHERE s.number = o.number)
"""


@transaction.atomic
def load_numbers(
    actor: User | None, lines: IO[str], source: str, *, replace: bool = False
) -> tuple[int, list[str]]:
    """Loads one number a line (first column counts). Returns (numbers added, what was wrong, line by line).

    All or nothing: a reader sees the old list or the new one. `replace` takes off what the file does not have;
    numbers that are on the list already keep their reason, source and date.
    """
    if actor is not None:
        scope.require(actor, Action.DELETE if replace else Action.ADD, DncNumber)
    values: dict[str, Any] = {"source": source[:200], "by": actor.pk if actor else None, "at": timezone.now()}
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE dnc_stage (number bigint NOT NULL) ON COMMIT DROP")
        staged, wrong = _stage(lines)
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute("ANALYZE dnc_stage")
        cursor.execute(
            f"LOCK TABLE {_TABLE} IN SHARE ROW EXCLUSIVE MODE"
        )  # other writers wait, readers don't
        cursor.execute(f"SELECT count(*) FROM {_TABLE}")  # noqa: S608
        listed = cursor.fetchone()[0]
        if staged >= SWAP_FROM and staged * 5 >= listed:
            added = _merge(values, listed, replace=replace)
        else:
            if replace:
                cursor.execute(_REMOVE)
            cursor.execute(_INSERT.format(columns=_COLUMNS), values)
            added = cursor.rowcount
        cursor.execute("DROP TABLE dnc_stage")
    return added, wrong


def _stage(lines: IO[str]) -> tuple[int, list[str]]:
    """Numbers staged, and what was wrong. Blocks of nothing but digits are not looked at line by line."""
    wrong: list[str] = []
    staged = first = 0
    with connection.cursor() as cursor, cursor.copy("COPY dnc_stage (number) FROM STDIN") as copy:
        while block := list(islice(lines, _BLOCK)):
            text = "".join(block)
            if _PLAIN.fullmatch(text):
                staged += len(block)
            else:
                good = [key for at, line in enumerate(block, first + 1) if (key := _key(at, line, wrong))]
                staged += len(good)
                text = "".join(good)
            copy.write(text)
            first += len(block)
    return staged, wrong


def _key(count: int, line: str, wrong: list[str]) -> str:
    """The line for COPY; empty when it holds no number."""
    text = line.strip()
    if not (text.isascii() and text.isdigit() and 3 <= len(text) <= 15):
        text = re.split(r"[,;\t]", text.lstrip("\ufeff"), maxsplit=1)[0].strip('" ')
        if not text:
            return ""
        try:
            return f"{number_key(text)}\n"
        except ValidationError as error:
            if count > 1 or any(mark.isdigit() for mark in text):  # else it is the header
                wrong.append(f"{count}: {error.messages[0]}")
            return ""
    return f"{text}\n"


def _merge(values: dict[str, Any], listed: int, *, replace: bool) -> int:
    """Stage and list -> a new table with the constraints and indexes of the old one, in its place."""
    with connection.cursor() as cursor:
        shared = 0
        if replace and listed:
            cursor.execute(_SHARED)
            shared = cursor.fetchone()[0]
        cursor.execute(f"CREATE TABLE dnc_new (LIKE {_TABLE} INCLUDING ALL EXCLUDING INDEXES)")
        cursor.execute(_MERGE.format(columns=_COLUMNS, join="LEFT" if replace else "FULL"), values)
        added = cursor.rowcount - (shared if replace else listed)
        renames = _like_the_old(cursor)
        cursor.execute("ANALYZE dnc_new")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # checks that wait would forbid to drop the table
        cursor.execute(f"DROP TABLE {_TABLE}")
        cursor.execute(f"ALTER TABLE dnc_new RENAME TO {_TABLE}")
        for rename in renames:
            cursor.execute(rename)
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return int(added)


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
