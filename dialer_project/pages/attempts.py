"""Call attempts: the record of every call, read-only."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts import scope
from accounts.paging import LargePaginator
from accounts.scope import Action
from amd.files import wav_from_ulaw
from dialer_project.admin_base import ScopedModelAdmin
from dialer_project.pages import kept_paginator
from dialer_project.pages.campaign_bar import CampaignBarOnList, campaign_bar, chosen_campaign
from dialer_project.pages.evidence import evidence_card
from dialer_project.pages.exports import ExportedList
from dialer_project.pages.filters import CampaignFilter, LabelFilter, VerdictFilter
from dialer_project.pages.kept_paginator import NewestFoundChangeList
from dialer_project.pages.leads import amd_words, network_words, result_mark
from dialer_project.times import in_zone
from leads import attempt_search, evidence, export
from leads.causes import early_media_words
from leads.models import AmdEvidence, AmdLabel, CallAttempt
from telephony.sip.call_events import EndedBy

_ENDED_BY: dict[str, Promise] = {
    EndedBy.LOCAL: gettext_lazy("the dialer"),
    EndedBy.REMOTE: gettext_lazy("the called side"),
    EndedBy.REJECTED: gettext_lazy("refused before an answer"),
    EndedBy.CANCELLED: gettext_lazy("the dialer, before an answer"),
    EndedBy.TIMEOUT: gettext_lazy("nobody: the called side went silent"),
}


@admin.register(CallAttempt)
class CallAttemptAdmin(ExportedList, CampaignBarOnList, ScopedModelAdmin):
    exported = staticmethod(export.attempts)
    bar_tab = "attempts"
    list_display = [
        "began",
        "campaign_name",
        "lead_name",
        "phone_number",
        "number",
        "result_now",
        "network",
        "reason",
    ]
    list_filter = ["result", "state", ("campaign", CampaignFilter), VerdictFilter, LabelFilter, "early_media"]
    list_filter_sheet = True
    list_per_page = 25
    search_fields = ["lead_name", "phone_number"]
    search_help_text = gettext_lazy("Name or number")
    ordering = ["-claimed_at", "-id"]
    empty_words = gettext_lazy("Every call is listed here as soon as a started campaign places it.")
    change_form_outer_before_template = "dialer/evidence.html"
    readonly_fields = ["began", "answered", "transferred", "ended", "result_now", "network", "early", "amd"]
    readonly_fields += ["ended_by_words"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NewestFoundChangeList]:
        return NewestFoundChangeList

    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any) -> LargePaginator:
        return kept_paginator.paginator(request, queryset, per_page)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        return attempt_search.matching(queryset, search_term), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[CallAttempt]:
        return super().get_queryset(request).select_related("campaign")

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = list(super().get_list_display(request))
        if chosen_campaign(request):
            columns.remove("campaign_name")
        return columns

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            (None, {"fields": ["campaign_name", "lead_name", "phone_number", "number"]}),
            (
                _("Result"),
                {"fields": ["state", "result_now", "network", "early", "reason", "ended_by_words"]},
            ),
            (_("Times"), {"fields": ["began", "answered", "transferred", "ended"]}),
            (_("Answering machine detection"), {"fields": ["amd"]}),
            (_("Technical"), {"fields": ["call_id", "worker"]}),
        ]

    @admin.display(description=gettext_lazy("ended by"))
    def ended_by_words(self, attempt: CallAttempt) -> str:
        return str(_ENDED_BY.get(attempt.ended_by, "–"))

    @admin.display(description=gettext_lazy("dialed"), ordering="claimed_at")
    def began(self, attempt: CallAttempt) -> str:
        return in_zone(attempt.started_at or attempt.claimed_at, _zone(attempt), seconds=True)

    @admin.display(description=gettext_lazy("answered"))
    def answered(self, attempt: CallAttempt) -> str:
        return in_zone(attempt.answered_at, _zone(attempt), seconds=True)

    @admin.display(description=gettext_lazy("transferred"))
    def transferred(self, attempt: CallAttempt) -> str:
        return in_zone(attempt.transferred_at, _zone(attempt), seconds=True)

    @admin.display(description=gettext_lazy("ended"))
    def ended(self, attempt: CallAttempt) -> str:
        return in_zone(attempt.ended_at, _zone(attempt), seconds=True)

    @admin.display(description=gettext_lazy("result"), ordering="result")
    def result_now(self, attempt: CallAttempt) -> SafeString:
        return result_mark(attempt)

    @admin.display(description=gettext_lazy("network"), ordering="sip_code")
    def network(self, attempt: CallAttempt) -> str:
        return network_words(attempt)

    @admin.display(description=gettext_lazy("heard before the answer"))
    def early(self, attempt: CallAttempt) -> str:
        return early_media_words(attempt)

    @admin.display(description=gettext_lazy("verdict"))
    def amd(self, attempt: CallAttempt) -> str:
        return amd_words(attempt)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        attempt = context.get("original")
        if attempt is not None and attempt.campaign is not None:
            context["campaign_bar"] = campaign_bar(request, attempt.campaign, "attempts")
        if attempt is not None and scope.may(request.user, Action.VIEW, AmdEvidence):
            card = context["evidence"] = evidence_card(attempt)
            context["may_label"] = scope.may(request.user, Action.CHANGE, AmdLabel)
            if card and card["label"]:
                context["labelled_at"] = in_zone(card["label"].labelled_at, _zone(attempt))
        return super().render_change_form(request, context, *args, **kwargs)

    # --- further pages --------------------------------------------------------------------------------
    def pages(self) -> list[Any]:
        return [
            *super().pages(),
            ("<int:pk>/sound/", "sound", self.sound_view),
            ("<int:pk>/label/", "label", require_POST(self.label_view)),
        ]

    def sound_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What was heard until the decision, as a WAV file."""
        attempt = self.scoped(request, pk)
        scope.require(request.user, Action.VIEW, AmdEvidence)
        kept = AmdEvidence.objects.filter(attempt=attempt, sound__isnull=False).first()
        if kept is None or kept.sound is None:
            raise Http404
        headers = {
            "Content-Disposition": f'inline; filename="attempt-{attempt.pk}.wav"',
            "Cache-Control": "private, no-store",
        }
        return HttpResponse(wav_from_ulaw(bytes(kept.sound)), content_type="audio/wav", headers=headers)

    def label_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        attempt = self.scoped(request, pk)
        try:
            evidence.label(request.user, attempt, request.POST.get("heard", ""))  # type: ignore[arg-type]
        except ValidationError as refusal:
            self.tell(request, refusal)
        else:
            messages.success(request, _("Thank you: the label counts in the accuracy of the detection."))
        return HttpResponseRedirect(self.url("change", attempt.pk))


def _zone(attempt: CallAttempt) -> ZoneInfo:
    """The campaign's; UTC when the campaign is gone."""
    return attempt.campaign.zone if attempt.campaign is not None else ZoneInfo("UTC")
