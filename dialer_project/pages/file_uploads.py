"""What the pages of all kinds of uploaded files share: the list, how far an import is, the refused rows as CSV."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dialer_project.admin_base import ScopedModelAdmin
from dialer_project.pages import marks, upload_progress
from dialer_project.times import in_zone
from uploads.models import FileUpload

COUNTS = ["added_now", "duplicate_now", "invalid_now"]


class FileUploadAdmin(ScopedModelAdmin):
    """Base of the admin classes of uploads; subclasses name their form and what else their kind has."""

    list_filter_sheet = True
    search_fields = ["file_name"]
    ordering = ["-uploaded_at"]
    readonly_fields = ["uploaded", "uploader", "progress", "problem", *COUNTS, "refused"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("uploaded_by").defer("refused_rows")

    def zone(self, upload: Any) -> Any:
        """In which the upload's times are shown."""
        return ZoneInfo(timezone.get_current_timezone_name())

    @admin.display(description=gettext_lazy("uploaded"), ordering="uploaded_at")
    def uploaded(self, upload: FileUpload) -> str:
        return in_zone(upload.uploaded_at, self.zone(upload))

    @admin.display(description=gettext_lazy("uploaded by"), ordering="uploaded_by__username")
    def uploader(self, upload: FileUpload) -> str:
        """Without a link: who uploads need not see users."""
        return str(upload.uploaded_by or "–")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_now(self, upload: FileUpload) -> SafeString:
        return marks.state_badge(FileUpload.State, upload.state)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, upload: FileUpload) -> SafeString:
        return upload_progress.bar(upload, self.url("progress", upload.pk))

    @admin.display(description=gettext_lazy("error"))
    def problem(self, upload: FileUpload) -> SafeString:
        return marks.figure(upload_progress.key(upload, "error"), upload.error or "–")

    @admin.display(description=gettext_lazy("added"), ordering="added")
    def added_now(self, upload: FileUpload) -> SafeString:
        return marks.figure(upload_progress.key(upload, "added"), upload.added)

    @admin.display(description=gettext_lazy("duplicate"), ordering="duplicate")
    def duplicate_now(self, upload: FileUpload) -> SafeString:
        return marks.figure(upload_progress.key(upload, "duplicate"), upload.duplicate)

    @admin.display(description=gettext_lazy("invalid"), ordering="invalid")
    def invalid_now(self, upload: FileUpload) -> SafeString:
        return marks.figure(upload_progress.key(upload, "invalid"), upload.invalid)

    @admin.display(description=gettext_lazy("refused rows"))
    def refused(self, upload: FileUpload) -> SafeString:
        return upload_progress.refused_link(upload, self.url("refused", upload.pk))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        upload = context.get("original")
        if upload is not None:
            context["title"] = upload.file_name
        else:
            context["show_save_and_continue"] = context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
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
        if obj.has_refused:
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
