"""The figures that move on overview, campaign list and summary: one flat JSON object, polled each second."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts import scope
from campaigns import selectors
from campaigns.models import Campaign
from campaigns.selectors import Summary
from dialer_project.pages import marks
from dialer_project.pages.now import now_figures
from dialer_project.pages.reasons import all_idle, why_idle
from dialer_project.times import in_zone
from leads.models import LeadStatus

MOST = 50
"""Campaigns in one answer."""


@never_cache
def live_figures(request: HttpRequest) -> JsonResponse:
    """`?campaigns=1,2`: figures of those that the user may see. As many queries for one as for all."""
    wanted = [int(word) for word in request.GET.get("campaigns", "").split(",") if word.isdecimal()]
    known = scope.visible(request.user, Campaign.objects.filter(pk__in=[pk for pk in wanted if pk < 2**63]))
    campaigns = list(known.select_related("group", "queue__contact_center", "dnc_service")[:MOST])
    figures: dict[str, Any] = {"running": any(campaign.is_started for campaign in campaigns)}
    pairs = with_summaries(campaigns)
    idle = all_idle(pairs)
    for campaign, summary in pairs:
        figures.update(campaign_figures(campaign, summary, idle[campaign.pk]))
    return JsonResponse(figures)


def with_summaries(campaigns: Iterable[Campaign]) -> list[tuple[Campaign, Summary]]:
    listed = list(campaigns)
    summaries = selectors.summaries([campaign.pk for campaign in listed])
    return [(campaign, summaries[campaign.pk]) for campaign in listed]


def campaign_figures(campaign: Campaign, summary: Summary, why: str | None = None) -> dict[str, Any]:
    """Keys as the `data-live` attributes have them: `c7.SUCCESS`, `c7.state`.

    `why` it is idle: asked here when it is None; who shows many campaigns asks for all at once.
    """
    key = f"c{campaign.pk}"
    figures: dict[str, Any] = {
        f"{key}.state": campaign.get_state_display(),
        f"{key}.state.tone": marks.tone(Campaign.State, campaign.state),
        f"{key}.started": campaign.is_started,
        f"{key}.total": _number(summary.total),
        f"{key}.done": _number(summary.done),
        f"{key}.waiting": _number(summary.waiting),
        f"{key}.in_flight": _number(summary.in_flight),
        f"{key}.attempts": _number(summary.attempts),
        f"{key}.persons": _number(summary.answered.persons),
        f"{key}.abandoned": abandoned(summary),
        f"{key}.why": why_idle(campaign, summary) if why is None else why,
        f"{key}.next_due": next_due(campaign, summary) or "–",
        **now_figures(campaign),
    }
    for status in LeadStatus:
        figures[f"{key}.{status}"] = _number(summary.by_status[status])
        figures[f"{key}.{status}.share"] = marks.share(summary, status)
    return figures


def abandoned(summary: Summary) -> str:
    """Calls that a person answered and nobody took, with their share of those that persons answered: `3 (1.2 %)`."""
    rate = summary.answered.abandoned_rate
    count = _number(summary.answered.abandoned)
    return count if rate is None else f"{count} ({formats.number_format(100 * rate, 1)} %)"


def next_due(campaign: Campaign, summary: Summary) -> str:
    """When the next lead is due, in the campaign's zone."""
    if summary.next_due is None or campaign.is_being_deleted:
        return ""
    if summary.next_due <= timezone.now():
        return _("now") if campaign.is_started else _("when started")
    return in_zone(summary.next_due, campaign.zone)


def _number(value: int) -> str:
    return formats.number_format(value, use_l10n=True, force_grouping=True)
