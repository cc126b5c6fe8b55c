"""The attempts to call leads, and what is kept beside them: texts to search, counts of a day."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from leads.models.lead import Lead, LeadStatus
from telephony.models import Heard


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
        db_index=False,  # attempt_campaign_recent
        verbose_name=_("campaign"),
    )
    group = models.ForeignKey(
        "groups.DialerGroup",
        models.PROTECT,
        related_name="+",
        db_index=False,  # attempt_group_recent
        verbose_name=_("dialer group"),
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
            # the lists, newest first: of a campaign (its attempts may be of several groups), of one group, of some
            models.Index(
                fields=["campaign", "-claimed_at", "-id"], include=["group"], name="attempt_campaign_recent"
            ),
            models.Index(fields=["group", "-claimed_at", "-id"], name="attempt_group_recent"),
            models.Index(fields=["-claimed_at", "-id"], name="attempt_recent"),
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
