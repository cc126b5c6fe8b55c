"""Unfold's settings: name, colours and the sidebar, where each role sees what it may see."""

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


def _seen(label: str) -> Callable[[HttpRequest], bool]:
    """Whether the signed-in user may see rows of the model."""

    def permission(request: HttpRequest) -> bool:
        from accounts import scope

        return scope.may(request.user, scope.Action.VIEW, apps.get_model(label))

    return permission


def _item(title: str | Promise, icon: str, label: str) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{label.replace('.', '_')}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": _seen(label)}


_SIDEBAR: list[dict[str, Any]] = [
    {
        "items": [{"title": _("Overview"), "icon": "monitoring", "link": reverse_lazy("admin:index")}],
    },
    {
        "title": _("Campaigns"),
        "items": [
            _item(_("Campaigns"), "campaign", "campaigns.campaign"),
            {
                "title": _("Wallboard"),
                "icon": "tv",
                "link": reverse_lazy("admin:wallboard"),
                "permission": _seen("campaigns.campaign"),
            },
            _item(_("Schedules"), "calendar_month", "campaigns.schedule"),
            _item(_("Leads"), "contacts", "leads.lead"),
            _item(_("Lead uploads"), "upload_file", "leads.leadupload"),
            _item(_("Call attempts"), "call", "leads.callattempt"),
            {
                "title": _("Detection accuracy"),
                "icon": "fact_check",
                "link": reverse_lazy("admin:detection"),
                "permission": _seen("leads.amdlabel"),
            },
        ],
    },
    {
        "title": _("Do-not-call"),
        "items": [
            _item(_("Numbers"), "phone_disabled", "dnc.dncnumber"),
            _item(_("Number uploads"), "upload_file", "dnc.dncupload"),
            _item(_("Removals"), "history", "dnc.dncremoval"),
            _item(_("Services"), "rule", "dnc.dncservice"),
        ],
    },
    {
        "title": _("People"),
        "items": [
            _item(_("Users"), "person", "accounts.user"),
            _item(_("Dialer groups"), "groups", "groups.dialergroup"),
            _item(_("Wrong passwords"), "lock", "accounts.signinlock"),
            _item(_("Changes"), "manage_history", "accounts.change"),
        ],
    },
    {
        "title": _("Telephony"),
        "items": [
            _item(_("Dialer ports"), "settings_phone", "telephony.dialerport"),
            _item(_("Carriers"), "call_split", "telephony.carrier"),
            _item(_("Contact centres"), "support_agent", "telephony.contactcenter"),
            _item(_("Queues"), "queue", "telephony.queue"),
            _item(_("Call results"), "rule", "telephony.resultrule"),
            _item(_("Evidence of detections"), "graphic_eq", "leads.evidencepolicy"),
        ],
    },
    {
        "title": _("System"),
        "items": [
            {
                "title": _("Diagnostics"),
                "icon": "stethoscope",
                "link": reverse_lazy("admin:diagnostics"),
                # else Unfold marks it on the pages below its address, too
                "active": lambda request: request.path == reverse_lazy("admin:diagnostics"),
                "permission": lambda request: getattr(request.user, "role", None) == "MASTER",
            },
            {
                "title": _("Leaks and repairs"),
                "icon": "plumbing",
                "link": reverse_lazy("admin:leaks"),
                "permission": lambda request: getattr(request.user, "role", None) == "MASTER",
            },
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Dialer"),
    "SITE_HEADER": _("Dialer"),
    "SITE_SYMBOL": "phone_forwarded",
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("dialer/icon.svg")}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "dialer_project.pages.dashboard.dashboard",
    "STYLES": [
        lambda request: static("dialer/dialer.css"),
        lambda request: static("dialer/evidence.css"),
    ],
    "SCRIPTS": [lambda request: static("dialer/dialer.js")],
    "ACCOUNT": {"navigation": "dialer_project.navigation.account_links"},
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": _SIDEBAR},
    "COLORS": {
        # Petrol: readable on white (6.0:1 at 600) and on the dark ground, and apart from every status colour.
        "primary": {
            "50": "oklch(97.5% .013 220)",
            "100": "oklch(94.3% .03 220)",
            "200": "oklch(89% .055 220)",
            "300": "oklch(81% .09 221)",
            "400": "oklch(72% .115 222)",
            "500": "oklch(62% .115 224)",
            "600": "oklch(50% .095 226)",
            "700": "oklch(44% .082 227)",
            "800": "oklch(38% .07 228)",
            "900": "oklch(33% .058 229)",
            "950": "oklch(25% .045 230)",
        },
    },
}


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """Of the user's menu: a Master's own password; nobody else sets one (SPEC 2)."""
    from accounts.models import Role

    if getattr(request.user, "role", None) != Role.MASTER:
        return [{"title": _("Overview"), "link": reverse_lazy("admin:index")}]
    return [{"title": _("Change password"), "link": reverse_lazy("admin:password_change")}]
