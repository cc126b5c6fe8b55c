"""Schedules: the days of a campaign (SPEC 5)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminSingleTimeWidget

from accounts import scope
from accounts.models import User
from accounts.scope import Action
from campaigns import services
from campaigns.models import Campaign, Schedule
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm, add_refusal
from dialer_project.pages import marks
from dialer_project.pages.campaign_bar import (
    CampaignBarOnList,
    campaign_bar,
    chosen_campaign,
    named_campaign,
    why_fixed,
)
from dialer_project.pages.filters import CampaignFilter
from dialer_project.times import clock, day_words


class ScheduleForm(ServiceForm):
    class Meta:
        model = Schedule
        fields = ["campaign", "date", "start_time", "end_time"]
        widgets = {
            "campaign": UnfoldAdminSelectWidget,
            "start_time": UnfoldAdminSingleTimeWidget(format="%H:%M"),
            "end_time": UnfoldAdminSingleTimeWidget(format="%H:%M"),
        }

    def write(self, fields: dict[str, Any]) -> Schedule:
        hours = fields["start_time"], fields["end_time"]
        if self.is_new:
            return services.add_schedule(self.actor, fields["campaign"], fields["date"], *hours)
        return services.change_schedule(self.actor, self.instance, *hours)


def clock_input() -> forms.TimeInput:
    """24 hours, as typed: a browser's own field would show AM and PM to some."""
    return forms.TimeInput(format="%H:%M", attrs={"class": " ".join(INPUT_CLASSES), "placeholder": "08:00"})


class HoursForm(forms.Form):
    """New hours for all remaining days."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    start_time = forms.TimeField(label=gettext_lazy("From"), widget=clock_input())
    end_time = forms.TimeField(label=gettext_lazy("Until"), widget=clock_input())


@admin.register(Schedule)
class ScheduleAdmin(CampaignBarOnList, ScopedModelAdmin):
    form = ScheduleForm
    bar_tab = "schedules"
    list_display = ["day", "campaign", "hours", "state_now", "actions_of_row"]
    list_display_links = None
    list_filter = [("campaign", CampaignFilter), "state", "date"]
    list_filter_sheet = True
    list_per_page = 31
    search_fields = ["campaign__name"]
    search_help_text = gettext_lazy("Campaign")
    ordering = ["date", "campaign__name"]
    empty_words = gettext_lazy("A campaign brings its schedules along: one for each chosen day of its dates.")
    change_form_outer_before_template = "dialer/campaign_bar.html"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """A list of one campaign has none: they are all of the same name."""
        return [] if chosen_campaign(request) else self.search_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        return super().get_queryset(request).select_related("campaign")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = list(super().get_list_display(request))
        if chosen_campaign(request):
            columns.remove("campaign")
        if not self.has_change_permission(request):
            columns.remove("actions_of_row")
        return columns

    @admin.display(description=gettext_lazy("date"), ordering="date")
    def day(self, schedule: Schedule) -> str:
        return day_words(schedule.date)

    @admin.display(description=gettext_lazy("hours"), ordering="opens_at")
    def hours(self, schedule: Schedule) -> str:
        zone = schedule.campaign.zone
        return f"{schedule.start_time:%H:%M} – {clock(schedule.date, schedule.end_time, zone)}"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_now(self, schedule: Schedule) -> SafeString:
        return marks.state_badge(Schedule.State, schedule.state)

    @admin.display(description="")
    def actions_of_row(self, schedule: Schedule) -> SafeString:
        if schedule.campaign.is_being_deleted:
            return SafeString("–")
        if schedule.campaign.is_started:
            return SafeString(f'<span class="d-small">{_("stop the campaign to change")}</span>')
        found = [marks.link(self.url("delete", schedule.pk), _("Remove"))]
        if schedule.closes_at > timezone.now():
            found.insert(0, marks.link(self.url("change", schedule.pk), _("Change")))
        return SafeString(" · ".join(found))

    # --- form -----------------------------------------------------------------------------------------
    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        context["show_save_and_continue"] = False
        schedule = context.get("original")
        campaign = schedule.campaign if schedule else named_campaign(request)
        if campaign is not None:
            context["campaign_bar"] = campaign_bar(request, campaign, "schedules")
        return super().render_change_form(request, context, *args, **kwargs)

    def why_locked(self, row: Schedule) -> str:
        return why_fixed(row.campaign)

    def choices(self, request: HttpRequest, db_field: Any) -> QuerySet[Any]:
        """Only stopped campaigns get another day."""
        return super().choices(request, db_field).filter(state=Campaign.State.STOPPED)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["campaign", "date"] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        fixed = isinstance(obj, Schedule) and (not obj.campaign.is_stopped or obj.closes_at <= timezone.now())
        return not fixed and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        fixed = isinstance(obj, Schedule) and not obj.campaign.is_stopped
        return not fixed and super().has_delete_permission(request, obj)

    def response_post_save_add(self, request: HttpRequest, obj: Schedule) -> HttpResponse:
        return HttpResponseRedirect(self.list_of(obj.campaign))

    response_post_save_change = response_post_save_add

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        messages.success(request, _("The schedule was removed."))
        return HttpResponseRedirect(self.list_of(request.__dict__["campaign_of_removed"]))

    def list_of(self, campaign: Campaign) -> str:
        return f"{self.url('changelist')}?campaign__id__exact={campaign.pk}"

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        request.__dict__["campaign_of_removed"] = obj.campaign
        super().delete_model(request, obj)

    def remove(self, actor: User, obj: Schedule) -> None:
        services.remove_schedule(actor, obj)

    # --- all remaining days -----------------------------------------------------------------------------
    def pages(self) -> list[Any]:
        return [("hours/<int:pk>/", "hours", self.hours_view)]

    def hours_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """New hours for today's schedule, if not over, and all later ones (SPEC 5)."""
        campaign = scope.visible(request.user, Campaign.objects.filter(pk=pk)).first()
        if campaign is None:
            raise Http404
        scope.require(request.user, Action.CHANGE, campaign)
        initial = {
            "start_time": campaign.start_time,
            "end_time": campaign.end_time,
            "seen": services.calendar_seen(campaign),
        }
        form = HoursForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                changed = services.change_remaining_schedules(
                    request.user,  # type: ignore[arg-type]
                    campaign,
                    form.cleaned_data["start_time"],
                    form.cleaned_data["end_time"],
                    seen=form.cleaned_data["seen"],
                )
            except ValidationError as refusal:
                add_refusal(form, refusal)
            else:
                words = ngettext(
                    "%(count)d schedule has new hours.", "%(count)d schedules have new hours.", changed
                )
                messages.success(request, words % {"count": changed})
                return HttpResponseRedirect(self.list_of(campaign))
        context = self.page_context(
            request,
            _("Edit all remaining"),
            original=campaign,
            form=form,
            campaign_bar=campaign_bar(request, campaign, "schedules"),
            explanation=_(
                "The new hours hold for today, if its schedule is not over, and for all later days. Past days stay."
            ),
            submit=_("Change all remaining"),
            cancel_url=self.list_of(campaign),
        )
        return TemplateResponse(request, "dialer/form_page.html", context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Of one stopped campaign: with the ways to add a day and to change all."""
        campaign = chosen_campaign(request)
        more: dict[str, Any] = dict(extra_context or {})
        if campaign is not None and campaign.is_stopped and self.has_change_permission(request):
            more["bar_links"] = [
                (reverse("admin:campaigns_schedule_add") + f"?campaign={campaign.pk}", "add", _("Add a day")),
                (self.url("hours", campaign.pk), "edit_calendar", _("Edit all remaining")),
            ]
        return super().changelist_view(request, more)
