"""A lead file before its import: the first rows as read, which column is what and why, and boxes to correct it.

The page works without a script: "Show again" reads the file by the chosen columns, "Import" imports it so.
"""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import scope
from accounts.scope import Action
from dialer_project.admin_base import add_refusal
from dialer_project.pages.campaign_bar import campaign_bar
from leads import uploads
from leads.columns import Chosen
from leads.lead_file import ENCODINGS
from leads.models import LeadUpload
from leads.preview import MOST_COLUMNS, Preview, PreviewColumn

if TYPE_CHECKING:
    from dialer_project.pages.lead_uploads import LeadUploadAdmin

FIELDS = {
    "name": gettext_lazy("Name"),
    "phone_number": gettext_lazy("Phone number"),
    "description": gettext_lazy("Description"),
}
"""What a column can be taken as."""


def _box(label: Any, **options: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, coerce=int, empty_value=None, required=False, widget=UnfoldAdminSelectWidget, **options
    )


class ChosenForm(forms.Form):
    """What the sender says of the file; filled in with what was recognised."""

    name = _box(FIELDS["name"])
    number = _box(FIELDS["phone_number"])
    description = _box(FIELDS["description"])
    header = _box(
        gettext_lazy("First line"), choices=[(1, gettext_lazy("is a header")), (0, gettext_lazy("is a lead"))]
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("Encoding"),
        required=False,
        choices=list(ENCODINGS.items()),
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._offer([(position, "") for position in range(1, MOST_COLUMNS + 1)])

    def fit(self, found: Preview) -> None:
        """Offers the columns of the file; a workbook has no encoding."""
        self._offer([(column.position, _column_words(column)) for column in found.columns])
        if not found.found.encoding:
            del self.fields["encoding"]

    def _offer(self, columns: list[tuple[int, str]]) -> None:
        fields: dict[str, Any] = dict(self.fields)
        fields["name"].choices = fields["number"].choices = columns
        fields["description"].choices = [(0, _("none")), *columns]

    def chosen(self) -> Chosen:
        said = self.cleaned_data
        header = None if said["header"] is None else bool(said["header"])
        return Chosen(said["name"], said["number"], said["description"], header, said.get("encoding") or None)


def _column_words(column: PreviewColumn) -> str:
    words = _("Column %(number)d") % {"number": column.position}
    return f"{words}: {column.header[:40]}" if column.header else words


def preview_page(model_admin: "LeadUploadAdmin", request: HttpRequest, upload: LeadUpload) -> HttpResponse:
    """Shows the held file; on POST shows it by other columns, imports it, or discards it."""
    scope.require(request.user, Action.OPERATE, upload.campaign)
    done = HttpResponseRedirect(model_admin.url("change", upload.pk))
    if upload.state != LeadUpload.State.HELD:
        if request.method == "POST":
            model_admin.tell(request, ValidationError(uploads.over_already(upload)))
        return done
    if "discard" in request.POST:
        return _discard(model_admin, request, upload)
    try:
        form, found = _read(request, upload)
        if "import" in request.POST and form.is_valid():
            uploads.confirm(request.user, upload, form.chosen())  # type: ignore[arg-type]
            return model_admin.response_add(request, upload)
    except ValidationError as refusal:
        model_admin.tell(request, refusal)
        return HttpResponseRedirect(
            f"{model_admin.url('changelist')}?campaign__id__exact={upload.campaign_id}"
        )
    context = _context(model_admin, request, upload, form, found)
    return TemplateResponse(request, "dialer/lead_preview.html", context)


def _read(request: HttpRequest, upload: LeadUpload) -> tuple[ChosenForm, Preview]:
    """The form, and what the file holds by it; by what is recognised when it can't be read as the form says."""
    if request.method != "POST":
        found = uploads.look_at(upload, Chosen())
        form = ChosenForm(initial=_initial(found))
    else:
        form = ChosenForm(request.POST)
        try:
            found = uploads.look_at(upload, form.chosen() if form.is_valid() else Chosen())
        except ValidationError as refusal:
            found = uploads.look_at(upload, Chosen())
            add_refusal(form, refusal)
    form.fit(found)
    return form, found


def _initial(found: Preview) -> dict[str, Any]:
    columns, encoding = found.found.columns, found.found.encoding
    return {
        "name": columns.name + 1,
        "number": columns.number + 1,
        "description": (
            columns.description + 1
            if columns.description is not None and columns.description < len(found.columns)
            else 0
        ),
        "header": int(found.found.has_header),
        "encoding": next((code for code in ENCODINGS if encoding.startswith(code)), ""),
    }


def _discard(model_admin: "LeadUploadAdmin", request: HttpRequest, upload: LeadUpload) -> HttpResponse:
    try:
        uploads.discard(request.user, upload)  # type: ignore[arg-type]
    except ValidationError as refusal:
        model_admin.tell(request, refusal)
    else:
        words = _("%(file)s was discarded; no lead was added.") % {"file": upload.file_name}
        messages.success(request, words)
    return HttpResponseRedirect(f"{model_admin.url('add')}?campaign={upload.campaign_id}")


def _context(
    model_admin: "LeadUploadAdmin",
    request: HttpRequest,
    upload: LeadUpload,
    form: ChosenForm,
    found: Preview,
) -> dict[str, Any]:
    columns = [
        {
            "words": _column_words(column),
            "taken": [FIELDS[name] for name in column.taken_as],
            "why": column.why,
        }
        for column in found.columns
    ]
    rows = [
        {"row": row, "cells": [*row.cells, *[""] * (len(columns) - len(row.cells))]} for row in found.rows
    ]
    return model_admin.page_context(
        request,
        upload.file_name,
        original=upload,
        campaign_bar=campaign_bar(request, upload.campaign, "uploads"),
        form=form,
        found=found,
        columns=columns,
        rows=rows,
    )
