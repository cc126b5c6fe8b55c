"""Paths into a JSON value: `data.queues[*].name`. No I/O.

Names are separated by dots; `[2]` or `2` is an element of a list, `*` or `[*]` is each element of a list or each
member of an object. `$` at the beginning is the value itself. `@key` is the name under which `*` found a member.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

KEY: Final = "@key"
_BRACKET: Final = re.compile(r"\[(\*|\d{1,6})\]")
_PART: Final = re.compile(r"@key|[^.\[\]$@*\s][^.\[\]]*|\*|\d{1,6}")


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and the name of the object's member it was (its place, in a list)."""

    value: Any
    key: str


@dataclass(frozen=True, slots=True)
class Path:
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Path":
        """ValueError for what is no path."""
        plain = _BRACKET.sub(r".\1", text.removeprefix("$")).removeprefix(".")
        parts = tuple(plain.split(".")) if plain else ()
        for part in parts:
            if not _PART.fullmatch(part):
                raise ValueError(f"{text!r} is no path; write for example data.queues[*].name")
        if KEY in parts[:-1]:
            raise ValueError(f"{text!r} is no path: {KEY} has nothing below it")
        return cls(parts)

    def words(self) -> str:
        """As an administrator writes it."""
        return ".".join(self.parts) or "$"

    def all(self, root: Found) -> Iterator[Found]:
        """Everything that the path leads to."""
        found = [root]
        for part in self.parts:
            found = [below for one in found for below in _below(one, part)]
        yield from found

    def first(self, root: Found) -> Any:
        """The first value that the path leads to; None when there is none."""
        return next((found.value for found in self.all(root)), None)


def _below(found: Found, part: str) -> Iterator[Found]:
    value = found.value
    if part == KEY:
        yield Found(found.key, found.key)
    elif part == "*":
        items = enumerate(value) if isinstance(value, list) else _members(value)
        for key, item in items:
            yield Found(item, str(key))
    elif isinstance(value, list):
        if part.isdecimal() and int(part) < len(value):
            yield Found(value[int(part)], part)
    elif isinstance(value, dict) and part in value:
        yield Found(value[part], part)


def _members(value: Any) -> Iterator[tuple[object, Any]]:
    return iter(value.items() if isinstance(value, dict) else ())
