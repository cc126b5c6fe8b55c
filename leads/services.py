"""What people do to single leads. `actor` None is the operator at the shell."""

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.scope import Action
from leads import campaign_lock, pool
from leads.models import FINAL_STATUSES, CallAttempt, Lead, LeadStatus
from leads.phone_numbers import InvalidNumberError, normalise

if TYPE_CHECKING:
    from campaigns.models import Campaign


@transaction.atomic
def add_lead(
    actor: User | None, campaign: "Campaign", *, name: str, phone_number: str, description: str = ""
) -> Lead:
    """Adds one lead to a stopped campaign."""
    campaign_lock.lock(actor, Action.ADD, campaign)
    number = _free_number(campaign, phone_number)
    lead = Lead(campaign=campaign, name=name, description=description, phone_number=number)
    lead.full_clean(exclude=["campaign"])
    lead.save()
    audit.created(actor, lead)
    return lead


@transaction.atomic
def update_lead(actor: User | None, lead: Lead, *, name: str, description: str, phone_number: str) -> Lead:
    """Changes a lead of a stopped campaign; a lead with a new number is called anew."""
    campaign_lock.lock(actor, Action.CHANGE, lead.campaign)
    current = Lead.objects.select_for_update().get(pk=lead.pk)
    before = audit.state(current)
    number = current.phone_number  # digits already: reading them as a national number would change them
    if phone_number != number:
        number = _free_number(lead.campaign, phone_number, lead)
    if number != current.phone_number and current.status in FINAL_STATUSES:
        current.status = LeadStatus.NOT_CALLED
        current.pool = pool.after_attempt(current.status, current.attempts, lead.campaign.max_attempts)
    current.name, current.description, current.phone_number = name, description, number
    current.full_clean(exclude=["campaign"])
    current.save()
    audit.changed(actor, current, before)
    return current


@transaction.atomic
def remove_lead(actor: User | None, lead: Lead) -> None:
    """Removes a lead of a stopped campaign; its call records stay."""
    campaign_lock.lock(actor, Action.DELETE, lead.campaign)
    audit.deleted(actor, lead)
    lead.delete()


def remove_all(campaign: "Campaign") -> None:
    """Removes the leads of a campaign that goes, in two statements whatever their number; call records stay.

    Django's own deletion would load a million leads to look for what hangs on each. The call records let go of lead
    and campaign at once: writing each of them is most of the time, and would be twice as much.
    """
    CallAttempt.objects.filter(campaign=campaign).update(lead=None, campaign=None)
    leads = Lead.objects.filter(campaign=campaign)
    leads._raw_delete(leads.db)


def are_few(campaign: "Campaign", most: int) -> bool:
    """Whether the campaign has at most so many leads and so many call records; looks at no more rows than that."""
    records = CallAttempt.objects.filter(campaign=campaign).order_by("claimed_at").values("pk")
    leads = Lead.objects.filter(campaign=campaign).order_by("id").values("pk")
    return all(rows[: most + 1].count() <= most for rows in (leads, records))


@transaction.atomic
def remove_part(campaign: "Campaign", most: int) -> bool:
    """One step of `remove_all`: at most so many rows. False when nothing is left."""
    records = CallAttempt.objects.filter(campaign=campaign).order_by("claimed_at").values("pk")[:most]
    if CallAttempt.objects.filter(pk__in=records).update(lead=None, campaign=None):
        return True
    leads = Lead.objects.filter(pk__in=Lead.objects.filter(campaign=campaign).values("pk")[:most])
    return bool(leads._raw_delete(leads.db))


def _free_number(campaign: "Campaign", text: str, lead: Lead | None = None) -> str:
    """The digits of `text`, which no other lead of the campaign has."""
    try:
        number = normalise(text, campaign.default_country)
    except InvalidNumberError as error:
        raise ValidationError({"phone_number": str(error)}) from error
    owner = Lead.objects.filter(campaign=campaign, phone_number=number).first()
    if owner is not None and owner != lead:
        raise ValidationError({"phone_number": _("The campaign has this number already.")})
    return number
