"""Uploaded files wait for their import in the data folder, each named by kind and id of its upload."""

import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

from django.conf import settings

from uploads.models import FileUpload


def folder() -> Path:
    return Path(settings.VAR_DIR) / "uploads"


def path_of(upload: FileUpload) -> Path:
    return folder() / _name(type(upload), upload.pk)


def _name(kind: type[FileUpload], pk: int) -> str:
    return f"{kind._meta.model_name}-{pk}.upload"


def keep(upload: FileUpload, stream: IO[bytes]) -> None:
    """Copies the file; it is on the disk when this returns."""
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path_of(upload).with_suffix(".part")
    stream.seek(0)
    with unfinished.open("wb") as file:
        shutil.copyfileobj(stream, file, 1024 * 1024)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path_of(upload))


def remove(upload: FileUpload) -> None:
    with suppress(FileNotFoundError):
        path_of(upload).unlink()


def sweep(kind: type[FileUpload], wanted: Collection[int], older_than: float) -> None:
    """Removes files of this kind that no upload waits for: what a crash, or a deleted campaign, has left behind."""
    names = {_name(kind, pk) for pk in wanted}
    for file in folder().glob(f"{kind._meta.model_name}-*"):
        with suppress(FileNotFoundError):
            if file.name not in names and time.time() - file.stat().st_mtime > older_than:
                file.unlink()
