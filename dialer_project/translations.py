"""Which strings need a translation, and which of them lack one.

Ours, and those of Unfold that Django's own catalogue of the language does not have: Unfold ships no translations.
"""

from importlib.util import find_spec
from pathlib import Path

import django
from django.conf import settings

from dialer_project.catalogue import Entry, Key, messages_below, read_po, write_mo, write_po

_UNFOLD_UNUSED = {"contrib", "unfold_crispy", "auth", "datasets"}
"""Folders of Unfold whose pages this product does not have."""


def our_packages() -> list[Path]:
    root = Path(settings.BASE_DIR)
    names = [*settings.INSTALLED_APPS, "amd"]
    return [root / name for name in names if "." not in name and (root / name).is_dir()]


def needed(language: str) -> dict[Key, str]:
    """Every message that people of `language` may read, with one place of each."""
    found: dict[Key, str] = {}
    for key, place in _unfold_messages(language).items():
        found.setdefault(key, place)
    for package in our_packages():
        found.update(messages_below(package))
    return found


def _unfold_messages(language: str) -> dict[Key, str]:
    spec = find_spec("unfold")
    assert spec is not None
    assert spec.origin is not None
    known = _known_to_django(language)
    return {
        key: place
        for key, place in messages_below(Path(spec.origin).parent).items()
        if not _UNFOLD_UNUSED & set(Path(place).parts) and key not in known
    }


def _known_to_django(language: str) -> set[Key]:
    folder = Path(django.__file__).parent
    places = [folder / "conf", folder / "contrib" / "admin", folder / "contrib" / "auth"]
    files = [place / "locale" / language / "LC_MESSAGES" / "django.po" for place in places]
    return {
        entry.key
        for file in files
        for entry in read_po(file.read_text(encoding="utf-8"))[1]
        if entry.is_complete
    }


def po_file(language: str) -> Path:
    return Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po"


def missing(language: str) -> dict[Key, str]:
    """Messages without a complete, certain translation, with a place of each."""
    _header, entries = read_po(po_file(language).read_text(encoding="utf-8"))
    complete = {entry.key for entry in entries if entry.is_complete}
    return {key: place for key, place in needed(language).items() if key not in complete}


def update(language: str) -> list[Key]:
    """Adds the missing messages to the `.po` file, untranslated; returns them."""
    path = po_file(language)
    header, entries = read_po(path.read_text(encoding="utf-8"))
    known = {entry.key for entry in entries}
    new = [key for key in missing(language) if key not in known]
    entries += [Entry(context=key[0], message=key[1], plural=key[2]) for key in new]
    entries.sort(key=lambda entry: (entry.message.lower(), entry.key))
    path.write_text(write_po(header, entries), encoding="utf-8")
    return new


def compile_catalogue(language: str) -> bytes:
    """What the `.mo` file must hold."""
    header, entries = read_po(po_file(language).read_text(encoding="utf-8"))
    return write_mo(header, entries)
