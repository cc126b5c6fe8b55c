"""Uploading leads: the form, what came of each file, and its refused rows as CSV."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from accounts.received_file import require_size
from campaigns.models import Campaign
from dialer_project.admin_base import ScopedModelAdmin, ServiceForm
from dialer_project.pages import marks, upload_progress
from dialer_project.pages.campaign_bar import CampaignBarOnList, campaign_bar, named_campaign
from dialer_project.pages.filters import CampaignFilter
from dialer_project.times import in_zone
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
        file = fields["file"]
        return uploads.receive(self.actor, fields["campaign"], file, file.name)


COUNTS = ["added_now", "duplicate_now", "invalid_now"]


@admin.register(LeadUpload)
class LeadUploadAdmin(CampaignBarOnList, ScopedModelAdmin):
    form = UploadForm
    bar_tab = "uploads"
    add_fieldsets = [(None, {"fields": ["campaign", "file"]})]
    fieldsets = [
        (None, {"fields": ["campaign", "file_name", "uploader", "uploaded"]}),
        (gettext_lazy("What came of it"), {"fields": ["progress", "problem", *COUNTS, "refused"]}),
    ]
    list_display = ["file_name", "campaign", "uploaded", "uploader", "state_now", *COUNTS, "refused"]
    list_filter = [("campaign", CampaignFilter), "state"]
    list_filter_sheet = True
    search_fields = ["file_name"]
    ordering = ["-uploaded_at"]
    empty_words = gettext_lazy("Lead files are uploaded on the page of a stopped campaign.")
    readonly_fields = ["uploaded", "uploader", "progress", "problem", *COUNTS, "refused"]
    change_form_outer_before_template = "dialer/campaign_bar.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LeadUpload]:
        rows: QuerySet[LeadUpload] = super().get_queryset(request)
        return rows.select_related("campaign", "uploaded_by").defer("refused_rows")

    def choices(self, request: HttpRequest, db_field: Any) -> QuerySet[Any]:
        """Leads change only while the campaign is stopped (G 6.4)."""
        rows = super().choices(request, db_field)
        return rows.filter(state=Campaign.State.STOPPED) if rows.model is Campaign else rows

    @admin.display(description=gettext_lazy("uploaded"), ordering="uploaded_at")
    def uploaded(self, upload: LeadUpload) -> str:
        return in_zone(upload.uploaded_at, upload.campaign.zone)

    @admin.display(description=gettext_lazy("uploaded by"), ordering="uploaded_by__username")
    def uploader(self, upload: LeadUpload) -> str:
        """Without a link: who uploads leads need not see users."""
        return str(upload.uploaded_by or "–")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_now(self, upload: LeadUpload) -> SafeString:
        return marks.state_badge(LeadUpload.State, upload.state)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, upload: LeadUpload) -> SafeString:
        return upload_progress.bar(upload, self.url("progress", upload.pk))

    @admin.display(description=gettext_lazy("error"))
    def problem(self, upload: LeadUpload) -> SafeString:
        return marks.figure(upload_progress.key(upload, "error"), upload.error or "–")

    @admin.display(description=gettext_lazy("added"), ordering="added")
    def added_now(self, upload: LeadUpload) -> SafeString:
        return marks.figure(upload_progress.key(upload, "added"), upload.added)

    @admin.display(description=gettext_lazy("duplicate"), ordering="duplicate")
    def duplicate_now(self, upload: LeadUpload) -> SafeString:
        return marks.figure(upload_progress.key(upload, "duplicate"), upload.duplicate)

    @admin.display(description=gettext_lazy("invalid"), ordering="invalid")
    def invalid_now(self, upload: LeadUpload) -> SafeString:
        return marks.figure(upload_progress.key(upload, "invalid"), upload.invalid)

    @admin.display(description=gettext_lazy("refused rows"))
    def refused(self, upload: LeadUpload) -> SafeString:
        return upload_progress.refused_link(upload, self.url("refused", upload.pk))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        upload = context.get("original")
        if upload is not None:
            context["title"] = upload.file_name
            context["campaign_bar"] = campaign_bar(request, upload.campaign, "uploads")
        else:
            context["title"] = _("Upload leads")
            context["show_save_and_continue"] = context["show_save_and_add_another"] = False
            if campaign := named_campaign(request):
                context["campaign_bar"] = campaign_bar(request, campaign, "uploads")
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(
        self, request: HttpRequest, obj: LeadUpload, post_url_continue: Any = None
    ) -> HttpResponse:
        """On to the upload's page, with the counts in one sentence when they are known."""
        if not obj.is_over:
            messages.info(
                request, _("The file is large: it is imported in the background. You may leave this page.")
            )
            return HttpResponseRedirect(self.url("change", obj.pk))
        words = _("%(file)s: %(added)d added, %(duplicate)d duplicate, %(invalid)d invalid.") % {
            "file": obj.file_name,
            "added": obj.added,
            "duplicate": obj.duplicate,
            "invalid": obj.invalid,
        }
        if obj.duplicate or obj.invalid:
            messages.warning(request, f"{words} {_('The refused rows can be downloaded below.')}")
        else:
            messages.success(request, words)
        return HttpResponseRedirect(self.url("change", obj.pk))

    def pages(self) -> list[Any]:
        return [
            ("<int:pk>/refused/", "refused", self.refused_view),
            ("<int:pk>/progress/", "progress", self.progress_view),
        ]

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        response = JsonResponse(upload_progress.figures(self.scoped(request, pk)))
        response["Cache-Control"] = "no-store"
        return response

    def refused_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        upload = self.scoped(request, pk)
        if not upload.refused_rows:
            raise Http404
        response = HttpResponse("\ufeff" + upload.refused_rows, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="refused-rows-{upload.pk}.csv"'
        return response
