"""Files of numbers for the embedded do-not-call list: the form, how far a load is, and what came of it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldBooleanSwitchWidget

from accounts import scope
from accounts.received_file import require_size
from accounts.scope import Action
from dialer_project.admin_base import ServiceForm
from dialer_project.pages import marks, upload_progress
from dialer_project.pages.file_uploads import COUNTS, FileUploadAdmin
from dnc import uploads
from dnc.models import DncNumber, DncUpload


class NumbersFileForm(ServiceForm):
    file = forms.FileField(
        label=gettext_lazy("File"),
        validators=[require_size],
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy("One number a line; of several columns the first counts."),
    )
    newest = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = DncUpload
        fields = ["replace"]
        widgets = {"replace": UnfoldBooleanSwitchWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "newest" in self.fields:
            self.initial["newest"] = uploads.newest()

    def write(self, fields: dict[str, Any]) -> DncUpload:
        file = fields["file"]
        return uploads.receive(
            self.actor, file, file.name, replace=fields.get("replace", False), seen=fields.get("newest")
        )


@admin.register(DncUpload)
class DncUploadAdmin(FileUploadAdmin):
    form = NumbersFileForm
    empty_words = gettext_lazy("Each file of numbers is listed here, with what came of it.")
    fieldsets = [
        (None, {"fields": ["file_name", "replace", "uploader", "uploaded"]}),
        (
            gettext_lazy("What came of it"),
            {"fields": ["progress", "problem", *COUNTS, "removed_now", "refused"]},
        ),
    ]
    list_display = ["file_name", "uploaded", "uploader", "state_now", *COUNTS, "removed_now", "refused"]
    list_filter = ["state", "replace"]
    readonly_fields = [*FileUploadAdmin.readonly_fields, "removed_now"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return self.fieldsets
        may_replace = scope.may(request.user, Action.DELETE, DncNumber)
        return [(None, {"fields": ["file", "replace", "newest"] if may_replace else ["file"]})]

    @admin.display(description=gettext_lazy("taken off"), ordering="removed")
    def removed_now(self, upload: DncUpload) -> Any:
        return marks.figure(upload_progress.key(upload, "removed"), upload.removed)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        if context.get("original") is None:
            context["title"] = _("Upload numbers")
        return super().render_change_form(request, context, *args, **kwargs)
