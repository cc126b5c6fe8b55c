"""Reads a connector's settings as an administrator wrote them; a ValueError names the wrong one in one sentence."""

from collections.abc import Mapping
from typing import Any, Final

LONGEST_TEXT: Final = 1000


class Fields:
    """The settings of one JSON object. Read each that you know, then call `done`: what was not read is a mistake."""

    def __init__(self, settings: object, where: str = "") -> None:
        if not isinstance(settings, Mapping):
            raise ValueError(f"{where or 'settings'} must be a JSON object, not {_shown(settings)}")
        self._settings: Mapping[str, Any] = settings
        self._where = where
        self._known: list[str] = []

    def name(self, field: str) -> str:
        """The setting as the administrator finds it: `ivrs.menu.channels`."""
        return f"{self._where}.{field}" if self._where else field

    def has(self, field: str) -> bool:
        self._known.append(field)
        return self._settings.get(field) is not None

    def value(self, field: str) -> Any:
        """As it is; None when it is absent."""
        self._known.append(field)
        return self._settings.get(field)

    def text(self, field: str, default: str | None = None, *, what: str = "a text") -> str:
        """One line of text that is not empty."""
        value = self.value(field)
        if value is None and default is not None:
            return default
        if not _is_line(value):
            raise ValueError(f"{self.name(field)} must be {what}, not {_shown(value)}")
        return str(value)

    def secret(self, field: str) -> str:
        """Like `text`, but its value is in no message."""
        value = self.value(field)
        if not _is_line(value):
            problem = "is missing" if value is None else "must be one line of text"
            raise ValueError(f"{self.name(field)} {problem}")
        return str(value)

    def number(self, field: str, default: float | None, low: float, high: float) -> float:
        value = self.value(field)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(
                f"{self.name(field)} must be a number from {low:g} to {high:g}, not {_shown(value)}"
            )
        return value

    def whole(self, field: str, default: int | None, low: int, high: int) -> int:
        value = self.number(field, default, low, high)
        if value != int(value):
            raise ValueError(f"{self.name(field)} must be a whole number, not {_shown(value)}")
        return int(value)

    def flag(self, field: str, default: bool) -> bool:
        value = self.value(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ValueError(f"{self.name(field)} must be true or false, not {_shown(value)}")
        return value

    def choice(self, field: str, default: str, known: tuple[str, ...]) -> str:
        value = self.value(field)
        if value is None:
            return default
        if value not in known:
            raise ValueError(f"{self.name(field)} must be one of {', '.join(known)}, not {_shown(value)}")
        return str(value)

    def object(self, field: str) -> Mapping[str, Any]:
        """A JSON object; empty when it is absent."""
        value = self.value(field)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise ValueError(f"{self.name(field)} must be a JSON object, not {_shown(value)}")
        return value

    def done(self) -> None:
        unknown = sorted(set(map(str, self._settings)) - set(self._known))
        if unknown:
            known = ", ".join(sorted(set(self._known)))
            raise ValueError(f"{self.name(unknown[0])} is no setting here; known are: {known}")


def pilot_number(value: object, where: str) -> str:
    """What a REFER can name: digits, with * # and a leading +."""
    if isinstance(value, str) and 0 < len(value) <= 32 and set(value) <= set("0123456789*#+"):
        return value
    raise ValueError(f'{where} must be a pilot number in quotes, for example "7000", not {_shown(value)}')


def _is_line(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable()


def _shown(value: object) -> str:
    if value is None:
        return "absent"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
