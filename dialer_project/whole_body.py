"""A request whose body ends before its announced end is not acted on.

WSGI has no word for it: the stream just ends. Read as if it were whole, half a lead file would lose its other half
in silence, and its last row would be called by half a number.
"""

from typing import Any

CUT_OFF = "dialer_body_cut_off"
"""In the environment of such a request, once that was noticed; the page of refusals (403_csrf.html) reads it."""


class CutOffError(OSError):
    """The sender, or the way to us, broke off. Django makes `UnreadablePostError` of it."""


class WholeBody:
    """The `wsgi.input` of a request; raises CutOffError where it ends too soon."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        self._stream = environ["wsgi.input"]
        self._missing = int(environ.get("CONTENT_LENGTH") or 0)

    def read(self, size: int = -1) -> bytes:
        return self._checked(self._stream.read(size), size)

    def readline(self, size: int = -1) -> bytes:
        return self._checked(self._stream.readline(size), size)

    def _checked(self, data: bytes, size: int) -> bytes:
        self._missing -= len(data)
        if not data and size != 0 and self._missing > 0:
            self._environ[CUT_OFF] = True
            raise CutOffError(f"the body ended {self._missing} bytes before its end")
        return data


def guard(environ: dict[str, Any]) -> None:
    """Lets nobody read half a body for a whole one."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit() and int(length):
        environ["wsgi.input"] = WholeBody(environ)
