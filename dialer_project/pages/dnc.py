"""Do-not-call: the numbers of the embedded list, removals from it, and the services that are asked."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts import scope
from accounts.scope import Action
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm, add_refusal
from dialer_project.pages import kept_paginator, marks
from dialer_project.pages.dnc_list import DncNumberChangeList, UncountedPaginator
from dnc import selectors, services
from dnc.models import DncNumber, DncRemoval


class NumberForm(ServiceForm):
    number = forms.CharField(label=gettext_lazy("Number"), widget=UnfoldAdminTextInputWidget, max_length=40)
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=UnfoldAdminTextInputWidget, max_length=200)

    class Meta:
        model = DncNumber
        fields = ["reason"]

    def write(self, fields: dict[str, Any]) -> DncNumber:
        row, is_new = services.put_number(
            self.actor, fields["number"], fields["reason"], source=_("web page")
        )
        row.__dict__["was_listed"] = not is_new
        return row


class RemovalForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


@admin.register(DncNumber)
class DncNumberAdmin(ScopedModelAdmin):
    form = NumberForm
    list_display = ["number", "reason", "source", "added_by", "added_at", "take_off"]
    list_display_links = None
    list_per_page = 50
    paginator = UncountedPaginator  # counting ten million rows for a page number would take a second
    search_fields = ["number"]
    search_help_text = gettext_lazy("First digits of the number, with country code")
    ordering = ["number"]
    list_before_template = "dialer/list_links.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DncNumber]:
        return super().get_queryset(request).select_related("added_by")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return selectors.numbers_beginning_with(queryset, search_term), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DncNumberChangeList]:
        return DncNumberChangeList

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any) -> Any:
        if "found" in request.__dict__:
            return kept_paginator.paginator(request, queryset, per_page)
        return super().get_paginator(request, queryset, per_page, *args)

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = list(super().get_list_display(request))
        if not self.has_delete_permission(request):
            columns.remove("take_off")
        return columns

    @admin.display(description="")
    def take_off(self, number: DncNumber) -> SafeString:
        return marks.link(self.url("delete", number.pk), _("Take off the list"))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ["number", "reason"]})]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        more = dict(extra_context or {})
        if self.has_add_permission(request):
            more["bar_links"] = [(reverse("admin:dnc_dncupload_add"), "upload_file", _("Upload numbers"))]
        return super().changelist_view(request, more)

    def response_add(
        self, request: HttpRequest, obj: DncNumber, post_url_continue: Any = None
    ) -> HttpResponse:
        if obj.__dict__.get("was_listed"):
            words = _("%(number)s was on the do-not-call list already: %(who)s, %(when)s. Reason: %(reason)s")
            values = {
                "number": obj.number,
                "who": obj.added_by or "–",
                "when": date_format(obj.added_at, "SHORT_DATE_FORMAT"),
                "reason": obj.reason or "–",
            }
            messages.warning(request, words % values)
        else:
            messages.success(request, _("%(number)s is on the do-not-call list.") % {"number": obj.number})
        return HttpResponseRedirect(self.url("changelist"))

    # --- a number leaves with a reason --------------------------------------------------------------
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        scope.require(request.user, Action.DELETE, DncNumber)
        if gone := selectors.removal_of(object_id):
            return self._gone_already(request, gone)
        number = self.scoped(request, object_id, Action.DELETE)
        form = RemovalForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                services.remove_number(request.user, str(number.pk), form.cleaned_data["reason"])  # type: ignore[arg-type]
            except ValidationError as refusal:
                add_refusal(form, refusal)
            else:
                messages.success(
                    request, _("%(number)s is off the do-not-call list.") % {"number": number.pk}
                )
                return HttpResponseRedirect(self.url("changelist"))
        context = self.page_context(
            request,
            _("Take off the list"),
            original=number,
            form=form,
            explanation=_("The number may be called again. Who took it off, when and why is kept."),
            submit=_("Take off the list"),
            cancel_url=self.url("changelist"),
        )
        return TemplateResponse(request, "dialer/form_page.html", context)

    def _gone_already(self, request: HttpRequest, removal: DncRemoval) -> HttpResponse:
        """Somebody else was quicker."""
        words = _("%(who)s has taken %(number)s off the do-not-call list already.")
        messages.warning(request, words % {"who": removal.removed_by or "–", "number": removal.number})
        return HttpResponseRedirect(self.url("changelist"))


@admin.register(DncRemoval)
class DncRemovalAdmin(ScopedModelAdmin):
    list_display = ["number", "reason", "removed_by", "removed_at"]
    list_display_links = None
    search_fields = ["number", "reason"]
    search_help_text = gettext_lazy("First digits of the number, or words of the reason")
    empty_words = gettext_lazy("No number has been taken off the list.")
    list_per_page = 50
    list_select_related = ["removed_by"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return selectors.removals_found(queryset, search_term), False
