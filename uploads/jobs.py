"""Receiving files and importing them: small ones while their sender waits, large ones by the jobs worker.

Life of an upload: HELD until its sender confirms what was recognised, where they are asked; then at once DONE, or
WAITING -> RUNNING -> DONE or FAILED. One import of a kind runs at a time in the installation, under an advisory lock
that PostgreSQL gives back when its process dies. So whoever holds the lock and finds an upload RUNNING knows that its
import was cut off; nothing of it is in the database, and it is begun again.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, Any, ClassVar, Generic, TypeVar

from celery import Task
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import one_at_a_time
from accounts.models import User
from uploads import kept_files
from uploads.models import FileUpload
from uploads.progress import Progress

log = logging.getLogger(__name__)

AT_ONCE_ROWS, AT_ONCE_BYTES = 5000, 512 * 1024
"""A file up to this size is imported while its sender waits: well under a second."""
MOST_RUNS = 3
"""An import that was cut off this often is not begun again: the file itself may be what kills it."""
HELD_FOR = timedelta(hours=24)
"""What nobody has confirmed by then is forgotten."""

State = FileUpload.State
U = TypeVar("U", bound=FileUpload)


class UploadJobs(Generic[U]):
    """The uploads of one kind. A subclass says who may, whether a file can be read, and how it is imported."""

    model: ClassVar[type[FileUpload]]
    lock: ClassVar[int]
    """Key of the advisory lock: one import of this kind at a time."""

    def check(self, upload: U) -> None:
        """Raises when `uploaded_by` may not import this now."""
        raise NotImplementedError

    def look(self, upload: U, stream: IO[bytes]) -> None:
        """Raises ValidationError when the file can't be read at all."""
        raise NotImplementedError

    def load(self, upload: U, stream: IO[bytes], progress: Progress) -> None:
        """The import itself, in a transaction: sets the counts of `upload`, and asks `check` again before it writes."""
        raise NotImplementedError

    def keep_refused(self, upload: U) -> None:
        """Writes the refused rows into the saved upload, when they are not in `refused_rows` yet."""

    @property
    def task(self) -> "Task[Any, Any]":
        """Calls `run_waiting`."""
        raise NotImplementedError

    # --- doors ----------------------------------------------------------------------------------------
    def import_now(self, upload: U, stream: IO[bytes]) -> U:
        """All good rows or, on an error or a crash, none."""
        self.check(upload)
        with transaction.atomic():
            upload.state = State.DONE
            self._import(upload, stream)
            upload.refresh_from_db(fields=["refused_rows"])
        return upload

    def receive(self, upload: U, stream: IO[bytes]) -> U:
        """Imports a small file now (DONE); keeps a large one for the jobs worker (WAITING)."""
        self.check(upload)
        if _is_small(stream):
            return self.import_now(upload, stream)
        self.look(upload, stream)  # a file that can't be read is refused while its sender looks on
        return self._keep(upload, stream, State.WAITING)

    def hold(self, upload: U, stream: IO[bytes]) -> U:
        """Keeps the file until its sender confirms what was recognised (HELD)."""
        self.check(upload)
        self.look(upload, stream)
        return self._keep(upload, stream, State.HELD)

    def confirm(self, upload: U, actor: User | None, **said: Any) -> U:
        """HELD -> DONE or WAITING, with the fields that `actor` has `said`. The second who confirms is told."""
        with transaction.atomic():
            upload.uploaded_by, upload.language = actor, translation.get_language() or ""
            for name, value in said.items():
                setattr(upload, name, value)
            self.check(upload)
            fields = {"uploaded_by": actor, "language": upload.language, "state": State.WAITING, **said}
            if not self._rows().filter(pk=upload.pk, state=State.HELD).update(**fields):
                raise ValidationError(over_already(self._rows().filter(pk=upload.pk).first()))
            upload.state = State.WAITING
            with self.opened(upload) as stream:
                self.look(upload, stream)
                if not _is_small(stream):
                    transaction.on_commit(self._ask_for_import)
                    return upload
                self.import_now(upload, stream)
        kept_files.remove(upload)
        return upload

    def discard(self, upload: U) -> None:
        """HELD -> gone."""
        if not self._rows().filter(pk=upload.pk, state=State.HELD).delete()[0]:
            raise ValidationError(over_already(self._rows().filter(pk=upload.pk).first()))
        kept_files.remove(upload)

    def run_waiting(self) -> int:
        """Imports what waits, oldest first; returns how many. At once back when another process is at it."""
        done = 0
        rows = self._rows()
        forgotten = rows.filter(state=State.HELD, uploaded_at__lt=timezone.now() - HELD_FOR)
        unfinished = rows.filter(state__in=[State.WAITING, State.RUNNING]).order_by("pk")
        if not (unfinished.exists() or forgotten.exists()):
            return done
        with one_at_a_time.alone(self.lock) as alone:
            while alone and (upload := unfinished.defer("refused_rows").first()):
                with translation.override(upload.language or None):
                    self._run(upload)
                done += 1
        forgotten.delete()
        wanted = rows.filter(state__in=[State.HELD, State.WAITING, State.RUNNING]).values_list(
            "pk", flat=True
        )
        kept_files.sweep(self.model, list(wanted), HELD_FOR.total_seconds())
        return done

    @contextmanager
    def opened(self, upload: U) -> Iterator[IO[bytes]]:
        """The kept file."""
        try:
            stream = kept_files.path_of(upload).open("rb")
        except FileNotFoundError as error:
            raise ValidationError(_("The file is not on this host any more. Upload it again.")) from error
        with stream:
            yield stream

    # --- steps ----------------------------------------------------------------------------------------
    def _rows(self) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model._default_manager.all()
        return rows

    def _keep(self, upload: U, stream: IO[bytes], state: State) -> U:
        with transaction.atomic():
            upload.state, upload.size = state, stream.seek(0, 2)
            upload.language = translation.get_language() or ""
            upload.save()
            kept_files.keep(upload, stream)
            if state == State.WAITING:
                transaction.on_commit(self._ask_for_import)
        return upload

    def _run(self, upload: U) -> None:
        """WAITING or cut off -> RUNNING -> DONE or FAILED."""
        if upload.runs >= MOST_RUNS:
            words = _("The import was cut off %(count)d times. Upload the file again, in smaller parts.")
            return _fail(upload, words % {"count": upload.runs})
        upload.state, upload.runs, upload.read_rows, upload.read_bytes = State.RUNNING, upload.runs + 1, 0, 0
        upload.save(update_fields=["state", "runs", "read_rows", "read_bytes"])
        try:
            with self.opened(upload) as stream, transaction.atomic():
                self._import(upload, stream)
        except (ValidationError, PermissionDenied) as error:
            _fail(upload, " ".join(error.messages) if isinstance(error, ValidationError) else str(error))
        except ObjectDoesNotExist:
            log.info("%s %s was deleted meanwhile", upload._meta.verbose_name, upload.pk)
        except DatabaseError as error:
            connection.ensure_connection()  # when the connection is gone, this raises and the next tick begins again
            log.exception("%s %s failed", upload._meta.verbose_name, upload.pk)
            _fail(upload, _("The database refused it: %(reason)s") % {"reason": str(error).splitlines()[0]})
        except Exception:
            log.exception("%s %s failed", upload._meta.verbose_name, upload.pk)
            _fail(upload, _("The import failed. The log of the jobs worker says why."))
        kept_files.remove(upload)
        return None

    def _import(self, upload: U, stream: IO[bytes]) -> None:
        """In the caller's transaction."""
        upload.size = stream.seek(0, 2)
        with Progress(upload) as progress:
            self.load(upload, stream, progress)
        upload.state, upload.ended_at = State.DONE, timezone.now()
        upload.read_bytes = upload.size
        upload.save()
        self.keep_refused(upload)

    def _ask_for_import(self) -> None:
        """Beat asks every few seconds, too: a lost message costs seconds."""
        try:
            self.task.apply_async(expires=60)
        except self.task.OperationalError as error:
            log.warning("The broker does not answer (%s); beat will start the import.", error)


def _fail(upload: FileUpload, reason: str) -> None:
    rows: Any = type(upload)._default_manager
    rows.filter(pk=upload.pk, state__in=[State.WAITING, State.RUNNING]).update(
        state=State.FAILED, error=reason[:1000], ended_at=timezone.now()
    )
    kept_files.remove(upload)


def over_already(now: FileUpload | None) -> str:
    """Why a file that was held can't be confirmed any more."""
    if now is None:
        return _("Somebody else has discarded this file meanwhile.")
    who = now.uploaded_by.username if now.uploaded_by is not None else "–"
    return _("%(who)s has had this file imported already.") % {"who": who}


def _is_small(stream: IO[bytes]) -> bool:
    if stream.seek(0, 2) > AT_ONCE_BYTES:
        return False
    stream.seek(0)
    return stream.read().count(b"\n") < AT_ONCE_ROWS
