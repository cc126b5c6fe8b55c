"""Files of leads."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from uploads.models import UNFINISHED, FileUpload


class LeadUpload(FileUpload):
    """A file of leads: how far its import is, what came of it, and the refused rows with line number and reason."""

    GROUP_PATH: ClassVar[str] = "campaign__group"

    campaign = models.ForeignKey(
        "campaigns.Campaign", models.CASCADE, related_name="uploads", verbose_name=_("campaign")
    )
    chosen = models.JSONField(default=dict, editable=False, db_default={})
    """`leads.columns.Chosen.as_json`: what the sender said of the columns; empty: as they are recognised."""

    class Meta(FileUpload.Meta):
        verbose_name = _("lead upload")
        verbose_name_plural = _("lead uploads")
        indexes = [models.Index(fields=["id"], condition=UNFINISHED, name="lead_upload_unfinished")]
