"""The PBX's calls held against the attempts' rows, as both come: each look costs what is new, not what there is.

A call, and a row that has ended, stay as they are; so a look reads the rows that were not ended at the look before, and
later ones, and holds the numbers of new calls and of those rows against each other anew, with their whole history. A
ledger that is new has seen nothing and looks at everything.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from django.db.models import Q

from leads.models import CallAttempt

SKEW_MS = 50
"""A record's moment is taken some milliseconds beside the packet's."""
AFTERMATH_S = 35.0
"""A request that was lost is repeated for 32 s (RFC 3261, timers B and F)."""
AT_ONCE = 500
"""Rows whose ids were given out and that may be committed after later ones."""

Call = dict[str, Any]
"""A line of the PBX's log (`telephony/demo_pbx/call_log.py`)."""
Pair = tuple[Call, CallAttempt]

Spans = list[tuple[float, float]]
"""Epochs in seconds, from and to."""

ENDED_AT = itemgetter("ended_at")


class Ledger:
    """Of one run; all its calls and dialed rows."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        """By their ends."""
        self._names: Counter[str] = Counter()
        self._calls_to: dict[str, list[Call]] = defaultdict(list)
        self._rows_of: dict[str, dict[int, CallAttempt]] = defaultdict(dict)
        self._row: dict[str, CallAttempt] = {}  # Call-ID -> the row that the call takes
        self._open: set[int] = set()
        self._last = 0
        self._fresh: set[str] = set()  # numbers to look at
        self._wrong: list[str] = []

    def add_calls(self, calls: Iterable[Call]) -> list[Call]:
        """Those that ended since, of the PBX's log; returns them. Before `look`, so that each has its row by then."""
        new = list(calls)
        self._names.update(call["call_id"] for call in new)
        for call in new:
            self._calls_to[call["number"]].append(call)
            self._fresh.add(call["number"])
        self._calls = sorted(self._calls + new, key=ENDED_AT)
        return new

    @property
    def calls(self) -> list[Call]:
        return self._calls

    def look(self, killed: set[str], disturbed: Spans) -> list[str]:
        """I2: every INVITE has a row of its own that was committed before, no row has two; one call at a time for each
        port and each customer. `killed`: workers that died; what they had at the PBX nobody could hang up. `disturbed`:
        times whose clocks or packets were meddled with: a call of them has its row all the same, moments are not
        compared. Returns what was found at earlier looks too; one that the database broke off may be repeated."""
        self._read_rows()
        numbers, self._fresh = self._fresh, set()
        wrong = self._wrong
        for number in numbers:
            rows = sorted(self._rows_of[number].values(), key=_started)
            pairs, missing = _match(rows, self._calls_to[number], disturbed)
            self._row |= {call["call_id"]: row for call, row in pairs}
            wrong += missing
        fresh = [call for number in numbers for call in self._calls_to[number]]
        wrong += [
            f"Call-ID {name} is {self._names[name]} times in the PBX's log"
            for name in {call["call_id"] for call in fresh}
            if self._names[name] > 1
        ]
        for field in ("user", "number"):
            wrong += self._overlaps(field, fresh, killed, disturbed)
        return wrong

    def _read_rows(self) -> None:
        news = Q(pk__gt=self._last - AT_ONCE) | Q(pk__in=self._open)
        for row in list(CallAttempt.objects.filter(news)):
            self._last = max(self._last, row.pk)
            (self._open.discard if row.ended_at else self._open.add)(row.pk)
            rows = self._rows_of[row.phone_number]
            known = rows.get(row.pk)
            if row.started_at is None:
                rows.pop(row.pk, None)  # of one that was taken back
            else:
                rows[row.pk] = row
            if known is None or known.ended_at is None or row.started_at is None:
                self._fresh.add(row.phone_number)

    def _overlaps(self, field: str, fresh: list[Call], killed: set[str], disturbed: Spans) -> list[str]:
        """Calls that began on the same port, or to the same customer, while one of a living worker was up; of any two
        one is fresh."""
        if not fresh:
            return []
        since = min(call["invite_at"] for call in fresh)
        later = defaultdict(list)
        recent = self._calls[bisect_left(self._calls, since, key=ENDED_AT) :]
        for call in recent:
            later[call[field]].append(call)
        is_fresh = {id(call) for call in fresh}
        wrong = []
        for call in recent:
            row = self._row.get(call["call_id"])
            if row is None or _is_orphan(row, killed) or was_disturbed(call, disturbed):
                continue
            for other in later[call[field]]:
                at_once = call["invite_at"] < other["invite_at"] < call["ended_at"] - SKEW_MS
                if at_once and (id(call) in is_fresh or id(other) in is_fresh):
                    wrong.append(f"two calls at once of one {field}: {call} and {other}; row {told(row)}")
        return wrong


def was_disturbed(call: Call, disturbed: Spans) -> bool:
    """Whether the call was up, a ring's length included, while clocks or packets were meddled with."""
    return any(
        call["invite_at"] < (to + AFTERMATH_S) * 1000 and call["ended_at"] > since * 1000
        for since, to in disturbed
    )


def _match(rows: list[CallAttempt], calls: list[Call], disturbed: Spans) -> tuple[list[Pair], list[str]]:
    """Each call takes one row: the one that names it, else one without a name that was open at the INVITE."""
    pairs, wrong = [], []
    named = {row.call_id: row for row in rows if row.call_id}
    nameless = [row for row in rows if not row.call_id]
    for call in sorted(calls, key=lambda call: int(call["invite_at"])):
        row = named.pop(call["call_id"], None)
        if row is None:
            row = next(
                (row for row in nameless if was_disturbed(call, disturbed) or could_be(row, call)), None
            )
            if row is not None:
                nameless.remove(row)
        if row is None:
            wrong.append(f"dialed without a row of its own: {call}; rows {[told(r) for r in rows]}")
            continue
        pairs.append((call, row))
        if not was_disturbed(call, disturbed) and not could_be(row, call):
            wrong.append(f"dialed outside its row's life: {call}; row {told(row)}")
    return pairs, wrong


def _is_orphan(row: CallAttempt, killed: set[str]) -> bool:
    return row.ended_by == "recovery" and row.worker in killed


def could_be(row: CallAttempt, call: Call) -> bool:
    """Whether the row was open at the call's INVITE."""
    began = _started(row) * 1000 - SKEW_MS
    ended = row.ended_at.timestamp() * 1000 + SKEW_MS if row.ended_at else float("inf")
    return bool(began <= call["invite_at"] <= ended)


def _started(row: CallAttempt) -> float:
    assert row.started_at is not None
    return row.started_at.timestamp()


def told(row: CallAttempt) -> str:
    return f"{row.pk} {row.state} {row.started_at} to {row.ended_at} {row.result} {row.reason!r}"
