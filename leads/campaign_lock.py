"""Leads change only while their campaign is stopped (G 6.4): one place holds that.

`UPLOAD_TO_STARTED` lets files of leads into a started campaign, too (SPEC 4).
"""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import scope
from accounts.models import User
from accounts.scope import Action
from leads.models import Lead

if TYPE_CHECKING:
    from campaigns.models import Campaign


def check_upload(actor: User | None, campaign: "Campaign") -> None:
    """Raises when the actor may not upload leads, or the campaign is started; it may still be started afterwards."""
    _require_right(actor, Action.ADD, campaign)
    _require_stopped(_rows(campaign), or_started=settings.UPLOAD_TO_STARTED)


def lock_upload(actor: User | None, campaign: "Campaign") -> None:
    """The same; a campaign that has to be stopped for it stays so until the transaction ends.

    One that may be started is not locked: a stop waits for no import. What holds it against deletion are its new leads
    (migration 0007).
    """
    if settings.UPLOAD_TO_STARTED:
        check_upload(actor, campaign)
    else:
        lock(actor, Action.ADD, campaign)


def lock(actor: User | None, action: Action, campaign: "Campaign") -> None:
    """Raises when the actor may not, or the campaign is started; it stays stopped until the transaction ends."""
    _require_right(actor, action, campaign)
    _require_stopped(_rows(campaign).select_for_update(no_key=True))


def _require_right(actor: User | None, action: Action, campaign: "Campaign") -> None:
    if actor is not None:
        scope.require(actor, Action.OPERATE, campaign)
        scope.require(actor, action, Lead)


def _rows(campaign: "Campaign") -> QuerySet[Any]:
    rows: QuerySet[Any] = type(campaign)._default_manager.filter(pk=campaign.pk)
    return rows


def _require_stopped(campaign: QuerySet[Any], *, or_started: bool = False) -> None:
    state = campaign.values_list("state", flat=True).get()
    if state == "DELETING":
        raise ValidationError(_("The campaign is being deleted."))
    if state != "STOPPED" and not or_started:
        raise ValidationError(_("The campaign is started. Stop it first."))
