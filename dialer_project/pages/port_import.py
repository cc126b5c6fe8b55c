"""Importing dialer ports from a table: what it would change is shown first, passwords never."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from accounts.received_file import require_size
from dialer_project.admin_base import add_refusal
from dialer_project.pages import marks
from telephony import held_tables, port_table
from telephony.port_table import CHANGED, NEW, REFUSED, SAME, PortChange

if TYPE_CHECKING:
    from dialer_project.pages.telephony import DialerPortAdmin

_MARKS = {
    NEW: (gettext_lazy("new"), marks.GOOD),
    CHANGED: (gettext_lazy("changed"), marks.INFO),
    SAME: (gettext_lazy("unchanged"), marks.QUIET),
    REFUSED: (gettext_lazy("refused"), marks.BAD),
}


class PortsFileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        validators=[require_size],
        widget=UnfoldAdminFileFieldWidget,
        help_text=gettext_lazy(
            "CSV or xlsx with a header, as the download has it. A column “password” is written and never shown; an empty "
            "cell keeps what is stored."
        ),
    )


def import_page(model_admin: "DialerPortAdmin", request: HttpRequest) -> HttpResponse:
    """The form; then what the file would change; then the import."""
    if not (model_admin.has_add_permission(request) and model_admin.has_change_permission(request)):
        raise PermissionDenied
    form = PortsFileForm(request.POST or None, request.FILES or None)
    if "import" in request.POST:
        return _import(model_admin, request)
    changes: list[PortChange] = []
    if request.method == "POST" and "cancel" not in request.POST and form.is_valid():
        try:
            rows = port_table.read_table(form.cleaned_data["file"].read())
            changes = port_table.import_ports(request.user, rows, dry_run=True)  # type: ignore[arg-type]
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            held_tables.hold(_session(request), rows)
    if not changes:
        held_tables.take(_session(request))
    return _show(model_admin, request, form, changes)


def _import(model_admin: "DialerPortAdmin", request: HttpRequest) -> HttpResponse:
    rows = held_tables.take(_session(request))
    if rows is None:
        messages.error(
            request, _("Choose the file again: the page was open for too long, or the import is done.")
        )
        return HttpResponseRedirect(model_admin.url("import"))
    changes = port_table.import_ports(request.user, rows)  # type: ignore[arg-type]
    if any(change.action == REFUSED for change in changes):
        messages.error(request, _("Nothing was imported: meanwhile a row can't be imported any more."))
        return _show(model_admin, request, PortsFileForm(), changes)
    count = {action: sum(change.action == action for change in changes) for action in _MARKS}
    words = _("%(new)d dialer ports were added, %(changed)d changed, %(same)d left as they were.")
    messages.success(request, words % {"new": count[NEW], "changed": count[CHANGED], "same": count[SAME]})
    return HttpResponseRedirect(model_admin.url("changelist"))


def _session(request: HttpRequest) -> str:
    return request.session.session_key or ""


def _show(
    model_admin: "DialerPortAdmin", request: HttpRequest, form: PortsFileForm, changes: list[PortChange]
) -> HttpResponse:
    context: dict[str, Any] = model_admin.page_context(
        request,
        _("Import dialer ports"),
        form=form,
        rows=[{"change": change, "mark": marks.badge(*_MARKS[change.action])} for change in changes],
        may_import=bool(changes) and all(change.action != REFUSED for change in changes),
        columns=", ".join((*port_table.COLUMNS, "password")),
        cancel_url=model_admin.url("changelist"),
    )
    return TemplateResponse(request, "dialer/port_import.html", context)
