"""How far an import is, told while its transaction runs."""

import io
from collections.abc import Callable
from time import monotonic
from typing import IO, Self

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from uploads.models import FileUpload

EVERY = 0.5
"""Seconds between two tellings."""


class Progress:
    """Tells how far the reading is, over a connection of its own: the import's transaction shows nothing yet."""

    def __init__(self, upload: FileUpload) -> None:
        self.upload = upload
        self.told_at = monotonic()
        self._beside: BaseDatabaseWrapper | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._beside is not None:
            self._beside.close()

    def tell(self, rows: int, read: int, *, now: bool = False) -> None:
        """`rows` and bytes read by now; an upload that is imported while its sender waits has no row to tell it in."""
        if self.upload.state != FileUpload.State.RUNNING or (not now and monotonic() - self.told_at < EVERY):
            return
        self.told_at = monotonic()
        table = self.upload._meta.db_table
        with self._cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} SET read_rows = %s, read_bytes = %s"  # noqa: S608  the name is the model's
                " WHERE id = %s AND state = 'RUNNING'",
                [rows, read, self.upload.pk],
            )

    def _cursor(self) -> CursorWrapper:
        if self._beside is None:
            self._beside = connection.copy()
            # A telling waits for no disk: it would wait for all that the import has written.
            with self._beside.cursor() as cursor:
                cursor.execute("SET synchronous_commit = off")
        return self._beside.cursor()


class ToldStream(io.RawIOBase):
    """A file that tells how many bytes of it are read; for imports that read lines and know of no progress."""

    def __init__(self, stream: IO[bytes], tell: Callable[[int], None]) -> None:
        self._stream = stream
        self._tell = tell
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._read += len(block)
        self._tell(self._read)
        return len(block)
