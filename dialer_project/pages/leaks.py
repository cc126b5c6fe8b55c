"""System > Leaks and repairs, for Masters: what is held and should not be, what was put right, and each process."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Role
from dialer_project.metrics import leak_counters
from dialing import reports, tallies
from dialing.leases import database_time
from dialing.models import ProcessReport, Repair, Tally

LEAKS = {
    "attempts_without_lease": _("Open attempts whose worker went away"),
    "leads_without_attempt": _("Leads in a call without an open attempt"),
    "leads_not_held": _("Leads with an open attempt that could be claimed again"),
    "ports_without_worker": _("Ports held by nobody and not free"),
    "dialogs_without_attempt": _("SIP calls without an attempt"),
    "sockets_without_call": _("Audio sockets without a call"),
    "reservations_without_attempt": _("Agents reserved for attempts that ended"),
}
COLUMNS = {
    "calls": _("Calls"),
    "dialogs": _("SIP calls"),
    "transactions": _("SIP transactions"),
    "sockets": _("Audio sockets"),
    "ports_free": _("Ports free"),
    "ports_taken": _("Ports in a call"),
    "reservations": _("Reservations"),
}
KINDS = {"engine": _("Engine"), "calls": _("Calls worker")}


@never_cache
@require_safe
def leaks_page(request: HttpRequest) -> HttpResponse:
    if getattr(request.user, "role", None) != Role.MASTER:
        raise PermissionDenied
    now = database_time()
    counters = leak_counters(now)
    made = {tally.label: tally for tally in Tally.objects.filter(name=tallies.REPAIRS)}
    context = {
        **admin.site.each_context(request),
        "title": _("Leaks and repairs"),
        "leaks": [(words, counters[name]) for name, words in LEAKS.items()],
        "repairs": [(repair.label, made.get(repair.value)) for repair in Repair],
        "columns": COLUMNS.values(),
        "processes": [_row(report, now) for report in ProcessReport.objects.order_by("name")],
    }
    return TemplateResponse(request, "dialer/leaks.html", context)


def _row(report: ProcessReport, now: Any) -> dict[str, Any]:
    return {
        "kind": KINDS.get(report.kind, report.kind),
        "name": report.name.partition(" ")[2],
        "reported_at": report.reported_at,
        "fresh": report.reported_at >= now - reports.FRESH,
        "memory": report.numbers.get("memory_bytes", 0),
        "numbers": [report.numbers.get(name) for name in COLUMNS],
    }
