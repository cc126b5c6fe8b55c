"""Leads, and what is kept beside them: counts by status, texts to search (G 6.4)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.history import History


class LeadStatus(models.TextChoices):
    """Status of the last attempt (SPEC 6); the values are those of `telephony.results.CallResult` and two more."""

    NOT_CALLED = "NOT_CALLED", _("Not called")
    SUCCESS = "SUCCESS", _("Success")
    FAILED = "FAILED", _("Failed")
    BUSY = "BUSY", _("Busy")
    REFUSED = "REFUSED", _("Refused")
    AMD = "AMD", _("Answering machine")
    SERVICE_TEMPORARY_UNAVAILABLE = "SERVICE_TEMPORARY_UNAVAILABLE", _("Service unavailable")
    DO_NOT_CALL = "DO_NOT_CALL", _("Do not call")
    UNKNOWN = "UNKNOWN", _("Unknown")


FINAL_STATUSES = frozenset({LeadStatus.SUCCESS, LeadStatus.DO_NOT_CALL})
"""Never called again, whatever the number of attempts."""


class Lead(models.Model):
    """Somebody to call. `pool` says whether the engine may claim the lead; nothing else does."""

    GROUP_PATH: ClassVar[str] = "campaign__group"

    class Pool(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        """May be claimed once `next_attempt_at` has come."""
        CLAIMED = "CLAIMED", _("In a call")
        """Has an open attempt."""
        DONE = "DONE", _("Done")
        """Final status, or the attempts are used up."""

    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.CASCADE,
        related_name="leads",
        verbose_name=_("campaign"),
        db_index=False,  # indexes below begin with it
        db_constraint=False,  # migration 0007 holds it by the statement: row by row it took half of an import
    )
    name = models.CharField(_("name"), max_length=200)
    description = models.CharField(_("description"), max_length=500, blank=True)
    phone_number = models.CharField(_("phone number"), max_length=20, db_collation="C")
    attempts = models.PositiveSmallIntegerField(_("call attempts"), default=0, editable=False)
    status = models.CharField(
        _("status"),
        max_length=32,
        choices=LeadStatus,
        default=LeadStatus.NOT_CALLED,
        editable=False,
        db_collation="C",
    )
    pool = models.CharField(
        max_length=8, choices=Pool, default=Pool.WAITING, editable=False, db_collation="C"
    )
    next_attempt_at = models.DateTimeField(_("next attempt"), default=timezone.now, editable=False)

    history = History("pool")

    class Meta:
        verbose_name = _("lead")
        verbose_name_plural = _("leads")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "phone_number"], name="number_once_per_campaign"),
        ]
        indexes = [
            # dialing.claim: the next due leads of a campaign; without it 101 claims/s instead of 10,000
            models.Index(
                fields=["campaign", "next_attempt_at"], condition=Q(pool="WAITING"), name="lead_claimable"
            ),
            # dialing.reconcile: leads in a call, as few as there are calls
            models.Index(fields=["id"], condition=Q(pool="CLAIMED"), name="lead_in_call"),
            # the lead list of a campaign: all, those not yet done, those not called, those of one result
            models.Index(fields=["campaign", "id"], name="lead_list"),
            models.Index(fields=["campaign", "id"], condition=~Q(pool="DONE"), name="lead_list_not_done"),
            models.Index(
                fields=["campaign", "id"], condition=Q(status="NOT_CALLED"), name="lead_list_not_called"
            ),
            models.Index(
                fields=["campaign", "status", "id"],
                condition=~Q(status="NOT_CALLED"),
                name="lead_list_called",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.phone_number})"


class LeadCount(models.Model):
    """How many leads a campaign has by status and pool, and how often they were dialed: the sum of its rows.

    Triggers on the leads add a row for each statement that changes one (migration 0007), in its transaction;
    `leads.counts.fold` makes one of many. So the sums are exact whatever changed the leads, and no two calls
    wait for each other's counter.
    """

    GROUP_PATH: ClassVar[str] = "campaign__group"

    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.DO_NOTHING,  # its leads' deletion counts them down to nothing
        related_name="lead_counts",
        db_constraint=False,
    )
    status = models.CharField(max_length=32, choices=LeadStatus, db_collation="C")
    pool = models.CharField(max_length=8, choices=Lead.Pool, db_collation="C")
    leads = models.BigIntegerField()
    calls = models.BigIntegerField()

    class Meta:
        verbose_name = _("lead count")
        verbose_name_plural = _("lead counts")

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.status} {self.pool}: {self.leads}"


class LeadText(models.Model):
    """Names (in capitals) and numbers of the up to 32 leads of a campaign whose `id >> 5` is `part`: `leads.search`.

    Null: not written yet, or not any more what the leads are.
    """

    pk = models.CompositePrimaryKey("campaign_id", "part")
    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.DO_NOTHING,  # a trigger removes them
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    part = models.BigIntegerField()
    text = models.TextField(null=True, db_collation="C")  # noqa: DJ001 - an empty one says that there are no leads

    class Meta:
        indexes = [
            # leads.search.fill
            models.Index(fields=["campaign", "part"], condition=Q(text=None), name="lead_text_blank"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.part}"
