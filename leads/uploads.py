"""Uploads of lead files (SPEC 6): small ones are imported at once, large ones by the jobs worker.

Life of a large one: WAITING -> RUNNING -> DONE or FAILED. One import runs at a time in the installation, under an
advisory lock that PostgreSQL gives back when its process dies. So whoever holds the lock and finds an upload
RUNNING knows that its import was cut off; nothing of it is in the database, and it is begun again.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import IO, TYPE_CHECKING

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.scope import Action
from leads import campaign_lock, kept_files, lead_file, lead_stage
from leads.models import LeadUpload

if TYPE_CHECKING:
    from campaigns.models import Campaign

log = logging.getLogger(__name__)

AT_ONCE_ROWS, AT_ONCE_BYTES = 5000, 512 * 1024
"""A file up to this size is imported while its sender waits: well under a second."""
MOST_RUNS = 3
"""An import that was cut off this often is not begun again: the file itself may be what kills it."""
LOCK = 0x4C656164
"""Key of the advisory lock: one import at a time."""
_PROGRESS_EVERY = 0.5
_SWEEP_AFTER = 24 * 3600.0

State = LeadUpload.State


def import_leads(
    actor: User | None, campaign: "Campaign", stream: IO[bytes], file_name: str = "leads.csv"
) -> LeadUpload:
    """Adds the leads of a file now: all good rows or, on an error or a crash, none.

    Wrong and duplicate rows are refused one by one and kept with line number and reason in the upload.
    Raises ValidationError when the file can't be read or the campaign is started.
    """
    campaign_lock.check(actor, Action.ADD, campaign)
    upload = LeadUpload(campaign=campaign, file_name=file_name[:255], uploaded_by=actor, state=State.DONE)
    with transaction.atomic():
        for _counts in _import(upload, stream):
            pass
        upload.refresh_from_db(fields=["refused_rows"])
    return upload


def receive(actor: User | None, campaign: "Campaign", stream: IO[bytes], file_name: str) -> LeadUpload:
    """Imports a small file now (DONE); keeps a large one for the jobs worker (WAITING). Raises as `import_leads`."""
    campaign_lock.check(actor, Action.ADD, campaign)
    size = stream.seek(0, 2)
    if _is_small(stream, size):
        return import_leads(actor, campaign, stream, file_name)
    lead_file.recognise(stream)  # a file that can't be read is refused while its sender looks on
    with transaction.atomic():
        upload = LeadUpload.objects.create(
            campaign=campaign,
            file_name=file_name[:255],
            uploaded_by=actor,
            state=State.WAITING,
            size=size,
            language=translation.get_language() or "",
        )
        kept_files.keep(upload.pk, stream)
        transaction.on_commit(_ask_for_import)
    return upload


def run_waiting() -> int:
    """Imports what waits, oldest first; returns how many. At once back when another process is at it."""
    done = 0
    unfinished = LeadUpload.objects.filter(state__in=[State.WAITING, State.RUNNING]).order_by("pk")
    if not unfinished.exists():
        return done
    with _alone() as alone:
        while alone and (upload := unfinished.defer("refused_rows").select_related("campaign").first()):
            with translation.override(upload.language or None):
                _run(upload)
            done += 1
    kept_files.sweep(list(unfinished.values_list("pk", flat=True)), _SWEEP_AFTER)
    return done


def _run(upload: LeadUpload) -> None:
    """WAITING or cut off -> RUNNING -> DONE or FAILED."""
    if upload.runs >= MOST_RUNS:
        words = _("The import was cut off %(count)d times. Upload the file again, in smaller parts.")
        return _fail(upload, words % {"count": upload.runs})
    upload.state, upload.runs, upload.read_rows, upload.read_bytes = State.RUNNING, upload.runs + 1, 0, 0
    upload.save(update_fields=["state", "runs", "read_rows", "read_bytes"])
    try:
        with kept_files.path_of(upload.pk).open("rb") as stream, transaction.atomic():
            for _counts in _import(upload, stream):
                pass
    except FileNotFoundError:
        _fail(upload, _("The file is not on this host any more. Upload it again."))
    except (ValidationError, PermissionDenied) as error:
        _fail(upload, " ".join(error.messages) if isinstance(error, ValidationError) else str(error))
    except ObjectDoesNotExist:
        log.info("upload %s: its campaign was deleted meanwhile", upload.pk)
    except DatabaseError as error:
        connection.ensure_connection()  # when the connection is gone, this raises and the next tick begins again
        log.exception("upload %s failed", upload.pk)
        _fail(upload, _("The database refused it: %(reason)s") % {"reason": str(error).splitlines()[0]})
    except Exception:
        log.exception("upload %s failed", upload.pk)
        _fail(upload, _("The import failed. The log of the jobs worker says why."))
    kept_files.remove(upload.pk)
    return None


def _import(upload: LeadUpload, stream: IO[bytes]) -> Iterator[lead_stage.Counts]:
    """The import itself, in the caller's transaction; the campaign is locked for its last part only."""
    progress = _Progress(upload)
    found = lead_file.recognise(stream)
    counts = lead_stage.Counts()
    for counts in lead_stage.fill(found, upload.campaign.default_country):
        progress.tell(counts.read, found.position(upload.size))
        yield counts
    progress.tell(counts.read, upload.size, now=True)
    campaign_lock.lock(upload.uploaded_by, Action.ADD, upload.campaign)
    lead_stage.insert(upload.campaign_id, counts)
    upload.added, upload.duplicate, upload.invalid = counts.added, counts.duplicate, counts.invalid
    upload.state, upload.ended_at = State.DONE, timezone.now()
    upload.read_rows, upload.read_bytes, upload.size = counts.read, upload.size, upload.size
    upload.save()
    lead_stage.keep_refused(upload.pk)


class _Progress:
    """Tells how far the reading is, over a connection of its own: the import's transaction shows nothing yet."""

    def __init__(self, upload: LeadUpload) -> None:
        self.upload = upload
        self.told_at = monotonic()

    def tell(self, rows: int, read: int, *, now: bool = False) -> None:
        if self.upload.pk is None or (not now and monotonic() - self.told_at < _PROGRESS_EVERY):
            return
        self.told_at = monotonic()
        beside = connection.copy()
        try:
            with beside.cursor() as cursor:
                cursor.execute(
                    "UPDATE leads_leadupload SET read_rows = %s, read_bytes = %s WHERE id = %s AND state = 'RUNNING'",
                    [rows, read, self.upload.pk],
                )
        finally:
            beside.close()


def _fail(upload: LeadUpload, reason: str) -> None:
    LeadUpload.objects.filter(pk=upload.pk, state__in=[State.WAITING, State.RUNNING]).update(
        state=State.FAILED, error=reason[:1000], ended_at=timezone.now()
    )
    kept_files.remove(upload.pk)


def _is_small(stream: IO[bytes], size: int) -> bool:
    if size > AT_ONCE_BYTES:
        return False
    stream.seek(0)
    return stream.read().count(b"\n") < AT_ONCE_ROWS


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this process may import; the lock is of the connection, and ends with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        alone = bool(cursor.fetchone()[0])
    try:
        yield alone
    finally:
        if alone and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _ask_for_import() -> None:
    """Beat asks every few seconds, too: a lost message costs seconds."""
    from leads.tasks import import_uploads

    try:
        import_uploads.apply_async(expires=60)
    except import_uploads.OperationalError as error:
        log.warning("The broker does not answer (%s); beat will start the import.", error)
