"""Reads the fields of a JSON object one by one and names the field that is wrong, in one plain sentence."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


class ConfigError(ValueError):
    """A configuration can't be used; the message is one sentence for people and names the field."""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of seconds. `pick` takes one value of it by a key, the same one each time."""

    low: float
    high: float

    def pick(self, key: str) -> float:
        """Seconds in the range, spread evenly over different keys, the same in every run."""
        digest = hashlib.blake2b(key.encode(), digest_size=4).digest()
        return self.low + (self.high - self.low) * int.from_bytes(digest, "big") / 0xFFFFFFFF


class Fields:
    """One JSON object of the configuration; `path` says where it stands, e.g. `queues.sales.`."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise ConfigError(
                f"{path.rstrip('.') or 'the configuration'} must be a JSON object, not {value!r}."
            )
        self._values: dict[str, object] = dict(value)
        self.path = path

    def take(self, name: str, default: object = None) -> object:
        """The raw value; each field is taken once, `finish` complains about what was not."""
        return self._values.pop(name, default)

    def names(self) -> list[str]:
        """The fields not taken yet."""
        return list(self._values)

    def text(self, name: str, default: str) -> str:
        value = self.take(name, default)
        if not isinstance(value, str):
            raise ConfigError(f"{self.path}{name} must be a text, not {value!r}.")
        return value

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in choices:
            raise ConfigError(f"{self.path}{name} must be one of {', '.join(choices)}, not {value!r}.")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(
                f"{self.path}{name} must be a whole number from {low} to {high}, not {value!r}."
            )
        return value

    def seconds(self, name: str, default: float) -> float:
        return _seconds(self.take(name, default), self.path + name)

    def span(self, name: str, default: Span) -> Span:
        """`[low, high]` in seconds, or one number for both."""
        value = self.take(name)
        if value is None:
            return default
        if not isinstance(value, list):
            fixed = _seconds(value, self.path + name)
            return Span(fixed, fixed)
        if len(value) != 2:
            raise ConfigError(f"{self.path}{name} must be seconds or [low, high], not {value!r}.")
        low, high = (_seconds(item, self.path + name) for item in value)
        if high < low:
            raise ConfigError(f"{self.path}{name} must have low <= high, not {value!r}.")
        return Span(low, high)

    def texts(self, name: str, default: Mapping[str, str]) -> dict[str, str]:
        """An object whose values are all texts."""
        value = self.take(name)
        if value is None:
            return dict(default)
        if not isinstance(value, dict):
            raise ConfigError(f"{self.path}{name} must be a JSON object, not {value!r}.")
        for key, item in value.items():
            if not isinstance(item, str):
                raise ConfigError(f"{self.path}{name}.{key} must be a text, not {item!r}.")
        return dict(value)

    def objects(self, name: str) -> "dict[str, Fields] | None":
        """An object of objects, e.g. the queues by name; None when absent."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise ConfigError(f"{self.path}{name} must be a JSON object, not {value!r}.")
        return {str(key): Fields(item, f"{self.path}{name}.{key}.") for key, item in value.items()}

    def finish(self) -> None:
        """Refuse what nobody asked for: a misspelt field must not be silently without effect."""
        if self._values:
            raise ConfigError(f"{self.path}{next(iter(self._values))} is not a known field.")


def _seconds(value: object, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86400:
        raise ConfigError(f"{path} must be a number of seconds from 0 to 86400, not {value!r}.")
    return float(value)
