"""Leads, the attempts to call them, and uploads (G 6.4)."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.history import History
from telephony.models import Heard
from uploads.models import UNFINISHED, FileUpload


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


class AnsweredCount(models.Model):
    """A campaign's calls of one day (UTC) that persons answered, and those of them that nobody took.

    Written by `leads.answered.count` with the end of each such call.
    """

    GROUP_PATH: ClassVar[str] = "campaign__group"

    campaign = models.ForeignKey("campaigns.Campaign", models.CASCADE, related_name="answered_counts")
    day = models.DateField()
    persons = models.PositiveIntegerField()
    abandoned = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("answered calls")
        verbose_name_plural = _("answered calls")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "day"], name="answered_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.day}: {self.abandoned} of {self.persons} abandoned"


class CallAttempt(models.Model):
    """One try to reach a lead, kept as evidence also when lead or campaign are deleted.

    Life: CLAIMED -> DIALING -> ANSWERED -> TRANSFERRING -> ENDED, or CLAIMED -> WITHDRAWN when the
    last-moment gate says no (then nothing was dialed and `number` is null).
    """

    GROUP_PATH: ClassVar[str] = "group"

    class State(models.TextChoices):
        CLAIMED = "CLAIMED", _("Claimed")
        DIALING = "DIALING", _("Dialing")
        ANSWERED = "ANSWERED", _("Answered")
        TRANSFERRING = "TRANSFERRING", _("Being transferred")
        ENDED = "ENDED", _("Ended")
        WITHDRAWN = "WITHDRAWN", _("Withdrawn before dialing")

    lead = models.ForeignKey(
        Lead, models.SET_NULL, null=True, related_name="call_attempts", verbose_name=_("lead")
    )
    campaign = models.ForeignKey(
        "campaigns.Campaign",
        models.SET_NULL,
        null=True,
        related_name="call_attempts",
        verbose_name=_("campaign"),
    )
    group = models.ForeignKey(
        "groups.DialerGroup", models.PROTECT, related_name="+", verbose_name=_("dialer group")
    )
    queue = models.ForeignKey(
        "telephony.Queue", models.SET_NULL, null=True, related_name="call_attempts", verbose_name=_("queue")
    )
    port = models.ForeignKey(
        "telephony.DialerPort",
        models.SET_NULL,
        null=True,
        related_name="call_attempts",
        verbose_name=_("port"),
    )
    campaign_name = models.CharField(_("campaign name"), max_length=200)
    lead_name = models.CharField(_("name"), max_length=200)
    phone_number = models.CharField(_("phone number"), max_length=20, db_collation="C")
    number = models.PositiveSmallIntegerField(
        _("attempt"), null=True, help_text=_("Ordinal among the lead's dialed calls; empty when not dialed.")
    )
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.CLAIMED)
    result = models.CharField(_("result"), max_length=32, choices=LeadStatus, blank=True)
    sip_code = models.PositiveSmallIntegerField(_("SIP code"), null=True)
    q850_cause = models.PositiveSmallIntegerField(_("Q.850 cause"), null=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    ended_by = models.CharField(_("ended by"), max_length=16, blank=True)
    call_id = models.CharField(_("SIP Call-ID"), max_length=200, blank=True)
    prompted_at = models.DateTimeField(null=True, editable=False)
    """When the contact centre told of the free agent for whom the lead was claimed at once; empty for other claims."""
    claimed_at = models.DateTimeField(_("claimed"), default=timezone.now)
    started_at = models.DateTimeField(_("dialed"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    transferred_at = models.DateTimeField(_("transferred"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    amd_verdict = models.CharField(_("AMD verdict"), max_length=8, blank=True)
    amd_cause = models.CharField(_("AMD cause"), max_length=200, blank=True)
    amd_why = models.JSONField(null=True)
    """`amd.cause.Cause.as_json`: the cause in numbers, for every language."""
    amd_decision_ms = models.PositiveIntegerField(_("AMD decision (ms)"), null=True)
    abandoned = models.BooleanField(
        _("abandoned"),
        default=False,
        db_default=False,
        help_text=_("A person answered and nobody took the call."),
    )
    media_quality = models.JSONField(_("audio"), null=True)
    """`telephony.rtp.quality.MediaQuality` of an answered call: packets, loss, jitter, round trip, encryption."""
    early_media = models.CharField(
        _("heard before the answer"), max_length=24, choices=Heard, blank=True, db_default=""
    )
    early_media_cause = models.CharField(_("early media"), max_length=200, blank=True, db_default="")
    early_media_why = models.JSONField(null=True)
    worker = models.CharField(_("worker"), max_length=128, blank=True)
    lease_until = models.DateTimeField(_("leased until"))

    class Meta:
        verbose_name = _("call attempt")
        verbose_name_plural = _("call attempts")
        ordering = ["-claimed_at", "-id"]
        constraints = [
            # I1; also the index that finds a lead's open attempt
            models.UniqueConstraint(
                fields=["lead"], condition=Q(ended_at=None), name="one_open_attempt_per_lead"
            ),
            models.UniqueConstraint(fields=["lead", "number"], name="attempt_number_once_per_lead"),
            models.UniqueConstraint(
                fields=["port"], condition=Q(ended_at=None), name="one_open_attempt_per_port"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["ENDED", "WITHDRAWN"], ended_at__isnull=False)
                | Q(state__in=["CLAIMED", "DIALING", "ANSWERED", "TRANSFERRING"], ended_at=None),
                name="attempt_ended_at_with_state",
            ),
        ]
        indexes = [
            # dialing.recovery: open attempts whose lease ran out; also the engine's count of calls in flight
            models.Index(fields=["lease_until"], condition=Q(ended_at=None), name="attempt_open_lease"),
            # the attempt list of a campaign, newest first
            models.Index(fields=["campaign", "-claimed_at"], name="attempt_campaign_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.phone_number} #{self.number or '-'}"


class AttemptText(models.Model):
    """Names (in capitals) and numbers of the call records whose `id >> 5` is `part`: `leads.attempt_search`.

    Of all records up to a minute ago; what is searched of a record never changes.
    """

    part = models.BigIntegerField(primary_key=True)
    text = models.TextField(db_collation="C")

    def __str__(self) -> str:
        return str(self.part)


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


class AmdEvidence(models.Model):
    """What the detector heard in an analysed call, kept apart from the attempt so that it can be forgotten.

    `heard` is `amd.evidence.Evidence.as_json()`; `sound` the mu-law bytes from the answer to the verdict, if the
    policy keeps them. `kept_at` decides when both are forgotten.
    """

    GROUP_PATH: ClassVar[str] = "attempt__group"

    attempt = models.OneToOneField(
        CallAttempt,
        models.CASCADE,
        primary_key=True,
        related_name="amd_evidence",
        verbose_name=_("call attempt"),
    )
    heard = models.JSONField(_("what was heard"))
    sound = models.BinaryField(_("sound"), null=True)
    kept_at = models.DateTimeField(_("kept since"), default=timezone.now)

    class Meta:
        verbose_name = _("detection evidence")
        verbose_name_plural = _("detection evidence")
        indexes = [
            # leads.evidence.forget: what is too old
            models.Index(fields=["kept_at"], name="amd_evidence_kept_at"),
            # leads.evidence.forget: sounds that are too old; the export's clips
            models.Index(fields=["kept_at"], condition=Q(sound__isnull=False), name="amd_sound_kept_at"),
        ]

    def __str__(self) -> str:
        return str(self.attempt)


class AmdLabel(models.Model):
    """Who really answered, as somebody heard it: what the detector is measured by, and trained with."""

    GROUP_PATH: ClassVar[str] = "attempt__group"

    class Heard(models.TextChoices):
        HUMAN = "HUMAN", _("Person")
        MACHINE = "MACHINE", _("Machine")

    attempt = models.OneToOneField(
        CallAttempt,
        models.CASCADE,
        primary_key=True,
        related_name="amd_label",
        verbose_name=_("call attempt"),
    )
    heard = models.CharField(_("was"), max_length=8, choices=Heard)
    labelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("labelled by")
    )
    labelled_at = models.DateTimeField(_("labelled"), default=timezone.now)

    class Meta:
        verbose_name = _("detection label")
        verbose_name_plural = _("detection labels")

    def __str__(self) -> str:
        return f"{self.attempt}: {self.get_heard_display()}"


class EvidencePolicy(models.Model):
    """What is kept of analysed calls, for the whole installation; the one row has `pk` 1."""

    class KeepSound(models.TextChoices):
        NONE = "NONE", _("of no call")
        MACHINES = "MACHINES", _("of calls taken for machines")
        ALL = "ALL", _("of all analysed calls")

    keep_sound = models.CharField(
        _("keep the sound"),
        max_length=8,
        choices=KeepSound,
        default=KeepSound.NONE,
        help_text=_(
            "From the answer until the decision, six seconds at most. Ask a lawyer first: recording may need consent."
        ),
    )
    sound_days = models.PositiveSmallIntegerField(
        _("days until the sound is deleted"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    evidence_days = models.PositiveSmallIntegerField(
        _("days until the rest of the evidence is deleted"),
        default=180,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("Times of speech, silence and tones. Verdict, cause and labels stay with the call."),
    )

    history = History()

    class Meta:
        verbose_name = _("evidence policy")
        verbose_name_plural = _("evidence policy")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_evidence_policy"),
            models.CheckConstraint(
                condition=Q(sound_days__range=(1, 3650)) & Q(evidence_days__range=(1, 3650)),
                name="evidence_days_1_to_3650",
            ),
        ]

    def __str__(self) -> str:
        return str(_("Evidence of detections"))
