"""Messages out of a byte stream by Content-Length (RFC 3261 section 18.3), no I/O."""

import re

from .message import MAX_MESSAGE_BYTES

MAX_HEAD_BYTES = 32768
_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*$", re.IGNORECASE | re.MULTILINE)


class FramingError(ValueError):
    """The stream can't be read any further: the connection is to be closed."""


class StreamFramer:
    """Collects bytes and hands out whole messages; the blank lines between them are keep-alives.

    RFC 5626 section 4.4.1: who opened the connection pings with two blank lines, the other end answers with one.
    `blank_lines` counts all; `pings` the pairs, however they were cut on the way.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._wanted = 0
        self._unpaired = 0
        self.blank_lines = 0
        self.pings = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they come; FramingError on a head without end or without Content-Length."""
        self._buffer += data
        messages: list[bytes] = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        self._skip_keep_alives()
        if not self._buffer or len(self._buffer) < self._wanted:
            return None
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD_BYTES:
                raise FramingError("the head of the message does not end")
            return None
        found = _LENGTH.search(bytes(self._buffer[:end]).replace(b"\r", b""))
        if found is None:
            raise FramingError("no Content-Length on a stream")
        total = end + 4 + int(found.group(1))
        if total > MAX_MESSAGE_BYTES:
            raise FramingError("message is too long")
        if len(self._buffer) < total:
            self._wanted = total
            return None
        message = bytes(self._buffer[:total])
        del self._buffer[:total]
        self._wanted = 0
        return message

    def _skip_keep_alives(self) -> None:
        if self._wanted:
            return
        blank = 0
        while self._buffer[blank : blank + 2] == b"\r\n":
            blank += 2
        del self._buffer[:blank]
        self.blank_lines += blank // 2
        pairs, self._unpaired = divmod(self._unpaired + blank // 2, 2)
        self.pings += pairs
        if self._buffer and self._buffer != b"\r":
            self._unpaired = 0  # a message: a blank line before it is only its own
