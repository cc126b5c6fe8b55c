"""The figures of the wallboard, kept by the engine that leads: calls in flight, agents, results of the last minutes."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncMinute

from campaigns.models import Campaign
from leads.models import CallAttempt
from telephony.contact_center import AgentState, QueueSnapshot

MINUTES = 30
"""Minutes of results that the board shows, this one included."""

Results = dict[int, dict[int, Counter[str]]]
"""By campaign and minute (since 1970)."""


class Board:
    """Counts what the engine hears; `calls` and `seed` come from the database."""

    def __init__(self) -> None:
        self._results: Results = defaultdict(lambda: defaultdict(Counter))
        self._queues: dict[int, dict[str, Any]] = {}

    def seed(self, results: Results) -> None:
        """A new leader knows what came before it."""
        for campaign, minutes in results.items():
            for minute, counts in minutes.items():
                self._results[campaign][minute] += counts

    def ended(self, campaign: int | None, result: str, at: float) -> None:
        if campaign is not None and result:
            self._results[campaign][int(at // 60)][result] += 1

    def queue(self, queue: int, snapshot: QueueSnapshot) -> None:
        states = Counter(agent.state for agent in snapshot.agents)
        is_ivr = snapshot.kind == "IVR"
        self._queues[queue] = {
            "name": snapshot.name,
            "free": snapshot.free,
            "busy": snapshot.channels_busy
            if is_ivr
            else states[AgentState.BUSY] + states[AgentState.WRAP_UP],
            "paused": states[AgentState.PAUSED],
            "out": states[AgentState.SIGNED_OUT],
            "waiting": snapshot.waiting_callers,
        }

    def lost(self, queue: int) -> None:
        """Its contact centre is out of reach: nothing is known."""
        self._queues.pop(queue, None)

    def as_json(self, now: float, calls: dict[int, dict[str, int]]) -> dict[str, Any]:
        oldest = int(now // 60) - MINUTES + 1
        for minutes in self._results.values():
            for minute in [minute for minute in minutes if minute < oldest]:
                del minutes[minute]
        return {"at": now, "calls": calls, "queues": self._queues, "results": self._results}


def calls_in_flight() -> dict[int, dict[str, int]]:
    """By campaign and state. One query on the index of open attempts."""
    rows = CallAttempt.objects.filter(ended_at=None, campaign__isnull=False).order_by()
    calls: dict[int, dict[str, int]] = {}
    for campaign, state, count in rows.values_list("campaign", "state").annotate(Count("pk")):
        calls.setdefault(campaign, {})[state] = count
    return calls


def recent_results(now: datetime) -> Results:
    """Of the campaigns that are started. By campaign and claimed_at: the index attempt_campaign_recent."""
    since = now - timedelta(minutes=MINUTES)
    rows = (
        CallAttempt.objects.filter(
            campaign__in=Campaign.objects.filter(state=Campaign.State.STARTED).values_list("pk", flat=True),
            claimed_at__gt=since - timedelta(hours=1),
            ended_at__gt=since,
        )
        .exclude(result="")
        .order_by()
        .values_list("campaign", TruncMinute("ended_at"), "result")
        .annotate(Count("pk"))
    )
    results: Results = defaultdict(lambda: defaultdict(Counter))
    for campaign, minute, result, count in rows:
        results[campaign][int(minute.timestamp() // 60)][result] += count
    return results
