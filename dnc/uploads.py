"""Files of numbers for the embedded list: small ones at once, those of millions by the jobs worker."""

import csv
import io
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import scope
from accounts.models import User
from accounts.scope import Action
from dnc.bulk_load import WrongLines, load_numbers
from dnc.models import DncNumber, DncUpload
from uploads import text_file
from uploads.jobs import UploadJobs
from uploads.progress import Progress, ToldStream

_READ_AT_ONCE = 1024 * 1024


class DncUploads(UploadJobs[DncUpload]):
    model = DncUpload
    lock = 0x446E634E

    def check(self, upload: DncUpload) -> None:
        """Numbers leave the list by a Master only (SPEC 2)."""
        if upload.uploaded_by is not None:
            scope.require(upload.uploaded_by, Action.DELETE if upload.replace else Action.ADD, DncNumber)

    def look(self, upload: DncUpload, stream: IO[bytes]) -> None:
        _encoding(stream)

    def load(self, upload: DncUpload, stream: IO[bytes], progress: Progress) -> None:
        encoding = _encoding(stream)
        stream.seek(0)
        told = io.BufferedReader(ToldStream(stream, lambda read: progress.tell(0, read)), _READ_AT_ONCE)
        lines = io.TextIOWrapper(told, encoding=encoding, errors="replace")
        loaded = load_numbers(upload.uploaded_by, lines, upload.file_name, replace=upload.replace)
        upload.added, upload.duplicate, upload.removed = loaded.added, loaded.duplicate, loaded.removed
        upload.invalid = loaded.wrong.count
        upload.read_rows = loaded.added + loaded.duplicate + loaded.wrong.count
        upload.refused_rows = refused_rows(loaded.wrong)

    @property
    def task(self) -> Any:
        from dnc.tasks import import_uploads

        return import_uploads


JOBS = DncUploads()


def receive(
    actor: User | None,
    stream: IO[bytes],
    file_name: str,
    *,
    replace: bool = False,
    seen: int | None = None,
) -> DncUpload:
    """Loads a small file now (DONE); keeps a large one for the jobs worker (WAITING).

    `seen`: the `newest` upload that the actor knew of; replacing the list is refused when somebody has loaded
    another file since. Raises ValidationError and PermissionDenied.
    """
    if replace and seen is not None:
        _require_nothing_newer(seen)
    return JOBS.receive(DncUpload(file_name=file_name[:255], uploaded_by=actor, replace=replace), stream)


def newest() -> int:
    """Id of the newest upload; 0 when there is none."""
    return DncUpload.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def run_waiting() -> int:
    """Loads what waits, oldest first; returns how many."""
    return JOBS.run_waiting()


def refused_rows(wrong: WrongLines) -> str:
    """As CSV: line, reason, and the row as it was."""
    if not wrong.count:
        return ""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow([_("line"), _("reason"), _("row")])
    rows.writerows(wrong.listed)
    if more := wrong.count - len(wrong.listed):
        rows.writerow(["", _("%(count)d more lines are wrong and not listed here.") % {"count": more}, ""])
    return text.getvalue()


def _require_nothing_newer(seen: int) -> None:
    newer = DncUpload.objects.filter(pk__gt=seen).defer("refused_rows").select_related("uploaded_by").last()
    if newer is not None:
        raise ValidationError(
            _(
                "%(who)s has uploaded “%(file)s” since you opened this page: your file would take its numbers off again. "
                "Open the page again if that is meant."
            )
            % {"who": newer.uploaded_by.username if newer.uploaded_by else "–", "file": newer.file_name}
        )


def _encoding(stream: IO[bytes]) -> str:
    """Of the text. Raises ValidationError when it is none."""
    stream.seek(0)
    head = stream.read(65536)
    text_file.refuse_other_kinds(head)
    if head.startswith(b"PK\x03\x04"):
        raise ValidationError(_("This is a workbook or an archive. Save the numbers as CSV, one a line."))
    encoding = text_file.marked_encoding(head) or text_file.without_mark(head) or "utf-8"
    text_file.refuse_binary(head.decode(encoding, errors="replace"))
    return encoding
