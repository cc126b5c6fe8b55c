"""How right the answering machine detection is: labels against verdicts, and the labelled calls for training."""

import tempfile
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from accounts import scope
from accounts.scope import Action
from campaigns.models import Campaign
from dialer_project.pages.evidence import verdict_words
from leads import detection
from leads.causes import verdict_cause
from leads.detection import Confusion, Share
from leads.models import AmdEvidence, AmdLabel, CallAttempt

DAYS = 30
"""Looked at unless asked otherwise: the window in which authorities count (47 CFR 64.1200, Ofcom)."""
_SHOWN = 25
_IN_MEMORY = 16 * 1024 * 1024


class ChoiceForm(forms.Form):
    """Which labelled calls: by campaign, and by the day of the call."""

    campaign = forms.ModelChoiceField(
        label=gettext_lazy("Campaign"),
        queryset=Campaign.objects.none(),
        required=False,
        empty_label=gettext_lazy("All campaigns"),
    )
    since = forms.DateField(
        label=gettext_lazy("Called from"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=gettext_lazy("Called until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


def chosen(request: HttpRequest) -> tuple[ChoiceForm, QuerySet[AmdLabel]]:
    """The form, and the labels that the user may see and asked for; wrong values choose nothing less."""
    today = timezone.localdate()
    asked = {
        "campaign": request.GET.get("campaign", ""),
        "since": request.GET.get("since", (today - timedelta(days=DAYS - 1)).isoformat()),
        "until": request.GET.get("until", today.isoformat()),
    }
    form = ChoiceForm(asked)
    campaigns: Any = form.fields["campaign"]
    campaigns.queryset = scope.visible(request.user, Campaign.objects.order_by("name"))
    labels = scope.visible(request.user, AmdLabel.objects.all())
    form.is_valid()
    found: dict[str, Any] = form.cleaned_data
    if campaign := found.get("campaign"):
        labels = labels.filter(attempt__campaign=campaign)
    if since := found.get("since"):
        labels = labels.filter(attempt__claimed_at__gte=_midnight(since))
    if (until := found.get("until")) and until.year < 9999:
        labels = labels.filter(attempt__claimed_at__lt=_midnight(until + timedelta(days=1)))
    return form, labels


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@require_GET
def accuracy_page(request: HttpRequest) -> HttpResponse:
    scope.require(request.user, Action.VIEW, AmdLabel)
    form, labels = chosen(request)
    matrices = detection.confusion(labels, _("All campaigns"))
    may_open = scope.may(request.user, Action.VIEW, CallAttempt)
    context = {
        **admin.site.each_context(request),
        "title": _("Accuracy of the machine detection"),
        "form": form,
        "columns": [verdict_words(verdict) for verdict in detection.VERDICTS],
        "all": _matrix(matrices[0]),
        "campaigns": [_matrix(matrix) for matrix in matrices[1:]],
        "wrong": _wrong(labels) if may_open else [],
        "may_open": may_open,
        "to_label": f"{reverse('admin:leads_callattempt_changelist')}?label=none",
        "export_url": _export_url(form) if scope.may(request.user, Action.VIEW, AmdEvidence) else "",
    }
    return TemplateResponse(request, "dialer/detection.html", context)


def _matrix(matrix: Confusion) -> dict[str, Any]:
    human, machine = matrix.row("HUMAN"), matrix.row("MACHINE")
    return {
        "name": matrix.name,
        "campaign": matrix.campaign,
        "total": matrix.total,
        "rows": [
            (_("Was a person"), list(zip(human, ("d-right", "d-right", "d-false"), strict=True)), sum(human)),
            (
                _("Was a machine"),
                list(zip(machine, ("d-false", "d-false", "d-right"), strict=True)),
                sum(machine),
            ),
        ],
        "people_called_machines": _share_words(matrix.people_called_machines),
        "machines_found": _share_words(matrix.machines_found),
    }


def _share_words(share: Share) -> dict[str, str]:
    if share.percent is None or share.interval is None:
        return {"percent": "–", "interval": _("no label yet"), "count": "", "range": ""}
    low, high = (localize(round(bound, 1)) for bound in share.interval)
    return {
        "percent": f"{localize(round(share.percent, 1))} %",
        "interval": _("between %(low)s and %(high)s %% with 95 %% confidence") % {"low": low, "high": high},
        "range": f"{low} – {high} %",
        "count": _("%(part)d of %(whole)d") % {"part": share.part, "whole": share.whole},
    }


def _wrong(labels: QuerySet[AmdLabel]) -> list[dict[str, Any]]:
    """The latest calls in which the detector was wrong, people called machines first."""
    people = labels.filter(heard="HUMAN", attempt__amd_verdict="MACHINE")
    machines = labels.filter(heard="MACHINE").exclude(attempt__amd_verdict="MACHINE")
    found: list[dict[str, Any]] = []
    for some in (people, machines):
        newest = some.select_related("attempt").order_by("-attempt__claimed_at")[: _SHOWN - len(found)]
        found += [
            {
                "url": reverse("admin:leads_callattempt_change", args=[label.attempt_id]),
                "attempt": label.attempt,
                "was": label.get_heard_display(),
                "verdict": verdict_words(label.attempt.amd_verdict),
                "cause": verdict_cause(label.attempt),
            }
            for label in newest
        ]
    return found


def _export_url(form: ChoiceForm) -> str:
    return f"{reverse('admin:detection_export')}?{urlencode(form.data)}"


@require_POST
def export(request: HttpRequest) -> HttpResponse | FileResponse:
    """A ZIP of the labelled calls whose sound is kept, as `manage.py amd_train` reads it. The choice is in the
    address; it is a POST so that no link, preview or crawler carries recordings away."""
    scope.require(request.user, Action.VIEW, AmdEvidence)
    _form, labels = chosen(request)
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the response closes it
    detection.write_clips(file, labels)
    file.seek(0)
    name = f"labelled-calls-{timezone.localdate():%Y-%m-%d}.zip"
    return FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
