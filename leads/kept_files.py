"""Uploaded files wait for their import in the data folder, each named by the id of its upload."""

import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

from django.conf import settings


def folder() -> Path:
    return Path(settings.VAR_DIR) / "uploads"


def path_of(upload_id: int) -> Path:
    return folder() / f"{upload_id}.upload"


def keep(upload_id: int, stream: IO[bytes]) -> None:
    """Copies the file; it is on the disk when this returns."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path_of(upload_id).with_suffix(".part")
    stream.seek(0)
    with unfinished.open("wb") as file:
        shutil.copyfileobj(stream, file, 1024 * 1024)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path_of(upload_id))


def remove(upload_id: int) -> None:
    with suppress(FileNotFoundError):
        path_of(upload_id).unlink()


def sweep(wanted: Collection[int], older_than: float) -> None:
    """Removes files that no upload waits for: what a crash, or a deleted campaign, has left behind."""
    if not folder().is_dir():
        return
    names = {path_of(pk).name for pk in wanted}
    for file in folder().iterdir():
        with suppress(FileNotFoundError):
            if file.name not in names and time.time() - file.stat().st_mtime > older_than:
                file.unlink()
