"""The overview: what the campaigns do now, and for Masters whether the parts work."""

from typing import Any

from django.db.models import Case, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import scope
from accounts.models import Role
from campaigns.models import Campaign
from dialer_project import health
from dialer_project.pages import marks
from dialer_project.pages.live import campaign_figures, with_summaries
from dialer_project.pages.reasons import all_idle
from leads.models import LeadStatus
from telephony.models import ContactCenter, DialerPort

SHOWN = 12
"""Campaigns on the overview: the started ones first, then the newest; those that are being deleted last."""
_FIRST = Case(
    When(state=Campaign.State.STARTED, then=0), When(state=Campaign.State.DELETING, then=2), default=1
)


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Context of the admin's first page."""
    if scope.may(request.user, scope.Action.VIEW, Campaign):
        context |= _campaigns(request)
    if getattr(request.user, "role", None) == Role.MASTER:
        context |= _parts()
    return context


def _campaigns(request: HttpRequest) -> dict[str, Any]:
    seen = scope.visible(request.user, Campaign.objects.all())
    listed = seen.select_related("group", "queue__contact_center", "dnc_service").order_by(
        _FIRST, "-created_at"
    )[:SHOWN]
    cards = []
    pairs = with_summaries(listed)
    idle = all_idle(pairs)
    for campaign, summary in pairs:
        key = f"c{campaign.pk}"
        figures = campaign_figures(campaign, summary, idle[campaign.pk])
        cards.append(
            {
                "campaign": campaign,
                "key": key,
                "state": marks.state_badge(Campaign.State, campaign.state, f"{key}.state"),
                "picture": marks.picture(key, summary),
                "figures": [
                    (words, f"{key}.{name}", figures[f"{key}.{name}"])
                    for words, name in [
                        (_("leads"), "total"),
                        (_("done"), "done"),
                        (_("in a call"), "in_flight"),
                        (_("calls dialed"), "attempts"),
                    ]
                ],
                "results": [
                    (
                        status.label,
                        status.lower().replace("_", "-"),
                        f"{key}.{status}",
                        figures[f"{key}.{status}"],
                    )
                    for status in marks.PICTURE_ORDER
                    if status != LeadStatus.NOT_CALLED
                ],
                "next_due": figures[f"{key}.next_due"],
                "center": campaign.queue.contact_center,
                "center_state": marks.state_badge(ContactCenter.State, campaign.queue.contact_center.state),
                "why": figures[f"{key}.why"],
                "url": reverse("admin:campaigns_campaign_summary", args=[campaign.pk]),
            }
        )
    return {
        "cards": cards,
        "shows_campaigns": True,
        "live_campaigns": ",".join(str(card["campaign"].pk) for card in cards),
        "may_add_campaign": scope.may(request.user, scope.Action.ADD, Campaign),
    }


def _parts() -> dict[str, Any]:
    """Health, for Masters."""
    checks = [(health.PART_NAMES[check.part], check) for check in health.examine()]
    failing = DialerPort.objects.filter(
        enabled=True, state__in=[DialerPort.State.FAILED, DialerPort.State.UNREACHABLE]
    )[:5]
    centers = ContactCenter.objects.all()[:10]
    held = DialerPort.objects.exclude(worker="").order_by().values_list("worker", flat=True).distinct()
    return {
        "checks": [
            (
                part,
                marks.badge(_("works"), marks.GOOD)
                if check.ok
                else marks.badge(_("does not work"), marks.BAD),
                check,
            )
            for part, check in checks
        ],
        "failing_ports": list(failing),
        "centers": [(center, marks.state_badge(ContactCenter.State, center.state)) for center in centers],
        "workers": sorted(held),
    }
