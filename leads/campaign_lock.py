"""Leads change only while their campaign is stopped (G 6.4): one place holds that."""

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import scope
from accounts.models import User
from accounts.scope import Action
from leads.models import Lead

if TYPE_CHECKING:
    from campaigns.models import Campaign


def check(actor: User | None, action: Action, campaign: "Campaign") -> None:
    """Raises when the actor may not, or the campaign is started; it may still be started afterwards."""
    if actor is not None:
        scope.require(actor, Action.OPERATE, campaign)
        scope.require(actor, action, Lead)
    campaigns = type(campaign)._default_manager.filter(pk=campaign.pk)
    _require_stopped(campaigns.values_list("state", flat=True).get())


def lock(actor: User | None, action: Action, campaign: "Campaign") -> None:
    """The same; the campaign stays stopped until the transaction ends."""
    if actor is not None:
        scope.require(actor, Action.OPERATE, campaign)
        scope.require(actor, action, Lead)
    campaigns = type(campaign)._default_manager.select_for_update().filter(pk=campaign.pk)
    _require_stopped(campaigns.values_list("state", flat=True).get())


def _require_stopped(state: str) -> None:
    if state == "DELETING":
        raise ValidationError(_("The campaign is being deleted."))
    if state != "STOPPED":
        raise ValidationError(_("The campaign is started. Stop it first."))
