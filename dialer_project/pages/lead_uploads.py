"""Uploading leads: the form, a look at what was recognised, and what came of each file."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from accounts.received_file import require_size
from campaigns.models import Campaign
from dialer_project.admin_base import ServiceForm
from dialer_project.pages.campaign_bar import CampaignBarOnList, campaign_bar, named_campaign
from dialer_project.pages.file_uploads import COUNTS, FileUploadAdmin
from dialer_project.pages.filters import CampaignFilter
from dialer_project.pages.lead_preview import preview_page
from leads import uploads
from leads.models import LeadUpload


class UploadForm(ServiceForm):
    file = forms.FileField(
        label=gettext_lazy("File"),
        validators=[require_size],
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy(
            "CSV or xlsx. One lead a line, name and phone number separated by a comma: Mary Silvester,554183015031. "
            "A header line, a third column with a description, semicolons and tabs are understood."
        ),
    )

    class Meta:
        model = LeadUpload
        fields = ["campaign"]
        widgets = {"campaign": UnfoldAdminSelectWidget}

    def write(self, fields: dict[str, Any]) -> LeadUpload:
        """Nothing is imported before the sender has seen what was recognised."""
        file = fields["file"]
        return uploads.hold(self.actor, fields["campaign"], file, file.name)


@admin.register(LeadUpload)
class LeadUploadAdmin(CampaignBarOnList, FileUploadAdmin):
    empty_words = gettext_lazy("Lead files are uploaded on the page of their campaign.")
    form = UploadForm
    bar_tab = "uploads"
    add_fieldsets = [(None, {"fields": ["campaign", "file"]})]
    fieldsets = [
        (None, {"fields": ["campaign", "file_name", "uploader", "uploaded"]}),
        (gettext_lazy("What came of it"), {"fields": ["progress", "problem", *COUNTS, "refused"]}),
    ]
    list_display = ["file_name", "campaign", "uploaded", "uploader", "state_now", *COUNTS, "refused"]
    list_filter = [("campaign", CampaignFilter), "state"]
    change_form_outer_before_template = "dialer/campaign_bar.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LeadUpload]:
        return super().get_queryset(request).select_related("campaign")

    def zone(self, upload: LeadUpload) -> Any:
        return upload.campaign.zone

    def choices(self, request: HttpRequest, db_field: Any) -> QuerySet[Any]:
        """Leads change only while the campaign is stopped (G 6.4), unless the installation lets files in."""
        rows = super().choices(request, db_field)
        if rows.model is not Campaign:
            return rows
        started = [Campaign.State.STARTED] if settings.UPLOAD_TO_STARTED else []
        return rows.filter(state__in=[Campaign.State.STOPPED, *started])

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        upload = self.get_object(request, object_id)
        if upload is not None and upload.state == LeadUpload.State.HELD:
            return HttpResponseRedirect(self.url("preview", upload.pk))
        return super().change_view(request, object_id, *args, **kwargs)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        upload = context.get("original")
        campaign = upload.campaign if upload is not None else named_campaign(request)
        if campaign is not None:
            context["campaign_bar"] = campaign_bar(request, campaign, "uploads")
        if upload is None:
            context["title"] = _("Upload leads")
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        if obj.state == LeadUpload.State.HELD:
            return HttpResponseRedirect(self.url("preview", obj.pk))
        return super().response_add(request, obj, post_url_continue)

    def pages(self) -> list[Any]:
        return [*super().pages(), ("<int:pk>/preview/", "preview", self.preview_view)]

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return preview_page(self, request, self.scoped(request, pk))
