"""What an operator sees of `up` and `demo`: a line a step with the time since the start, and one live line."""

import contextlib
import sys
import time
from typing import TextIO

_PLAIN_EVERY = 5.0
"""Seconds between live lines where they can't be rewritten (no terminal)."""


class Progress:
    """Lines on one stream. A stream that was closed (`| head`) is ignored: ending in order matters more."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._began = time.monotonic()
        self._live = ""
        self._last_plain = 0.0

    def step(self, text: str) -> None:
        """`  1.2 s  text`."""
        self.line(f"{time.monotonic() - self._began:6.1f} s  {text}")

    def line(self, text: str = "") -> None:
        self._write(f"{self._erase()}{text}\n")

    def live(self, text: str) -> None:
        """Rewrites the last line of a terminal; elsewhere a line each five seconds."""
        if self._stream.isatty():
            self._write(f"{self._erase()}{text}")
            self._live = text
        elif time.monotonic() - self._last_plain >= _PLAIN_EVERY:
            self._last_plain = time.monotonic()
            self._write(f"{text}\n")

    def _erase(self) -> str:
        """Moves to the start of an empty line."""
        if not self._live:
            return ""
        self._live = ""
        return "\r\x1b[2K"

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
