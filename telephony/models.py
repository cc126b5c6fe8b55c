"""What a Master configures: contact centres, their queues, and the dialer's own SIP ports."""

import math
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.history import History
from amd.early_media import EarlyKind
from telephony.contact_center import make_connector
from telephony.results import CallResult
from telephony.sip.account import default_port
from telephony.sip.sdes import MediaEncryption


class ContactCenter(models.Model):
    """A system whose queues take the answered calls, watched through a connector."""

    class Kind(models.TextChoices):
        ASTERISK_AMI = "asterisk_ami", _("Asterisk (AMI)")
        REST = "rest", _("JSON endpoint (REST)")
        DEMO = "demo", _("Demo PBX")

    class State(models.TextChoices):
        CONNECTING = "CONNECTING", _("Connecting")
        CONNECTED = "CONNECTED", _("Connected")
        STALE = "STALE", _("Silent")
        FAILED = "FAILED", _("Failed")

    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    settings = models.JSONField(
        _("settings"),
        default=dict,
        help_text=_("As JSON; docs/contact-centres.md describes the settings of each kind."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    state = models.CharField(
        _("state"), max_length=20, choices=State, default=State.CONNECTING, editable=False
    )
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    last_error_at = models.DateTimeField(_("last error at"), null=True, editable=False)
    last_event_at = models.DateTimeField(_("last event"), null=True, editable=False)

    history = History("settings", "state", "last_error", "last_error_at", "last_event_at")

    class Meta:
        verbose_name = _("contact centre")
        verbose_name_plural = _("contact centres")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """The settings are those of the kind."""
        if self.kind not in self.Kind.values or not isinstance(self.settings, dict):
            return
        try:
            make_connector(self.kind, self.settings)
        except ValueError as error:
            raise ValidationError(
                {"settings": _("These settings don't fit: %(why)s.") % {"why": error}}
            ) from error


class Queue(models.Model):
    """A queue with agents (OSCC) or an IVR with channels, as reported by its contact centre."""

    class Kind(models.TextChoices):
        OSCC = "OSCC", _("Agents of a queue")
        IVR = "IVR", _("Channels of an IVR")

    contact_center = models.ForeignKey(
        ContactCenter, models.PROTECT, related_name="queues", verbose_name=_("contact centre")
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.OSCC)
    pilot_number = models.CharField(_("pilot number"), max_length=32, blank=True)

    history = History()

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["contact_center", "name"], name="queue_name_once_per_contact_center"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Carrier(models.Model):
    """Who takes the calls of some dialer ports, and how many: a trunk, or the platform that the ports register at.

    `next_call_at` and `resting_until` are moments of the database's clock, so that all hosts agree on them.
    """

    name = models.CharField(_("name"), max_length=100, unique=True)
    calls_per_second = models.DecimalField(
        _("calls per second"),
        max_digits=5,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.1")), MaxValueValidator(Decimal(500))],
        help_text=_("New calls, evenly spaced, over all campaigns and hosts. Empty: no limit."),
    )
    max_calls = models.PositiveIntegerField(
        _("calls in parallel"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=_("Empty: as many as there are ports."),
    )
    next_call_at = models.DateTimeField(null=True, editable=False)
    resting_until = models.DateTimeField(_("resting until"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)

    history = History("next_call_at", "resting_until", "last_error")

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def rate(self) -> float | None:
        """Calls per second; infinite when only those in parallel are limited; None: no limit at all."""
        if self.calls_per_second is not None:
            return float(self.calls_per_second)
        return None if self.max_calls is None else math.inf


class DialerPort(models.Model):
    """A SIP subscriber of the communication platform, or a channel of a trunk that knows us by our address; one port
    carries one outbound call (G 5).

    A calls worker leases the ports it registers: `worker` names it, `lease_until` says how long without renewal.
    """

    class Transport(models.TextChoices):
        UDP = "udp", "UDP"
        TCP = "tcp", "TCP"
        TLS = "tls", "TLS"

    class Encryption(models.TextChoices):
        """Of the audio: SRTP with keys from the SDP (`telephony.sip.sdes.MediaEncryption` says what is offered)."""

        NONE = MediaEncryption.NONE.value, _("Not encrypted")
        PREFERRED = MediaEncryption.PREFERRED.value, _("Preferred")
        REQUIRED = MediaEncryption.REQUIRED.value, _("Required")

    class State(models.TextChoices):
        OFF = "OFF", _("Not registered")
        REGISTERED = "REGISTERED", _("Registered")
        READY = "READY", _("Ready")
        FAILED = "FAILED", _("Failed")
        UNREACHABLE = "UNREACHABLE", _("Unreachable")

    IN_SERVICE = (State.REGISTERED, State.READY)
    """Can carry a call."""

    extension = models.CharField(_("extension"), max_length=32)
    password = models.CharField(_("password"), max_length=128, blank=True)
    registers = models.BooleanField(
        _("registers"),
        default=True,
        help_text=_(
            "Off: a trunk that knows the dialer by its address. It is used while it answers OPTIONS."
        ),
    )
    registrar_host = models.CharField(_("registrar"), max_length=255)
    registrar_port = models.PositiveIntegerField(
        _("registrar port"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
        help_text=_("Empty: as DNS says (SRV), else 5060, or 5061 over TLS."),
    )
    second_registrar_host = models.CharField(
        _("second registrar"),
        max_length=255,
        blank=True,
        help_text=_("Takes over while the first does not answer or is out of service. Empty: none."),
    )
    second_registrar_port = models.PositiveIntegerField(
        _("second registrar's port"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
    )
    transport = models.CharField(_("transport"), max_length=3, choices=Transport, default=Transport.UDP)
    carrier = models.ForeignKey(
        Carrier,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="ports",
        verbose_name=_("carrier"),
        help_text=_("Empty: one by the registrar's name."),
    )
    media_encryption = models.CharField(
        _("encryption of the audio (SRTP)"),
        max_length=9,
        choices=Encryption,
        default=Encryption.NONE,
        help_text=_(
            "Required: a call whose answer is not encrypted is ended. Preferred: it is held in the clear."
        ),
    )
    keys_without_tls = models.BooleanField(
        _("send the keys without TLS"),
        default=False,
        help_text=_("Whoever can read the signalling can then decrypt the audio."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.OFF, editable=False)
    active_registrar = models.CharField(
        _("registered with"), max_length=320, blank=True, default="", editable=False
    )
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    worker = models.CharField(_("worker"), max_length=128, blank=True, editable=False)
    lease_until = models.DateTimeField(_("leased until"), null=True, editable=False)

    history = History("password", "state", "active_registrar", "last_error", "worker", "lease_until")

    class Meta:
        verbose_name = _("dialer port")
        verbose_name_plural = _("dialer ports")
        ordering = ["registrar_host", "extension"]
        constraints = [
            models.UniqueConstraint(
                fields=["registrar_host", "registrar_port", "extension"],
                name="extension_once_per_registrar",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.extension}@{self.registrar_host}"

    def clean(self) -> None:
        self._check_password()
        self._check_keys()
        self._check_second_registrar()

    def _check_password(self) -> None:
        """A trunk may ask for one as well, per call."""
        if self.registers and not self.password:
            raise ValidationError({"password": _("A port that registers needs its password.")})

    def _check_keys(self) -> None:
        """Keys in the SDP are as secret as the signalling that carries them (RFC 4568 section 7)."""
        encrypted = self.media_encryption != self.Encryption.NONE
        if encrypted and self.transport != self.Transport.TLS and not self.keys_without_tls:
            raise ValidationError(
                {
                    "media_encryption": _(
                        "The keys of encrypted audio travel in the signalling: choose the transport TLS, or allow to send them without."
                    )
                }
            )

    def _check_second_registrar(self) -> None:
        """It is another one than the first, and no other port has this extension there."""
        if not self.second_registrar_host:
            return
        second = (self.second_registrar_host, self._number(self.second_registrar_port))
        if second == (self.registrar_host, self._number(self.registrar_port)):
            raise ValidationError({"second_registrar_host": _("This is the first registrar already.")})
        others = DialerPort.objects.exclude(pk=self.pk).filter(
            extension=self.extension, registrar_host=self.second_registrar_host
        )
        if any(self._number(other.registrar_port) == second[1] for other in others):
            raise ValidationError(
                {"second_registrar_host": _("Another port has this extension at this registrar.")}
            )

    def _number(self, port: int | None) -> int:
        return port or default_port(self.transport)


class Heard(models.TextChoices):
    """What is heard before the answer (`amd.early_media.EarlyKind`)."""

    RINGBACK = EarlyKind.RINGBACK.value, _("Ring-back tone")
    BUSY = EarlyKind.BUSY.value, _("Busy tone")
    CONGESTION = EarlyKind.CONGESTION.value, _("Congestion tone (fast busy)")
    SIT_VACANT_CODE = EarlyKind.SIT_VACANT_CODE.value, _("Special information tone: vacant number")
    SIT_INTERCEPT = EarlyKind.SIT_INTERCEPT.value, _("Special information tone: intercept")
    SIT_REORDER = EarlyKind.SIT_REORDER.value, _("Special information tone: reorder")
    SIT_NO_CIRCUIT = EarlyKind.SIT_NO_CIRCUIT.value, _("Special information tone: no circuit")
    SIT = EarlyKind.SIT.value, _("Special information tone")
    ANNOUNCEMENT = EarlyKind.ANNOUNCEMENT.value, _("Announcement")
    TONE = EarlyKind.TONE.value, _("Another tone")


class ResultRule(models.Model):
    """One row of the table that makes a result of a call that nobody answered (SPEC 6); a Master may change it.

    Without a Q.850 cause it holds for every cause that has no row of its own, and for none.
    """

    class Result(models.TextChoices):
        FAILED = CallResult.FAILED.value, _("Failed")
        BUSY = CallResult.BUSY.value, _("Busy")
        REFUSED = CallResult.REFUSED.value, _("Refused")
        SERVICE_TEMPORARY_UNAVAILABLE = (
            CallResult.SERVICE_TEMPORARY_UNAVAILABLE.value,
            _("Service unavailable"),
        )
        UNKNOWN = CallResult.UNKNOWN.value, _("Unknown")

    heard = models.CharField(
        _("heard before the answer"),
        max_length=24,
        choices=Heard,
        blank=True,
        help_text=_("Empty: whatever was heard. A rule with something heard goes before those without."),
    )
    sip_code = models.PositiveSmallIntegerField(
        _("SIP code"),
        null=True,
        blank=True,
        validators=[MinValueValidator(300), MaxValueValidator(699)],
        help_text=_("Empty: every code; only with something heard."),
    )
    q850_cause = models.PositiveSmallIntegerField(
        _("Q.850 cause"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(127)],
        help_text=_("Empty: every cause that has no row of its own."),
    )
    result = models.CharField(_("result"), max_length=40, choices=Result)

    history = History()

    class Meta:
        verbose_name = _("call result rule")
        verbose_name_plural = _("call result rules")
        ordering = ["heard", "sip_code", models.F("q850_cause").asc(nulls_first=True)]
        constraints = [
            models.UniqueConstraint(fields=["sip_code", "q850_cause", "heard"], name="result_rule_once"),
            models.UniqueConstraint(
                fields=["heard"],
                condition=models.Q(sip_code=None),
                name="result_rule_once_without_code",
                violation_error_message=_("There is a rule for this sound without a SIP code already."),
            ),
            models.CheckConstraint(
                condition=models.Q(sip_code__isnull=False)
                | (~models.Q(heard="") & models.Q(q850_cause=None)),
                name="result_rule_is_about_something",
                violation_error_message=_("Name a SIP code, or what was heard without a Q.850 cause."),
            ),
            models.UniqueConstraint(
                fields=["sip_code", "heard"],
                condition=models.Q(q850_cause=None),
                name="result_rule_once_without_cause",
                violation_error_message=_("There is a rule for this SIP code without a cause already."),
            ),
        ]

    def __str__(self) -> str:
        parts = [self.get_heard_display() if self.heard else ""]
        parts.append(f"SIP {self.sip_code}" if self.sip_code else "")
        parts.append(f"Q.850 {self.q850_cause}" if self.q850_cause else "")
        return ", ".join(part for part in parts if part)


class HeldPortTable(models.Model):
    """Rows of a file of ports that wait for the word of who sent it: `telephony.held_tables`."""

    session = models.CharField(max_length=40, primary_key=True)
    rows = models.JSONField()
    held_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.held_at:%Y-%m-%d %H:%M}"
