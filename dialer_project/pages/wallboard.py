"""The wallboard: calls, agents and results as they change, for one campaign or all that the viewer may see.

Server-sent events without a held connection: each answer carries the newest board and ends, and the browser asks
again after `retry` with the id it has (Last-Event-ID). So a hundred screens hold no web thread and no database
connection, and a screen that was cut off is right again with its first answer.
"""

import json
from collections import Counter
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts import scope
from campaigns.models import Campaign
from dialer_project.pages import connector_test, marks
from dialing import now
from dialing.engine.board import ANSWERED, MINUTES
from leads.answered import Answered, answered
from leads.models import CallAttempt, LeadStatus

RETRY_MS = 1000

State = CallAttempt.State


def wallboard_page(request: HttpRequest) -> HttpResponse:
    from django.contrib import admin

    campaigns = _visible(request)
    chosen = request.GET.get("campaign", "")
    context = {
        **admin.site.each_context(request),
        "title": _("Wallboard"),
        "campaigns": campaigns,
        "chosen": chosen,
        "states": [
            (State.CLAIMED, _("About to be dialed")),
            (State.DIALING, _("Ringing")),
            (State.ANSWERED, _("Answered")),
            (State.TRANSFERRING, _("Being transferred")),
        ],
        "results": [(status, status.label, _css(status)) for status in _SHOWN],
        "rates": [
            ("answer", _("Answer rate"), _("answered calls, machines too, of all dialed ones")),
            ("amd", _("Answering machines"), _("of the answered calls")),
            ("abandoned", _("Abandoned today"), _("of the calls that persons answered")),
        ],
        "agent_states": [
            (state.value, label, tone) for state, (label, tone) in connector_test.STATES.items()
        ],
        "minutes": MINUTES,
        "words": {"away": _("No news from the engine."), "now": _("Live")},
    }
    return TemplateResponse(request, "dialer/wallboard.html", context)


@never_cache
def events(request: HttpRequest) -> HttpResponse:
    """`?campaign=7`, or all: one event, newer than Last-Event-ID if there is one."""
    if not scope.may(request.user, scope.Action.VIEW, Campaign):
        raise PermissionDenied
    entry, board = now.board()
    lines = [f"retry: {RETRY_MS}"]
    if not entry:
        lines += ["event: away", "data: {}"]
    elif entry != request.headers.get("Last-Event-ID"):
        lines += [f"id: {entry}", f"data: {json.dumps(_figures(request, board))}"]
    response = HttpResponse("\n".join(lines) + "\n\n", content_type="text/event-stream")
    response["X-Accel-Buffering"] = "no"
    return response


def _visible(request: HttpRequest) -> list[Campaign]:
    if not scope.may(request.user, scope.Action.VIEW, Campaign):
        raise PermissionDenied
    campaigns = scope.visible(request.user, Campaign.objects.all())
    return list(campaigns.only("pk", "name", "queue_id", "state"))


def _figures(request: HttpRequest, board: dict[str, Any]) -> dict[str, Any]:
    """What the viewer may see of the board: their campaigns' calls and results, and these campaigns' queues."""
    chosen = request.GET.get("campaign", "")
    campaigns = [one for one in _visible(request) if not chosen or str(one.pk) == chosen]
    if not chosen:
        campaigns = [one for one in campaigns if one.is_started or str(one.pk) in board["calls"]]
    names = [str(campaign.pk) for campaign in campaigns]
    calls: Counter[str] = Counter()
    for name in names:
        calls.update(board["calls"].get(name, {}))
    last = int(board["at"] // 60)
    minutes = [_minute(board, names, minute) for minute in range(last - MINUTES + 1, last + 1)]
    total: Counter[str] = sum(minutes, Counter())
    queues = {str(campaign.queue_id) for campaign in campaigns}
    return {
        "at": board["at"],
        "calls": calls,
        "queues": [board["queues"][queue] for queue in sorted(queues & board["queues"].keys(), key=int)],
        "minutes": minutes,
        "rates": _rates(total, _answered(board, names), [campaign.pk for campaign in campaigns]),
    }


def _minute(board: dict[str, Any], campaigns: list[str], minute: int) -> Counter[str]:
    results: Counter[str] = Counter()
    for campaign in campaigns:
        results.update(board["results"].get(campaign, {}).get(str(minute), {}))
    return results


def _answered(board: dict[str, Any], campaigns: list[str]) -> int:
    """Calls of the minutes shown that somebody or something answered, whatever their result."""
    first = int(board["at"] // 60) - MINUTES
    return sum(
        counts.get(ANSWERED, 0)
        for campaign in campaigns
        for minute, counts in board["answered"].get(campaign, {}).items()
        if int(minute) > first
    )


def _rates(results: Counter[str], answered_calls: int, campaigns: list[int]) -> dict[str, float | None]:
    """Percent. Answered of dialed, and machines of answered, of the minutes shown; abandoned of today."""
    dialed = results.total() - results[LeadStatus.DO_NOT_CALL]
    today = Answered()
    for one in answered(campaigns, timezone.now().date()).values():
        today = Answered(today.persons + one.persons, today.abandoned + one.abandoned)
    rate = today.abandoned_rate
    return {
        "answer": 100 * answered_calls / dialed if dialed else None,
        "amd": 100 * results[LeadStatus.AMD] / answered_calls if answered_calls else None,
        "abandoned": None if rate is None else 100 * rate,
    }


_SHOWN = [status for status in marks.PICTURE_ORDER if status != LeadStatus.NOT_CALLED]


def _css(status: str) -> str:
    return status.lower().replace("_", "-")
