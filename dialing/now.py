"""What happens now, from the board that the leading engine publishes each second: agents of a queue, calls in flight."""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from campaigns.models import Campaign
from dialing.events import BoardReader
from leads.models import CallAttempt

STALE_AFTER = 5.0
"""Seconds after which a board is old news: no engine leads, or the broker is away."""

State = CallAttempt.State


@lru_cache(maxsize=1)
def reader() -> BoardReader:
    """One for all viewers of this process."""
    return BoardReader()


def board() -> tuple[str, dict[str, Any]]:
    """Id and content of the newest board; an empty id when there is no news."""
    entry, content = reader().latest()
    return (entry, content) if entry and time.time() - content["at"] <= STALE_AFTER else ("", {})


@dataclass(frozen=True, slots=True)
class QueueNow:
    """Agents of a queue by state. Of an IVR `free` and `busy` are channels, the others 0."""

    free: int
    busy: int
    paused: int
    signed_out: int
    waiting_callers: int


@dataclass(frozen=True, slots=True)
class CampaignNow:
    queue: QueueNow | None
    """None: the contact centre is out of reach."""
    dialing: int
    answered: int
    transferring: int


def campaign_now(campaign: Campaign) -> CampaignNow | None:
    """None when there is no news from the engine."""
    entry, news = board()
    if not entry:
        return None
    calls = news["calls"].get(str(campaign.pk), {})
    return CampaignNow(
        queue=_queue(news["queues"].get(str(campaign.queue_id))),
        dialing=calls.get(State.CLAIMED, 0) + calls.get(State.DIALING, 0),
        answered=calls.get(State.ANSWERED, 0),
        transferring=calls.get(State.TRANSFERRING, 0),
    )


def _queue(figures: dict[str, Any] | None) -> QueueNow | None:
    """Who wraps up a call is busy."""
    if figures is None:
        return None
    busy = figures["busy"] + figures["wrap_up"]
    return QueueNow(figures["free"], busy, figures["paused"], figures["out"], figures["waiting"])
