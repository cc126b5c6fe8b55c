"""Do-not-call services and the embedded list (G 2.3 to 2.5)."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.history import History
from uploads.models import UNFINISHED, FileUpload


class DncService(models.Model):
    """Something that answers `POST /donotcall`: the embedded list, or an external service over HTTPS.

    There is one embedded service (a constraint holds it); it can be neither changed nor deleted.
    """

    class Kind(models.TextChoices):
        EMBEDDED = "EMBEDDED", _("Embedded list")
        EXTERNAL = "EXTERNAL", _("External service")

    class State(models.TextChoices):
        UP = "UP", _("In service")
        OUT_OF_SERVICE = "OUT_OF_SERVICE", _("Out of service")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.EXTERNAL, editable=False)
    url = models.CharField(
        _("address"),
        blank=True,
        max_length=500,
        validators=[URLValidator(schemes=["https"])],
        help_text=_("HTTPS address of the service, without /donotcall."),
    )
    bearer_token = models.CharField(_("bearer token"), max_length=500, blank=True)
    timeout_ms = models.PositiveIntegerField(
        _("time-out (ms)"), default=2000, validators=[MinValueValidator(50), MaxValueValidator(30000)]
    )
    ca_certificates = models.TextField(
        _("trusted certificates"),
        blank=True,
        max_length=100_000,
        help_text=_(
            "PEM. Of the authority that signed the service's certificate, or the service's own certificate to "
            "trust no other; empty: the authorities that this host trusts."
        ),
    )
    client_certificate = models.TextField(_("client certificate"), blank=True, max_length=100_000)
    """PEM: the certificate and its private key, without a password."""
    failures_allowed = models.PositiveSmallIntegerField(
        _("failed checks until it is out of service"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "In a row. Nobody is dialed on a failed check, be it the first; out of service, no call asks any more, "
            "and the service is tried every few seconds until it answers."
        ),
    )
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.UP, editable=False)
    failures = models.PositiveIntegerField(_("failed checks in a row"), default=0, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    last_failed_number = models.CharField(max_length=20, blank=True, editable=False)
    """The number whose check failed last: the one with which `services.check_services` asks again."""

    history = History(
        "bearer_token", "client_certificate", "state", "failures", "last_error", "last_failed_number"
    )

    class Meta:
        verbose_name = _("do-not-call service")
        verbose_name_plural = _("do-not-call services")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(kind="EMBEDDED"), name="one_embedded_dnc_service"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DncNumber(models.Model):
    """A number on the embedded list: E.164 digits as an integer, which makes ten millions look-ups cheap."""

    number = models.BigIntegerField(_("number"), primary_key=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    source = models.CharField(_("source"), max_length=200, blank=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        verbose_name=_("added by"),
        related_name="+",
        db_index=False,  # the index below
    )
    added_at = models.DateTimeField(_("added"), auto_now_add=True)

    class Meta:
        verbose_name = _("do-not-call number")
        verbose_name_plural = _("do-not-call numbers")
        ordering = ["number"]
        indexes = [
            # the deletion of a user; lists of millions are loaded at the shell, by nobody
            models.Index(
                fields=["added_by"], condition=models.Q(added_by__isnull=False), name="dnc_number_added_by"
            ),
        ]

    def __str__(self) -> str:
        return str(self.number)


class DncRemoval(models.Model):
    """Who took a number off the embedded list, when and why. Rows are only ever added."""

    number = models.BigIntegerField(_("number"), db_index=True)
    reason = models.CharField(_("reason"), max_length=200)
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, verbose_name=_("removed by"), related_name="+"
    )
    removed_at = models.DateTimeField(_("removed"), auto_now_add=True)

    class Meta:
        verbose_name = _("removal from the do-not-call list")
        verbose_name_plural = _("removals from the do-not-call list")
        ordering = ["-removed_at"]

    def __str__(self) -> str:
        return str(self.number)


class DncUpload(FileUpload):
    """A file of numbers for the embedded list. Who is no Master sees their own (`accounts.scope`)."""

    OWNER_PATH: ClassVar[str] = "uploaded_by"

    replace = models.BooleanField(
        _("replaces the list"),
        default=False,
        help_text=_("Numbers that the file does not have are taken off the list."),
    )
    removed = models.PositiveIntegerField(_("taken off"), default=0, editable=False)

    class Meta(FileUpload.Meta):
        verbose_name = _("number upload")
        verbose_name_plural = _("number uploads")
        indexes = [models.Index(fields=["id"], condition=UNFINISHED, name="dnc_upload_unfinished")]

    @property
    def has_refused(self) -> bool:
        """Numbers that are on the list already are no news to anybody."""
        return bool(self.invalid)
