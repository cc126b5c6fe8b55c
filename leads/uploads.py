"""Uploads of lead files (SPEC 6): at once, after a look at what was recognised, or by the jobs worker."""

from typing import IO, TYPE_CHECKING, Any

from accounts import scope
from accounts.models import User
from accounts.scope import Action
from leads import campaign_lock, lead_file, lead_load, preview
from leads.columns import Chosen
from leads.models import LeadUpload
from uploads.jobs import UploadJobs
from uploads.jobs import over_already as over_already
from uploads.progress import Progress

if TYPE_CHECKING:
    from campaigns.models import Campaign


class LeadUploads(UploadJobs[LeadUpload]):
    model = LeadUpload
    lock = 0x4C656164

    def check(self, upload: LeadUpload) -> None:
        campaign_lock.check_upload(upload.uploaded_by, upload.campaign)

    def look(self, upload: LeadUpload, stream: IO[bytes]) -> None:
        lead_file.recognise(stream, Chosen(**upload.chosen))

    def load(self, upload: LeadUpload, stream: IO[bytes], progress: Progress) -> None:
        """The campaign is locked for the last moment only."""
        found = lead_file.recognise(stream, Chosen(**upload.chosen))
        counts = lead_load.load(found, upload.campaign, upload.size, progress.tell)
        progress.tell(counts.read, upload.size, now=True)
        campaign_lock.lock_upload(upload.uploaded_by, upload.campaign)
        upload.added, upload.duplicate, upload.invalid = counts.added, counts.duplicate, counts.invalid
        upload.read_rows = counts.read

    def keep_refused(self, upload: LeadUpload) -> None:
        lead_load.keep_refused(upload.pk)

    @property
    def task(self) -> Any:
        from leads.tasks import import_uploads

        return import_uploads


JOBS = LeadUploads()


def import_leads(
    actor: User | None,
    campaign: "Campaign",
    stream: IO[bytes],
    file_name: str = "leads.csv",
    chosen: Chosen | None = None,
) -> LeadUpload:
    """Adds the leads of a file now: all good rows or, on an error or a crash, none.

    Wrong and duplicate rows are refused one by one and kept with line number and reason in the upload.
    Raises ValidationError when the file can't be read or the campaign is started.
    """
    return JOBS.import_now(_upload(actor, campaign, file_name, chosen), stream)


def receive(
    actor: User | None,
    campaign: "Campaign",
    stream: IO[bytes],
    file_name: str,
    chosen: Chosen | None = None,
) -> LeadUpload:
    """Imports a small file now (DONE); keeps a large one for the jobs worker (WAITING). Raises as `import_leads`."""
    return JOBS.receive(_upload(actor, campaign, file_name, chosen), stream)


def hold(actor: User | None, campaign: "Campaign", stream: IO[bytes], file_name: str) -> LeadUpload:
    """Keeps the file until somebody confirms what was recognised (HELD); nothing is imported before."""
    return JOBS.hold(_upload(actor, campaign, file_name, None), stream)


def preview_of(
    actor: User | None, campaign: "Campaign", stream: IO[bytes], chosen: Chosen
) -> preview.Preview:
    """What an upload of this file would do; keeps nothing. Raises as `import_leads`, for a started campaign too."""
    JOBS.check(_upload(actor, campaign, "", None))
    return preview.preview(stream, campaign.default_country, chosen)


def look_at(upload: LeadUpload, chosen: Chosen) -> preview.Preview:
    """What a held file holds under `chosen`. Raises ValidationError when it can't be read so."""
    with JOBS.opened(upload) as stream:
        return preview.preview(stream, upload.campaign.default_country, chosen)


def confirm(actor: User | None, upload: LeadUpload, chosen: Chosen) -> LeadUpload:
    """HELD -> DONE or WAITING, read as `chosen`. Raises ValidationError; the second who confirms is told."""
    return JOBS.confirm(upload, actor, chosen=chosen.as_json())


def discard(actor: User | None, upload: LeadUpload) -> None:
    """HELD -> gone, with the file."""
    if actor is not None:
        scope.require(actor, Action.OPERATE, upload.campaign)
        scope.require(actor, Action.ADD, LeadUpload)
    JOBS.discard(upload)


def run_waiting() -> int:
    """Imports what waits, oldest first; returns how many."""
    return JOBS.run_waiting()


def _upload(actor: User | None, campaign: "Campaign", file_name: str, chosen: Chosen | None) -> LeadUpload:
    said = chosen.as_json() if chosen is not None else {}
    return LeadUpload(campaign=campaign, file_name=file_name[:255], uploaded_by=actor, chosen=said)
