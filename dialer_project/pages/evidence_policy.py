"""What is kept of analysed calls, and for how long: one page of settings for Masters."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from dialer_project.admin_base import ScopedModelAdmin, ServiceForm
from leads import evidence
from leads.models import EvidencePolicy


class EvidencePolicyForm(ServiceForm):
    class Meta:
        model = EvidencePolicy
        fields = ["keep_sound", "sound_days", "evidence_days"]

    def write(self, fields: dict[str, Any]) -> EvidencePolicy:
        return evidence.change_policy(self.actor, **fields)


@admin.register(EvidencePolicy)
class EvidencePolicyAdmin(ScopedModelAdmin):
    """The list is the one row's page."""

    form = EvidencePolicyForm
    fieldsets = [(None, {"fields": ["keep_sound", "sound_days", "evidence_days"]})]

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The row, with the defaults while nobody has saved one."""
        rows: QuerySet[EvidencePolicy] = self.get_queryset(request)
        if object_id != "1" or not self.has_view_permission(request):
            return None
        return rows.filter(pk=1).first() or evidence.save_defaults()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        return HttpResponseRedirect(self.url("change", 1))

    def response_change(self, request: HttpRequest, obj: EvidencePolicy) -> HttpResponse:
        messages.success(request, _("Saved. It holds for calls from now on; what is kept goes in its time."))
        return HttpResponseRedirect(self.url("change", 1))
