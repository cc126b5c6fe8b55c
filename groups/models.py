"""Dialer groups (G 6.3)."""

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.db.models.deletion import ProtectedError
from django.utils.translation import gettext_lazy as _

from accounts.history import History


class DialerGroupQuerySet(models.QuerySet["DialerGroup"]):
    def delete(self) -> NoReturn:
        raise ProtectedError(str(_("Groups are never deleted, only disabled.")), set(self))


class DialerGroup(models.Model):
    """Users and campaigns belong to groups. Never deleted: here, and by a trigger in the database."""

    GROUP_PATH: ClassVar[str] = "pk"

    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.TextField(_("description"), blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)

    objects = DialerGroupQuerySet.as_manager()

    history = History()

    class Meta:
        verbose_name = _("dialer group")
        verbose_name_plural = _("dialer groups")
        ordering = ["name"]
        permissions = [  # object permissions, derived from role and membership: accounts.group_rights
            ("view_users", "Can see the users of the group"),
            ("manage_users", "Can create, change and delete the users of the group"),
            ("view_campaigns", "Can see the campaigns of the group"),
            ("manage_campaigns", "Can create, change, run and delete the campaigns of the group"),
        ]

    def __str__(self) -> str:
        return self.name

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ProtectedError(str(_("Groups are never deleted, only disabled.")), {self})
