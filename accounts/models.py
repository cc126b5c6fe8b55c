"""Users and the four roles (G 6)."""

from typing import ClassVar

from axes.models import AccessAttempt
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from guardian.models import UserObjectPermissionBase

from accounts.history import History


class Role(models.TextChoices):
    """What a user may do; `accounts.scope` holds the table (SPEC 2)."""

    MASTER = "MASTER", _("Master")
    MANAGER = "MANAGER", _("Manager")
    CAMPAIGN_ADMINISTRATOR = "CAMPAIGN_ADMINISTRATOR", _("Campaign Administrator")
    CAMPAIGN_SUPERVISOR = "CAMPAIGN_SUPERVISOR", _("Campaign Supervisor")


class UserManager(BaseUserManager["User"]):
    """Creates users for set-up and tests; `accounts.services` is the door with rules."""

    def create_user(self, username: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: object) -> "User":
        """`manage.py createsuperuser` makes a Master."""
        from accounts import group_rights  # it reads these models

        master = self.create_user(username, password, **{"role": Role.MASTER, **fields})
        group_rights.derive(master)
        return master


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in. Rights follow from `role` and `dialer_groups` alone."""

    GROUP_PATH: ClassVar[str] = "dialer_groups"

    username = models.CharField(
        _("user name"), max_length=150, unique=True, validators=[UnicodeUsernameValidator()]
    )
    first_name = models.CharField(_("first name"), max_length=150)
    last_name = models.CharField(_("last name"), max_length=150)
    role = models.CharField(_("role"), max_length=32, choices=Role, default=Role.CAMPAIGN_SUPERVISOR)
    dialer_groups = models.ManyToManyField(
        "groups.DialerGroup", verbose_name=_("dialer groups"), related_name="users", blank=True
    )
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("created"), auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    history = History("password", "last_login", "is_superuser")

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["first_name", "last_name"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["username"]

    def __str__(self) -> str:
        return self.username

    @property
    def is_staff(self) -> bool:
        """Everybody works in the admin site; what they see there is decided by scope."""
        return True

    def get_full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip() or self.username

    def get_short_name(self) -> str:
        return self.first_name or self.username


class GroupRight(UserObjectPermissionBase):
    """An object permission of a user on a dialer group. Derived from role and membership by `accounts.group_rights`
    alone, and read by `accounts.scope` and django-guardian's backend.
    """

    content_object = models.ForeignKey(
        "groups.DialerGroup", models.CASCADE, related_name="user_rights", verbose_name=_("dialer group")
    )


class ApiToken(models.Model):
    """A signed-in program. Only the digest of the token is kept; `accounts.tokens` issues and checks it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens", verbose_name=_("user"))
    digest = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64)
    """`User.get_session_auth_hash()` at issue: a new password ends the token, as it ends open sessions."""
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.user} {self.created_at:%Y-%m-%d %H:%M}"


class SignInLock(AccessAttempt):  # type: ignore[misc]  # django-axes has no types
    """Wrong passwords for one user name from one address; `accounts.lockout` says when they lock."""

    class Meta:
        proxy = True
        verbose_name = _("wrong password")
        verbose_name_plural = _("wrong passwords")
        ordering = ["-attempt_time"]

    def __str__(self) -> str:
        return f"{self.username} ({self.ip_address})"


class Change(models.Model):
    """Who changed what and when: the history tables of all kinds of objects as one (a view, so read-only)."""

    class Action(models.TextChoices):
        CREATED = "CREATED", _("Created")
        CHANGED = "CHANGED", _("Changed")
        DELETED = "DELETED", _("Deleted")
        STARTED = "STARTED", _("Started")
        STOPPED = "STOPPED", _("Stopped")

    class Door(models.TextChoices):
        PAGES = "PAGES", _("Pages")
        API = "API", _("API")
        SHELL = "SHELL", _("Command line")

    id = models.TextField(primary_key=True)
    """`campaigns.campaign-12`: kind, and id of the row in its history table."""
    at = models.DateTimeField(_("when"))
    actor_name = models.CharField(_("who"), max_length=150)
    """As it was then; empty for the operator at the shell."""
    door = models.CharField(_("through"), max_length=5, choices=Door)
    address = models.GenericIPAddressField(_("from address"), null=True)
    kind = models.TextField(_("kind"))
    """Label of the model: `campaigns.campaign`."""
    object_id = models.BigIntegerField(_("object"))
    object_name = models.CharField(_("what"), max_length=255)
    action = models.TextField(_("action"), choices=Action)
    fields = models.JSONField(_("changes"), default=list)
    """`[name, old, new]` of each field as words; of a secret only the name."""

    class Meta:
        managed = False
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.object_name}"
