"""Campaigns: the list with start and stop, the form, the summary, deletion."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.scope import Action
from campaigns import export, selectors, services
from campaigns.models import Campaign
from dialer_project.admin_base import ScopedModelAdmin, refusal_words
from dialer_project.pages import marks
from dialer_project.pages.campaign_bar import campaign_bar, why_fixed
from dialer_project.pages.campaign_form import CampaignForm
from dialer_project.pages.exports import ExportedList
from dialer_project.pages.filters import CampaignGroupFilter, CampaignQueueFilter
from dialer_project.pages.live import campaign_figures
from dialer_project.pages.now import now_card, now_figures
from dialer_project.pages.summary import summary_page
from dialer_project.times import clock


@admin.register(Campaign)
class CampaignAdmin(ExportedList, ScopedModelAdmin):
    exported = staticmethod(export.summaries)
    list_before_template = "dialer/list_links.html"
    form = CampaignForm
    list_display = ["title", "state_now", "type_words", "queue", "group_words", "progress", "run", "menu"]
    list_display_links = None
    list_filter = ["state", "type", ("group", CampaignGroupFilter), ("queue", CampaignQueueFilter)]
    search_fields = ["name", "description"]
    ordering = ["name"]
    stays_words = gettext_lazy("The records of its calls are kept.")
    empty_words = gettext_lazy(
        "A campaign is a list of leads, the days and hours to call them, and the queue that answers."
    )
    readonly_fields = ["calendar", "group_words"]
    change_form_outer_before_template = "dialer/campaign_page.html"
    list_after_template = "dialer/live_list.html"
    list_filter_sheet = True

    # --- list -----------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        return super().get_queryset(request).select_related("group", "queue")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        page = (getattr(response, "context_data", None) or {}).get("cl")
        if page is not None:
            rows = list(page.result_list)
            summaries = selectors.summaries([row.pk for row in rows])
            for row in rows:
                row.progress_now = summaries[row.pk]
                row.request = request
            page.result_list = rows
            page.live_campaigns = ",".join(str(row.pk) for row in rows)
        return response

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def title(self, campaign: Campaign) -> SafeString:
        return SafeString(
            render_to_string(
                "dialer/campaign_title.html", {"campaign": campaign, "url": self.url("change", campaign.pk)}
            )
        )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_now(self, campaign: Campaign) -> SafeString:
        return marks.state_badge(Campaign.State, campaign.state, f"c{campaign.pk}.state")

    @admin.display(description=gettext_lazy("type"), ordering="type")
    def type_words(self, campaign: Campaign) -> str:
        return campaign.type

    @admin.display(description=gettext_lazy("dialer group"), ordering="group__name")
    def group_words(self, campaign: Campaign) -> Any:
        if campaign.group.enabled:
            return campaign.group.name
        return marks.lines([campaign.group.name, marks.badge(_("disabled"))])

    @admin.display(description=gettext_lazy("leads"))
    def progress(self, campaign: Any) -> SafeString:
        return marks.progress(f"c{campaign.pk}", campaign.progress_now)

    @admin.display(description=gettext_lazy("start / stop"))
    def run(self, campaign: Any) -> SafeString:
        request = campaign.request
        if campaign.is_being_deleted or not self._may(request, Action.OPERATE):
            return SafeString("–")
        context = {"campaign": campaign, "next": request.get_full_path(), "token": get_token(request)}
        return SafeString(render_to_string("dialer/run_button.html", context))

    @admin.display(description=gettext_lazy("menu"))
    def menu(self, campaign: Any) -> SafeString:
        context = {"campaign": campaign, "items": campaign_bar(campaign.request, campaign)["tabs"]}
        return SafeString(render_to_string("dialer/row_menu.html", context))

    # --- form -----------------------------------------------------------------------------------------
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Settings change only while the campaign is stopped (G 6.4); the form says so."""
        fixed = isinstance(obj, Campaign) and not obj.is_stopped
        return not fixed and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        fixed = isinstance(obj, Campaign) and not obj.is_stopped
        return not fixed and super().has_delete_permission(request, obj)

    def why_locked(self, row: Campaign) -> str:
        return why_fixed(row)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        dates: list[Any] = ["calendar"]
        if obj is None:
            dates = [
                ("start_date", "end_date"),
                ("start_time", "end_time"),
                "weekdays",
                "time_zone",
            ]
        # A link to the group would lead campaign people to a page that is not theirs.
        group = "group" if self.has_change_permission(request, obj) else "group_words"
        return [
            (None, {"fields": ["name", "description", group]}),
            (_("Calendar"), {"fields": dates}),
            (_("Where answered calls go"), {"fields": ["type", "queue", "pilot_number", "weight"]}),
            (_("Calls"), {"fields": [("max_attempts", "retry_delay"), "ring_timeout", "default_country"]}),
            (
                _("What the called person sees"),
                {"fields": [("caller_name", "caller_number"), "caller_private"]},
            ),
            (
                _("Answering machine detection"),
                {
                    "fields": [
                        "amd_enabled",
                        ("amd_profile", "amd_silence_is"),
                        ("amd_longest_analysis", "amd_shortest_call"),
                        "early_end",
                    ]
                },
            ),
            (_("Checks"), {"fields": ["dnc_service"]}),
        ]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        campaign = context.get("original")
        if campaign is not None:
            context["campaign_bar"] = campaign_bar(request, campaign, active="settings")
            context["title"] = campaign.name
            if not campaign.is_being_deleted:
                context["now"] = now_card(campaign, now_figures(campaign))
                context["live_campaigns"] = campaign.pk
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=gettext_lazy("days and hours"))
    def calendar(self, campaign: Campaign) -> SafeString:
        return SafeString(render_to_string("dialer/calendar_words.html", calendar_words(campaign)))

    # --- further pages ----------------------------------------------------------------------------------
    def pages(self) -> list[Any]:
        return [
            *super().pages(),
            ("<int:pk>/start/", "start", require_POST(self.start_view)),
            ("<int:pk>/stop/", "stop", require_POST(self.stop_view)),
            ("<int:pk>/summary/", "summary", self.summary_view),
        ]

    def start_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.scoped(request, pk, Action.OPERATE)
        try:
            changed = services.start_campaign(request.user, campaign)  # type: ignore[arg-type]
        except ValidationError as refusal:
            campaign.refresh_from_db(fields=["state"])
            return self._answer(request, campaign, refusal=refusal)
        return self._answer(request, campaign, changed=changed)

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        campaign = self.scoped(request, pk, Action.OPERATE)
        changed = services.stop_campaign(request.user, campaign)  # type: ignore[arg-type]
        return self._answer(request, campaign, changed=changed)

    def _answer(
        self,
        request: HttpRequest,
        campaign: Campaign,
        *,
        changed: bool = False,
        refusal: ValidationError | None = None,
    ) -> HttpResponse:
        """For the page's script the new state and the words; without a script, back to the page."""
        odd = selectors.cautions(campaign) if changed and campaign.is_started else []
        if refusal is None and not changed:
            words = [_somebody_was_quicker(campaign)]
        elif refusal is not None:
            reasons = refusal_words(refusal)
            words = [_("“%(name)s” was not started.") % {"name": campaign.name}, *reasons]
        elif campaign.is_started:
            words = [_("“%(name)s” is started.") % {"name": campaign.name}, *odd]
        else:
            words = [_("“%(name)s” is stopped.") % {"name": campaign.name}]
        tone = marks.BAD if refusal is not None else marks.GOOD if changed and not odd else marks.WARN
        if request.headers.get("Accept") == "application/json":
            figures = campaign_figures(campaign, selectors.summary(campaign))
            return JsonResponse({"tone": tone, "words": words, "figures": figures})
        tell = {marks.BAD: messages.error, marks.GOOD: messages.success}.get(tone, messages.warning)
        tell(request, " ".join(words))
        return HttpResponseRedirect(self._back(request))

    def _back(self, request: HttpRequest) -> str:
        address = request.GET.get("next", "")
        safe = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
        return address if safe else self.url("changelist")

    def summary_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page; with `?dialog` its inner part, for the dialog on the list (G 6.4)."""
        campaign = self.scoped(request, pk)
        if "dialog" in request.GET:
            return TemplateResponse(request, "dialer/summary_dialog.html", summary_page(request, campaign))
        context = self.page_context(
            request, _("Summary"), original=campaign, **summary_page(request, campaign)
        )
        return TemplateResponse(request, "dialer/summary.html", context)

    # --- deletion ---------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for caution in selectors.cautions(obj):
            messages.warning(request, caution)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with the campaign, counted: a list of a million leads would help nobody."""
        summaries = selectors.summaries([campaign.pk for campaign in objs])
        counts = {
            _("Schedules"): sum(campaign.schedules.count() for campaign in objs),
            _("Leads"): sum(summary.total for summary in summaries.values()),
            _("Lead uploads"): sum(campaign.uploads.count() for campaign in objs),
        }
        return [str(campaign) for campaign in objs], counts, set(), []

    def delete_model(self, request: HttpRequest, obj: Campaign) -> None:
        request.__dict__["campaign_is_gone"] = services.delete_campaign(request.user, obj)  # type: ignore[arg-type]

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        if request.__dict__["campaign_is_gone"]:
            response: HttpResponse = super().response_delete(request, obj_display, obj_id)
            return response
        words = _("“%(name)s” is being deleted. It is large; its leads go in the background.")
        messages.success(request, words % {"name": obj_display})
        return HttpResponseRedirect(self.url("changelist"))


def _somebody_was_quicker(campaign: Campaign) -> str:
    values = {"name": campaign.name, "who": selectors.last_run_by(campaign)}
    if campaign.is_started:
        words = (
            _("%(who)s has started “%(name)s” already.")
            if values["who"]
            else _("“%(name)s” is started already.")
        )
    else:
        words = (
            _("%(who)s has stopped “%(name)s” already.")
            if values["who"]
            else _("“%(name)s” is stopped already.")
        )
    return words % values


def calendar_words(campaign: Campaign) -> dict[str, Any]:
    """First and last day and hours, as chosen at creation."""
    zone = campaign.zone
    return {
        "campaign": campaign,
        "start": clock(campaign.start_date, campaign.start_time, zone),
        "end": clock(campaign.start_date, campaign.end_time, zone),
        "weekdays": [str(CampaignForm.WEEKDAYS[day]) for day in campaign.weekdays],
    }
