"""What the detector of answering machines heard, what people say of it, and how long it is kept."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.history import History
from leads.models.attempt import CallAttempt


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
