"""The summary of a campaign (G 6.4, SPEC 10): its settings, the counts of its leads, and a picture of them."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.export import KINDS
from campaigns import selectors
from campaigns.models import Campaign
from dialer_project.pages import marks
from dialer_project.pages.campaign_bar import campaign_bar
from dialer_project.pages.live import campaign_figures
from dialer_project.pages.now import now_card
from leads.models import LeadStatus


def summary_page(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    """Context of the page."""
    summary = selectors.summary(campaign)
    figures = campaign_figures(campaign, summary)
    key = f"c{campaign.pk}"
    return {
        "campaign": campaign,
        "campaign_bar": campaign_bar(request, campaign, active="summary"),
        "settings": _settings(campaign),
        "live_campaigns": campaign.pk,
        "picture": marks.picture(key, summary),
        "rows": [
            {
                "label": status.label,
                "css": status.lower().replace("_", "-"),
                "key": f"{key}.{status}",
                "count": figures[f"{key}.{status}"],
                "share": figures[f"{key}.{status}.share"],
            }
            for status in marks.PICTURE_ORDER
        ],
        "counts": [
            (_("Leads"), f"{key}.total", figures[f"{key}.total"]),
            (_("Done"), f"{key}.done", figures[f"{key}.done"]),
            (_("Waiting to be called"), f"{key}.waiting", figures[f"{key}.waiting"]),
            (_("In a call now"), f"{key}.in_flight", figures[f"{key}.in_flight"]),
            (_("Calls dialed"), f"{key}.attempts", figures[f"{key}.attempts"]),
            (_("Answered by persons"), f"{key}.persons", figures[f"{key}.persons"]),
            (_("Abandoned"), f"{key}.abandoned", figures[f"{key}.abandoned"]),
            (_("Next due"), f"{key}.next_due", figures[f"{key}.next_due"]),
        ],
        "success_key": f"{key}.{LeadStatus.SUCCESS}",
        "key": key,
        "now": None if campaign.is_being_deleted else now_card(campaign, figures),
        "exports": [
            (reverse(f"admin:campaigns_campaign_export_{kind}") + f"?id={campaign.pk}", kind.upper())
            for kind in KINDS
        ],
        "why": figures[f"{key}.why"],
    }


def _minutes(count: int) -> str:
    return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}


def _settings(campaign: Campaign) -> list[tuple[str, Any]]:
    amd = campaign.get_amd_profile_display() if campaign.amd_enabled else _("off")
    return [
        (_("Name"), campaign.name),
        (_("Description"), campaign.description or "–"),
        (_("Pilot number"), campaign.pilot_number),
        (_("Maximum attempts"), campaign.max_attempts),
        (_("Retry delay"), _minutes(campaign.retry_delay)),
        (_("State"), marks.state_badge(Campaign.State, campaign.state, f"c{campaign.pk}.state")),
        (_("Type"), campaign.get_type_display()),
        (_("Queue"), campaign.queue),
        (_("Dialer group"), campaign.group),
        (_("Group description"), campaign.group.description or "–"),
        (_("Answering machine detection"), amd),
        (_("Do-not-call service"), campaign.dnc_service or _("none")),
    ]
