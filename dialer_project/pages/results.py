"""The table that makes a result of the network's answer; Masters change it (SPEC 6)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dialer_project.pages import marks
from dialer_project.pages.telephony import SetupAdmin, SetupForm
from leads.models import LeadStatus
from telephony import result_table
from telephony.models import ResultRule


class ResultRuleForm(SetupForm):
    class Meta:
        model = ResultRule
        fields = ["heard", "sip_code", "q850_cause", "result"]


@admin.register(ResultRule)
class ResultRuleAdmin(SetupAdmin):
    form = ResultRuleForm
    list_display = ["code", "cause", "sound", "result_now"]
    list_filter = ["result", "heard"]
    list_filter_sheet = True
    list_per_page = 50
    search_fields = ["=sip_code"]
    search_help_text = gettext_lazy("SIP code")
    list_before_template = "dialer/list_links.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": ["heard", "sip_code", "q850_cause", "result"]})]

    @admin.display(description=gettext_lazy("SIP code"), ordering="sip_code")
    def code(self, rule: ResultRule) -> str:
        return str(rule.sip_code or _("any"))

    @admin.display(description=gettext_lazy("heard before the answer"), ordering="heard")
    def sound(self, rule: ResultRule) -> str:
        return rule.get_heard_display() if rule.heard else _("anything")

    @admin.display(description=gettext_lazy("Q.850 cause"), ordering="q850_cause")
    def cause(self, rule: ResultRule) -> str:
        return str(rule.q850_cause or _("any other"))

    @admin.display(description=gettext_lazy("result"), ordering="result")
    def result_now(self, rule: ResultRule) -> SafeString:
        return marks.state_badge(LeadStatus, rule.result)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        more = dict(extra_context or {})
        if self._may_restore(request):
            more["bar_links"] = [(self.url("defaults"), "restart_alt", _("Restore the defaults"))]
        return super().changelist_view(request, more)

    def pages(self) -> list[Any]:
        return [("defaults/", "defaults", self.defaults_view)]

    def defaults_view(self, request: HttpRequest) -> HttpResponse:
        if not self._may_restore(request):
            raise PermissionDenied
        if request.method == "POST":
            result_table.restore_defaults(request.user)  # type: ignore[arg-type]
            messages.success(request, _("The result table is as it was installed."))
            return HttpResponseRedirect(self.url("changelist"))
        context = self.page_context(
            request,
            _("Restore the defaults"),
            form=forms.Form(),
            explanation=_(
                "All rules are replaced by those of the installation. Calls that ended keep theirs."
            ),
            submit=_("Restore the defaults"),
            cancel_url=self.url("changelist"),
        )
        return TemplateResponse(request, "dialer/form_page.html", context)

    def _may_restore(self, request: HttpRequest) -> bool:
        return self.has_delete_permission(request) and self.has_add_permission(request)
