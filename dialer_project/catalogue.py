"""Message catalogues without gettext's programs: finds the strings, reads `.po`, writes `.mo`.

Strings come from the source as Python and Django's own template parser see them, so nothing has to be installed
for `manage.py translations` and for the check that no string lacks its translation.
"""

import ast
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from django.utils.translation.template import templatize

Key: TypeAlias = tuple[str, str, str]
"""Context, singular, plural; empty when there is none."""

_CALLS = {
    "_": "m",
    "gettext": "m",
    "gettext_lazy": "m",
    "gettext_noop": "m",
    "ngettext": "mp",
    "ngettext_lazy": "mp",
    "pgettext": "cm",
    "pgettext_lazy": "cm",
    "npgettext": "cmp",
    "npgettext_lazy": "cmp",
}
"""What the arguments of a call are: context, message, plural."""
_TEMPLATE_CALL = re.compile(
    r"\b(_|n?p?gettext)\(\s*((?:u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")\s*,?\s*)+)"
)
_STRING = re.compile(r"u?('(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")")


@dataclass(slots=True)
class Entry:
    """One message of a `.po` file."""

    context: str = ""
    message: str = ""
    plural: str = ""
    translations: list[str] = field(default_factory=list)
    fuzzy: bool = False

    @property
    def key(self) -> Key:
        return self.context, self.message, self.plural

    @property
    def is_complete(self) -> bool:
        forms = 2 if self.plural else 1
        return not self.fuzzy and len(self.translations) >= forms and all(self.translations)


def messages_in_python(source: str) -> Iterator[Key]:
    """Messages of gettext calls whose arguments are plain strings."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        arguments = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        words = [value for value in arguments if isinstance(value, str)]
        if name in _CALLS and len(words) >= len(_CALLS[name]):
            yield _key(_CALLS[name], words)


def messages_in_template(source: str) -> Iterator[Key]:
    """Messages of translate and blocktranslate tags."""
    for call in _TEMPLATE_CALL.finditer(templatize(source)):
        words = [str(ast.literal_eval(text)) for text in _STRING.findall(call[2])]
        shape = _CALLS[call[1]]
        if len(words) >= len(shape):
            yield _key(shape, words)


def _key(shape: str, words: list[str]) -> Key:
    found = dict(zip(shape, words, strict=False))
    return found.get("c", ""), found["m"], found.get("p", "")


def messages_below(folder: Path) -> dict[Key, str]:
    """All messages of a folder's Python files and templates, with one place of each."""
    found: dict[Key, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".py" and "migrations" not in path.parts:
            keys = messages_in_python(path.read_text(encoding="utf-8"))
        elif path.suffix == ".html":
            keys = messages_in_template(path.read_text(encoding="utf-8"))
        else:
            continue
        for key in keys:
            if key[1]:
                found.setdefault(key, str(path.relative_to(folder.parent)))
    return found


def read_po(text: str) -> tuple[str, list[Entry]]:
    """The header's text, and the entries in their order. Obsolete entries are left out."""
    entries: list[Entry] = []
    entry, current = Entry(), ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#,"):
            entry.fuzzy = "fuzzy" in line
        elif line.startswith("#"):
            continue
        elif not line.strip():
            if current:
                entries.append(entry)
            entry, current = Entry(), ""
        else:
            current = _read_line(entry, line, current)
    header = next((each for each in entries if not each.message), Entry(translations=[""]))
    return header.translations[0], [each for each in entries if each.message]


def _read_line(entry: Entry, line: str, current: str) -> str:
    """Takes one line in; returns the part that a following string continues."""
    keyword, _, rest = line.partition(" ") if not line.startswith('"') else (current, "", line)
    text = str(ast.literal_eval(rest.strip()))
    if keyword == "msgctxt":
        entry.context += text
    elif keyword == "msgid":
        entry.message += text
    elif keyword == "msgid_plural":
        entry.plural += text
    elif line.startswith('"'):
        entry.translations[-1] += text
    else:
        entry.translations.append(text)
    return keyword


def write_po(header: str, entries: list[Entry]) -> str:
    """The text of a `.po` file; `read_po` gives the same back."""
    blocks = ['msgid ""\nmsgstr ' + _quoted(header)]
    for entry in entries:
        lines = ["#, fuzzy"] if entry.fuzzy else []
        lines += [f"msgctxt {_quoted(entry.context)}"] if entry.context else []
        lines.append(f"msgid {_quoted(entry.message)}")
        if entry.plural:
            lines.append(f"msgid_plural {_quoted(entry.plural)}")
            forms = entry.translations or ["", ""]
            lines += [f"msgstr[{number}] {_quoted(form)}" for number, form in enumerate(forms)]
        else:
            lines.append(f"msgstr {_quoted(entry.translations[0] if entry.translations else '')}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if "\\n" not in escaped[:-2]:
        return f'"{escaped}"'
    parts = [f'"{part}"' for part in escaped.replace("\\n", "\\n\0").split("\0") if part]
    return '""\n' + "\n".join(parts)


def write_mo(header: str, entries: list[Entry]) -> bytes:
    """The compiled catalogue (GNU gettext's binary form, sorted, without a hash table)."""
    pairs = {b"": header.encode()}
    for entry in entries:
        if entry.is_complete:
            context = f"{entry.context}\x04" if entry.context else ""
            original = f"{context}{entry.message}" + (f"\0{entry.plural}" if entry.plural else "")
            pairs[original.encode()] = "\0".join(entry.translations).encode()
    originals = sorted(pairs)
    texts = [*originals, *(pairs[original] for original in originals)]
    start = 28 + 8 * len(texts)
    table, body = b"", b""
    for text in texts:
        table += struct.pack("<II", len(text), start + len(body))
        body += text + b"\0"
    count = len(originals)
    return struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, start) + table + body
