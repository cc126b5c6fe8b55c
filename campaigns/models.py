"""Campaigns and their schedules (G 6.4)."""

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.history import History

dialable = RegexValidator(r"^\+?[0-9*#]{1,32}$", _("Use digits, * and # (at most 32)."))
caller_digits = RegexValidator(
    r"^\+?[0-9]{1,32}\Z", _("Use digits, with a + before them if you like (at most 32).")
)
one_line = RegexValidator(
    r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z", _("Use one line of text without control characters.")
)


class Campaign(models.Model):
    """A list of leads, a calendar and the rules by which the leads are called."""

    GROUP_PATH: ClassVar[str] = "group"

    class Type(models.TextChoices):
        OSCC = "OSCC", _("Agents of a queue (OSCC)")
        IVR = "IVR", _("Channels of an IVR")

    class State(models.TextChoices):
        STOPPED = "STOPPED", _("Stopped")
        STARTED = "STARTED", _("Started")
        DELETING = "DELETING", _("Being deleted")
        """On its way out (`campaigns.deletion`): it never leaves this state."""

    class AmdProfile(models.TextChoices):
        PROTECT_PEOPLE = "PROTECT_PEOPLE", _("Protect people")
        BALANCED = "BALANCED", _("Balanced")
        FAST = "FAST", _("Fast")

    class AmdSilence(models.TextChoices):
        HUMAN = "HUMAN", _("Person")
        MACHINE = "MACHINE", _("Machine")

    class EarlyEnd(models.TextChoices):
        NEVER = "NEVER", _("Never")
        SIT = "SIT", _("On a special information tone")
        ANNOUNCEMENT = "ANNOUNCEMENT", _("On a special information tone or an announcement")

    name = models.CharField(_("name"), max_length=200, unique=True)
    description = models.TextField(_("description"), blank=True)
    group = models.ForeignKey(
        "groups.DialerGroup", models.PROTECT, related_name="campaigns", verbose_name=_("dialer group")
    )
    start_date = models.DateField(_("first day"))
    end_date = models.DateField(_("last day"))
    start_time = models.TimeField(_("from"))
    end_time = models.TimeField(_("until"))
    weekdays: Any = ArrayField(
        models.SmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(7)]),
        verbose_name=_("days of week"),
        help_text=_("ISO: 1 is Monday, 7 is Sunday."),
    )
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    pilot_number = models.CharField(_("pilot number"), max_length=32, validators=[dialable])
    max_attempts = models.PositiveSmallIntegerField(
        _("maximum attempts"), default=5, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    retry_delay = models.PositiveSmallIntegerField(
        _("retry delay (minutes)"), default=60, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )
    type = models.CharField(_("type"), max_length=8, choices=Type, default=Type.OSCC)
    queue = models.ForeignKey(
        "telephony.Queue", models.PROTECT, related_name="campaigns", verbose_name=_("queue")
    )
    weight = models.PositiveSmallIntegerField(
        _("weight"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "1 to 100: the campaign's share of the free agents while others dial for the same queue. "
            "Twice the weight, twice the calls."
        ),
    )
    amd_enabled = models.BooleanField(_("answering machine detection"), default=True)
    amd_profile = models.CharField(
        _("detection profile"), max_length=20, choices=AmdProfile, default=AmdProfile.BALANCED
    )
    amd_silence_is = models.CharField(
        _("silence at pick-up counts as"), max_length=8, choices=AmdSilence, default=AmdSilence.HUMAN
    )
    amd_longest_analysis = models.PositiveSmallIntegerField(
        _("longest analysis (milliseconds)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(2000), MaxValueValidator(5800)],
        help_text=_("2000 to 5800; empty: as the profile says. Then the call is passed on as not sure."),
    )
    amd_shortest_call = models.PositiveSmallIntegerField(
        _("shortest call with a machine (seconds)"),
        default=0,
        validators=[MaxValueValidator(30)],
        help_text=_(
            "0 to 30, from the answer on; where very short calls count as abuse, as in Brazil. 0: none."
        ),
    )
    early_end = models.CharField(
        _("give up before the answer"),
        max_length=12,
        choices=EarlyEnd,
        default=EarlyEnd.NEVER,
        db_default=EarlyEnd.NEVER,
        help_text=_(
            "When the operator says that the call can't be completed. Music with words instead of ring-back "
            "may sound like an announcement."
        ),
    )
    dnc_service = models.ForeignKey(
        "dnc.DncService",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="campaigns",
        verbose_name=_("do-not-call service"),
    )
    default_country = models.CharField(
        _("default country"),
        max_length=2,
        blank=True,
        help_text=_("ISO code of the country whose national numbers the leads may have, for example BR."),
    )
    ring_timeout = models.PositiveSmallIntegerField(
        _("ring time-out (seconds)"), default=30, validators=[MinValueValidator(5), MaxValueValidator(120)]
    )
    caller_name = models.CharField(
        _("caller's name"),
        max_length=64,
        blank=True,
        validators=[one_line],
        help_text=_("What the called person sees, where the carrier passes it on. Empty: none."),
    )
    caller_number = models.CharField(
        _("caller's number"),
        max_length=33,
        blank=True,
        validators=[caller_digits],
        help_text=_("Empty: the extension of the dialer port. The carrier must allow the number."),
    )
    caller_private = models.BooleanField(
        _("withhold the caller's number"),
        default=False,
        help_text=_("The called person sees an anonymous call; the carrier still learns name and number."),
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.STOPPED, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    history = History()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(end_date__gte=F("start_date")), name="campaign_dates_in_order"
            ),
            models.CheckConstraint(condition=Q(end_time__gt=F("start_time")), name="campaign_hours_in_order"),
            models.CheckConstraint(
                condition=Q(max_attempts__range=(1, 100)), name="campaign_attempts_1_to_100"
            ),
            models.CheckConstraint(
                condition=Q(retry_delay__range=(1, 1440)), name="campaign_retry_1_to_1440"
            ),
            models.CheckConstraint(condition=Q(weight__range=(1, 100)), name="campaign_weight_1_to_100"),
            models.CheckConstraint(condition=Q(weekdays__len__gt=0), name="campaign_has_a_weekday"),
            models.CheckConstraint(
                condition=Q(amd_longest_analysis=None) | Q(amd_longest_analysis__range=(2000, 5800)),
                name="campaign_analysis_2000_to_5800",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def is_started(self) -> bool:
        return self.state == self.State.STARTED

    @property
    def is_stopped(self) -> bool:
        """Settings, schedules and leads may change."""
        return self.state == self.State.STOPPED

    @property
    def is_being_deleted(self) -> bool:
        return self.state == self.State.DELETING


class Schedule(models.Model):
    """One day of a campaign: local wall-clock hours, and the same as instants (`opens_at`, `closes_at`).

    The instants are what everything compares with; they are written with the hours, so that days with a
    daylight-saving change keep the local hours (SPEC 5).
    """

    GROUP_PATH: ClassVar[str] = "campaign__group"

    class State(models.TextChoices):
        NOT_RUNNING = "NOT_RUNNING", _("Not running")
        RUNNING = "RUNNING", _("Running")
        FINISHED = "FINISHED", _("Finished")
        DNC_OOS = "DNC_OOS", _("Do-not-call OOS")

    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="schedules", verbose_name=_("campaign")
    )
    date = models.DateField(_("date"))
    start_time = models.TimeField(_("from"))
    end_time = models.TimeField(_("until"))
    opens_at = models.DateTimeField(editable=False)
    closes_at = models.DateTimeField(editable=False)
    state = models.CharField(
        _("state"), max_length=12, choices=State, default=State.NOT_RUNNING, editable=False
    )

    history = History()

    class Meta:
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
        ordering = ["date"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "date"], name="one_schedule_a_day"),
            models.CheckConstraint(condition=Q(end_time__gt=F("start_time")), name="schedule_hours_in_order"),
        ]
        indexes = [
            # campaigns.lifecycle.advance_schedules: every second, those not over
            models.Index(fields=["closes_at"], name="schedule_closes_at"),
        ]

    def __str__(self) -> str:
        return f"{self.date:%Y-%m-%d} {self.start_time:%H:%M}-{self.end_time:%H:%M}"
