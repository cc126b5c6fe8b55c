"""The bar above every page of one campaign: name, state, start/stop, and the way to its other pages."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import scope
from accounts.scope import Action
from campaigns.models import Campaign, Schedule
from dialer_project.pages import marks
from leads.models import CallAttempt, Lead, LeadUpload


def campaign_bar(request: HttpRequest, campaign: Campaign, active: str = "") -> dict[str, Any]:
    """Context of the bar; `tabs` is the menu of a row in the campaign list, too."""
    user, pk = request.user, campaign.pk
    of_campaign = f"?campaign__id__exact={pk}"
    tabs = [
        ("settings", _("Settings"), "tune", reverse("admin:campaigns_campaign_change", args=[pk]), Campaign),
        (
            "schedules",
            _("Schedules"),
            "calendar_month",
            reverse("admin:campaigns_schedule_changelist") + of_campaign,
            Schedule,
        ),
        ("leads", _("Leads"), "contacts", reverse("admin:leads_lead_changelist") + of_campaign, Lead),
        (
            "uploads",
            _("Upload leads"),
            "upload_file",
            reverse("admin:leads_leadupload_add") + f"?campaign={pk}",
            LeadUpload,
        ),
        (
            "attempts",
            _("Call attempts"),
            "call",
            reverse("admin:leads_callattempt_changelist") + of_campaign,
            CallAttempt,
        ),
        (
            "summary",
            _("Summary"),
            "bar_chart",
            reverse("admin:campaigns_campaign_summary", args=[pk]),
            Campaign,
        ),
    ]
    return {
        "campaign": campaign,
        "next": request.get_full_path(),
        "may_operate": scope.may(user, Action.OPERATE, Campaign) and not campaign.is_being_deleted,
        "state": marks.state_badge(Campaign.State, campaign.state, f"c{pk}.state"),
        "fixed": "" if campaign.is_stopped else why_fixed(campaign),
        "tabs": [
            {"name": name, "title": title, "icon": icon, "url": url, "active": name == active}
            for name, title, icon, url, model in tabs
            if scope.may(user, Action.VIEW, model) and not (name == "uploads" and campaign.is_being_deleted)
        ],
    }


def chosen_campaign(request: HttpRequest) -> Campaign | None:
    """The campaign that a list is filtered by, if the user may see it; read once for each request."""
    known = request.__dict__
    if "chosen_campaign" not in known:
        known["chosen_campaign"] = named_campaign(request, "campaign__id__exact")
    chosen: Campaign | None = known["chosen_campaign"]
    return chosen


def named_campaign(request: HttpRequest, parameter: str = "campaign") -> Campaign | None:
    """The campaign whose id the address carries, if the user may see it."""
    pk = request.GET.get(parameter, "")
    if not pk.isdecimal() or int(pk) >= 2**63:
        return None
    return scope.visible(request.user, Campaign.objects.filter(pk=pk)).select_related("group").first()


STARTED_WORDS = gettext_lazy(
    "The campaign is started. Settings, schedules and leads change only while it is stopped."
)
STARTED_BUT_UPLOADS_WORDS = gettext_lazy(
    "The campaign is started. Lead files may be uploaded; settings, schedules and leads change only while it is stopped."
)
DELETING_WORDS = gettext_lazy("The campaign is being deleted. The records of its calls are kept.")


def why_fixed(campaign: Campaign) -> str:
    """Why nothing of it can be changed now."""
    if campaign.is_being_deleted:
        return str(DELETING_WORDS)
    return str(STARTED_BUT_UPLOADS_WORDS if settings.UPLOAD_TO_STARTED else STARTED_WORDS)


class CampaignBarOnList:
    """For admin classes whose list can be that of one campaign: shows its bar, names it in the title."""

    bar_tab = ""
    list_before_template = "dialer/campaign_bar.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        campaign = chosen_campaign(request)
        more = dict(extra_context or {})
        if campaign is not None:
            more |= {
                "campaign_bar": campaign_bar(request, campaign, self.bar_tab),
                "title": campaign.name,
            }
        return super().changelist_view(request, more)  # type: ignore[misc]
