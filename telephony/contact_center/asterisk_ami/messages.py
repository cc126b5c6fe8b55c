"""The wire format of AMI: a greeting line, then messages of `Name: value` lines that an empty line ends. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GREETING: Final = "Asterisk Call Manager"
LONGEST_GREETING: Final = 256
LONGEST_MESSAGE: Final = 256 * 1024
MOST_FIELDS: Final = 1000


class AmiSyntaxError(ValueError):
    """The peer does not speak AMI, or sends more than any Asterisk does."""


@dataclass(frozen=True, slots=True)
class Message:
    """A response or an event; names in lower case, of a repeated one the first value."""

    fields: Mapping[str, str]

    def get(self, name: str) -> str:
        """Empty when it is absent."""
        return self.fields.get(name.lower(), "")

    def number(self, name: str) -> int:
        """A count or a time in whole seconds; 0 when it is absent or no number."""
        value = self.get(name)
        return int(value) if value.isascii() and value.isdecimal() and len(value) <= 18 else 0

    @property
    def event(self) -> str:
        return self.get("event")

    @property
    def response(self) -> str:
        return self.get("response")

    @property
    def action_id(self) -> str:
        return self.get("actionid")


class AmiParser:
    """Bytes in, in pieces of any size; complete messages out. It never holds more than one message's limit."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._fields: dict[str, str] = {}
        self._lines = 0
        self._size = 0
        self._greeted = False

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes. After an AmiSyntaxError the connection is of no more use."""
        self._buffer += data
        messages: list[Message] = []
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0:
            line = bytes(self._buffer[start:end]).removesuffix(b"\r")
            start = end + 1
            self._line(line, messages)
        del self._buffer[:start]
        if len(self._buffer) > (LONGEST_MESSAGE if self._greeted else LONGEST_GREETING):
            raise AmiSyntaxError("a line without an end")
        return messages

    def _line(self, line: bytes, messages: list[Message]) -> None:
        if not self._greeted:
            if GREETING.encode() not in line[:LONGEST_GREETING]:
                raise AmiSyntaxError(f"it greets with {line[:40].decode('utf-8', 'replace')!r}")
            self._greeted = True
            return
        if not line:
            if self._fields:
                messages.append(Message(self._fields))
            self._fields, self._lines, self._size = {}, 0, 0
            return
        self._lines += 1
        self._size += len(line)
        if self._lines > MOST_FIELDS or self._size > LONGEST_MESSAGE:
            raise AmiSyntaxError("a message that is too long")
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            self._fields.setdefault(name.strip().lower(), value.strip())


def action(name: str, action_id: str, **fields: str) -> bytes:
    """An action as it goes over the wire. ValueError for a value that would begin a line of its own."""
    lines = {"Action": name, "ActionID": action_id, **fields}
    for value in lines.values():
        if "\r" in value or "\n" in value:
            raise ValueError("a value of an AMI action must be one line")
    return "".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode() + b"\r\n"
