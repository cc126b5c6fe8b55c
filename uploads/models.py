"""An uploaded file: how far its import is, and what came of it. Each kind of file has a table of its own."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class FileUpload(models.Model):
    """What every kind of uploaded file has. Who starts or ends an import does it through `uploads.jobs`."""

    class State(models.TextChoices):
        HELD = "HELD", _("To be confirmed")
        """Looked at by its sender; nothing of it is imported before they say so."""
        WAITING = "WAITING", _("Waiting")
        RUNNING = "RUNNING", _("Being imported")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")

    file_name = models.CharField(_("file"), max_length=255)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DONE, editable=False)
    error = models.CharField(_("error"), max_length=1000, blank=True, editable=False)
    size = models.PositiveBigIntegerField(_("size (bytes)"), default=0, editable=False)
    read_bytes = models.PositiveBigIntegerField(_("bytes read"), default=0, editable=False)
    read_rows = models.PositiveIntegerField(_("rows read"), default=0, editable=False)
    runs = models.PositiveSmallIntegerField(default=0, editable=False)
    """How often the import was begun; more than once after a crash."""
    language = models.CharField(max_length=16, blank=True, editable=False)
    """Of the sender: the reasons of refused rows are written in it."""
    ended_at = models.DateTimeField(_("ended"), null=True, editable=False)
    added = models.PositiveIntegerField(_("added"), default=0)
    duplicate = models.PositiveIntegerField(_("duplicate"), default=0)
    invalid = models.PositiveIntegerField(_("invalid"), default=0)
    refused_rows = models.TextField(
        _("refused rows"), blank=True, help_text=_("CSV: line, reason, and the row as it was.")
    )

    class Meta:
        abstract = True
        ordering = ["-uploaded_at"]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_over(self) -> bool:
        return self.state in {self.State.DONE, self.State.FAILED}

    @property
    def has_refused(self) -> bool:
        return bool(self.duplicate or self.invalid)

    @property
    def percent(self) -> int:
        """How far it is, for a progress bar: reading is the first part, writing the rest."""
        if self.is_over:
            return 100
        return min(70 * self.read_bytes // self.size, 70) if self.size else 0


UNFINISHED = Q(state__in=["HELD", "WAITING", "RUNNING"])
"""Condition of each table's index on `id`: what `UploadJobs.run_waiting` looks for, every few seconds."""
