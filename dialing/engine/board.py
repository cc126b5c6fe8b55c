"""The figures of the wallboard, kept by the engine that leads: calls in flight, agents, results of the last minutes."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import TruncMinute

from campaigns.models import Campaign
from leads.models import CallAttempt
from telephony.contact_center import AgentState, QueueSnapshot

MINUTES = 30
"""Minutes of results that the board shows, this one included."""
MOST_AGENTS = 300
"""Of a queue by name; all are counted."""

Counts = dict[int, dict[int, Counter[str]]]
"""By campaign and minute (since 1970)."""
ANSWERED = "answered"


def _empty() -> Counts:
    return defaultdict(lambda: defaultdict(Counter))


@dataclass
class Minutes:
    """What became of the calls: by result, and how many were answered by whomever."""

    results: Counts = field(default_factory=_empty)
    answered: Counts = field(default_factory=_empty)

    def add(self, campaign: int, minute: int, result: str, calls: int, answered: int) -> None:
        self.results[campaign][minute][result] += calls
        self.answered[campaign][minute][ANSWERED] += answered

    def forget(self, before: int) -> None:
        for counts in (self.results, self.answered):
            for minutes in counts.values():
                for minute in [minute for minute in minutes if minute < before]:
                    del minutes[minute]


class Board:
    """Counts what the engine hears; `calls` and `seed` come from the database."""

    def __init__(self) -> None:
        self._minutes = Minutes()
        self._queues: dict[int, dict[str, Any]] = {}
        self._since: dict[
            int, dict[str, tuple[AgentState, float]]
        ] = {}  # queue -> agent -> state, since when

    def seed(self, minutes: Minutes) -> None:
        """A new leader knows what came before it."""
        for campaign, by_minute in minutes.results.items():
            for minute, counts in by_minute.items():
                self._minutes.results[campaign][minute] += counts
                self._minutes.answered[campaign][minute] += minutes.answered[campaign][minute]

    def ended(self, campaign: int | None, result: str, at: float, *, answered: bool) -> None:
        if campaign is not None and result:
            self._minutes.add(campaign, int(at // 60), result, 1, int(answered))

    def queue(self, queue: int, snapshot: QueueSnapshot, now: float) -> None:
        """`now`: seconds since 1970."""
        states = Counter(agent.state for agent in snapshot.agents)
        is_ivr = snapshot.kind == "IVR"
        self._queues[queue] = {
            "name": snapshot.name,
            "free": snapshot.free,
            "busy": snapshot.channels_busy if is_ivr else states[AgentState.BUSY],
            "wrap_up": states[AgentState.WRAP_UP],
            "paused": states[AgentState.PAUSED],
            "out": states[AgentState.SIGNED_OUT],
            "waiting": snapshot.waiting_callers,
            "agents": self._agents(queue, snapshot, now),
        }

    def _agents(self, queue: int, snapshot: QueueSnapshot, now: float) -> list[tuple[str, str, int]]:
        """Name, state, and since when, as far as this leader has seen."""
        before = self._since.get(queue, {})
        since: dict[str, tuple[AgentState, float]] = {}
        for agent in snapshot.agents:
            state, at = before.get(agent.id, (agent.state, now))
            since[agent.id] = (agent.state, at if state is agent.state else now)
        self._since[queue] = since
        return [
            (agent.name, agent.state.value, int(since[agent.id][1]))
            for agent in snapshot.agents[:MOST_AGENTS]
        ]

    def lost(self, queue: int) -> None:
        """Its contact centre is out of reach: nothing is known."""
        self._queues.pop(queue, None)
        self._since.pop(queue, None)

    def as_json(self, now: float, calls: dict[int, dict[str, int]]) -> dict[str, Any]:
        self._minutes.forget(int(now // 60) - MINUTES + 1)
        return {
            "at": now,
            "calls": calls,
            "queues": self._queues,
            "results": self._minutes.results,
            "answered": self._minutes.answered,
        }


def calls_in_flight() -> dict[int, dict[str, int]]:
    """By campaign and state. One query on the index of open attempts."""
    rows = CallAttempt.objects.filter(ended_at=None, campaign__isnull=False).order_by()
    calls: dict[int, dict[str, int]] = {}
    for campaign, state, count in rows.values_list("campaign", "state").annotate(Count("pk")):
        calls.setdefault(campaign, {})[state] = count
    return calls


def recent_results(now: datetime) -> Minutes:
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
        .annotate(calls=Count("pk"), answered=Count("pk", filter=Q(answered_at__isnull=False)))
    )
    minutes = Minutes()
    for campaign, minute, result, calls, answered in rows:
        minutes.add(campaign, int(minute.timestamp() // 60), result, calls, answered)
    return minutes
