"""Leads: the list of those not yet done, and the page of one lead that tells its calls."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import scope
from accounts.models import User
from accounts.paging import LargePaginator
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm
from dialer_project.pages import kept_paginator, marks
from dialer_project.pages.campaign_bar import (
    CampaignBarOnList,
    campaign_bar,
    chosen_campaign,
    why_fixed,
)
from dialer_project.pages.exports import ExportedList
from dialer_project.pages.filters import CampaignFilter, NotYetDoneFilter
from dialer_project.pages.kept_paginator import KeptCountChangeList
from dialer_project.times import in_zone
from dialing.story import Story, story
from leads import export, search, services
from leads.causes import verdict_cause
from leads.models import CallAttempt, Lead, LeadStatus


class LeadForm(ServiceForm):
    class Meta:
        model = Lead
        fields = ["name", "description", "phone_number"]

    def write(self, fields: dict[str, Any]) -> Lead:
        return services.update_lead(self.actor, self.instance, **fields)


@admin.register(Lead)
class LeadAdmin(ExportedList, CampaignBarOnList, ScopedModelAdmin):
    exported = staticmethod(export.leads)
    form = LeadForm
    bar_tab = "leads"
    stays_words = gettext_lazy("The records of its calls are kept.")
    without_filters: ClassVar = {NotYetDoneFilter.parameter_name: "all"}
    empty_words = gettext_lazy("Leads come by upload, on the page of a stopped campaign.")
    list_display = ["name", "phone_number", "campaign", "status_now", "attempts", "due"]
    list_display_links = ["name"]
    list_filter = [NotYetDoneFilter, "status", ("campaign", CampaignFilter)]
    list_filter_sheet = True
    list_per_page = 25
    search_fields = ["name", "phone_number"]
    search_help_text = gettext_lazy("Name or number")
    ordering = ["id"]
    actions = ["remove_chosen"]
    readonly_fields = ["campaign", "status_now", "attempts", "due"]
    change_form_outer_before_template = "dialer/campaign_bar.html"
    change_form_outer_after_template = "dialer/lead_story.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeptCountChangeList]:
        return KeptCountChangeList

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any) -> LargePaginator:
        return kept_paginator.paginator(request, queryset, per_page)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        more = {"segments": NotYetDoneFilter.segments(request), **(extra_context or {})}
        return super().changelist_view(request, more)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lead]:
        return super().get_queryset(request).select_related("campaign")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return search.matching(queryset, search_term), False

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = list(super().get_list_display(request))
        if chosen_campaign(request):
            columns.remove("campaign")
        return columns

    def get_actions(self, request: HttpRequest) -> Any:
        """Of a campaign that is not stopped no lead is removed, so none is chosen."""
        campaign = chosen_campaign(request)
        return {} if campaign is not None and not campaign.is_stopped else super().get_actions(request)

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_now(self, lead: Lead) -> SafeString:
        return marks.state_badge(LeadStatus, lead.status)

    @admin.display(description=gettext_lazy("next attempt"), ordering="next_attempt_at")
    def due(self, lead: Lead) -> Any:
        waits = lead.pool == Lead.Pool.WAITING
        if waits and lead.attempts and lead.next_attempt_at > timezone.now():
            return in_zone(lead.next_attempt_at, lead.campaign.zone)
        if lead.campaign.is_being_deleted:
            return "–"
        if waits and not lead.campaign.is_started:
            return _("when the campaign is started")
        if waits:
            return _("as soon as an agent is free")
        return marks.state_badge(Lead.Pool, lead.pool)

    # --- form -----------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            (None, {"fields": ["name", "description", "phone_number"]}),
            (_("Where it stands"), {"fields": ["campaign", "status_now", "attempts", "due"]}),
        ]

    def why_locked(self, row: Lead) -> str:
        return why_fixed(row.campaign)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leads come by upload."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        fixed = isinstance(obj, Lead) and not obj.campaign.is_stopped
        return not fixed and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        fixed = isinstance(obj, Lead) and not obj.campaign.is_stopped
        return not fixed and super().has_delete_permission(request, obj)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        lead = context.get("original")
        if lead is not None:
            context["title"] = lead.name
            context["campaign_bar"] = campaign_bar(request, lead.campaign, "leads")
            told = story(request.user, lead, timezone.now())
            context["story"], context["next_call"] = story_rows(told), told.next_call.why
        return super().render_change_form(request, context, *args, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The records of a lead's calls stay, so nothing but the lead goes."""
        return [str(lead) for lead in objs], {_("Leads"): len(objs)}, set(), []

    def remove(self, actor: User, obj: Lead) -> None:
        services.remove_lead(actor, obj)

    @admin.action(description=gettext_lazy("Remove the chosen leads"), permissions=["delete"])
    def remove_chosen(self, request: HttpRequest, queryset: QuerySet[Lead]) -> HttpResponse | None:
        """Removes one by one, each with its own check; those of a started campaign stay, and it is said."""
        removed, refusals = 0, set()
        for lead in scope.visible(request.user, queryset):
            try:
                services.remove_lead(request.user, lead)  # type: ignore[arg-type]
            except (ValidationError, PermissionDenied) as refusal:
                refusals.update(refusal.messages if isinstance(refusal, ValidationError) else [str(refusal)])
            else:
                removed += 1
        for words in sorted(refusals):
            messages.error(request, words)
        if removed:
            words = ngettext("%(count)d lead was removed.", "%(count)d leads were removed.", removed)
            messages.success(request, words % {"count": removed})
        return None


def story_rows(told: Story) -> list[dict[str, Any]]:
    """The lead's attempts, oldest first: times, result, what the network said, what the detector heard."""
    zone = told.lead.campaign.zone

    def wall(instant: datetime | None) -> str:
        return f"{instant.astimezone(zone):%H:%M:%S}" if instant else ""

    return [
        {
            "number": call.attempt.number or "–",
            "began": in_zone(call.attempt.started_at or call.attempt.claimed_at, zone, seconds=True),
            "answered": wall(call.attempt.answered_at),
            "transferred": wall(call.attempt.transferred_at),
            "ended": wall(call.attempt.ended_at),
            "result": result_mark(call.attempt),
            "network": network_words(call.attempt),
            "amd": amd_words(call.attempt),
            "audio": audio_words(call.attempt),
            "early": call.early_media,
            "why": call.why,
        }
        for call in told.calls
    ]


def result_mark(attempt: CallAttempt) -> SafeString:
    """The result; while there is none, the state."""
    if attempt.result:
        return marks.state_badge(LeadStatus, attempt.result)
    return marks.badge(attempt.get_state_display(), marks.INFO if attempt.ended_at is None else marks.QUIET)


def network_words(attempt: CallAttempt) -> str:
    parts = [f"SIP {attempt.sip_code}" if attempt.sip_code else ""]
    parts.append(f"Q.850 {attempt.q850_cause}" if attempt.q850_cause else "")
    return ", ".join(part for part in parts if part)


def audio_words(attempt: CallAttempt) -> str:
    """Loss, jitter and round trip of an answered call: what a bad trunk shows first."""
    media = attempt.media_quality
    if not media:
        return ""
    words = [
        _("%(lost)d of %(packets)d packets lost")
        % {"lost": media["lost"], "packets": media["packets_in"] + media["lost"]},
        _("jitter %(ms)s ms") % {"ms": media["jitter_ms"]},
    ]
    if media["round_trip_ms"] is not None:
        words.append(_("round trip %(ms)s ms") % {"ms": media["round_trip_ms"]})
    if media["encryption"]:
        words.append("SRTP")
    return ", ".join(words)


def amd_words(attempt: CallAttempt) -> str:
    if not attempt.amd_verdict:
        return ""
    after = f" ({attempt.amd_decision_ms} ms)" if attempt.amd_decision_ms is not None else ""
    words = verdict_cause(attempt)
    cause = f": {words}" if words else ""
    return f"{attempt.amd_verdict}{after}{cause}"
