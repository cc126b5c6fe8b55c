"""Agents and calls of a campaign at this moment, on its page and its summary; they move with the other figures."""

from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from dialing.now import campaign_now
from telephony.models import Queue


def now_figures(campaign: Campaign) -> dict[str, Any]:
    """By the names that `data-live` attributes have; a dash for what is not known."""
    now, key = campaign_now(campaign), f"c{campaign.pk}.now"
    queue = now.queue if now is not None else None
    known: dict[str, int | None] = {
        "free": queue.free if queue else None,
        "busy": queue.busy if queue else None,
        "paused": queue.paused if queue else None,
        "signed_out": queue.signed_out if queue else None,
        "callers": queue.waiting_callers if queue else None,
        "dialing": now.dialing if now else None,
        "answered": now.answered if now else None,
        "transferring": now.transferring if now else None,
    }
    return {
        **{
            f"{key}.{name}": "–" if value is None else formats.number_format(value)
            for name, value in known.items()
        },
        f"{key}.news": _news(campaign, now is not None, queue is not None),
    }


def now_card(campaign: Campaign, figures: dict[str, Any]) -> dict[str, Any]:
    """Context of `now.html`."""
    key = f"c{campaign.pk}.now"
    if campaign.queue.kind == Queue.Kind.IVR:
        names = [("free", _("Free channels")), ("busy", _("Channels in use"))]
    else:
        names = [
            ("free", _("Free agents")),
            ("busy", _("Busy")),
            ("paused", _("Paused")),
            ("signed_out", _("Signed out")),
            ("callers", _("Waiting callers")),
        ]
    names += [
        ("dialing", _("Ringing")),
        ("answered", _("Answered")),
        ("transferring", _("Being transferred")),
    ]
    return {
        "queue": campaign.queue.name,
        "counts": [(words, f"{key}.{name}", figures[f"{key}.{name}"]) for name, words in names],
        "news_key": f"{key}.news",
        "news": figures[f"{key}.news"],
    }


def _news(campaign: Campaign, engine: bool, queue: bool) -> str:
    """Why figures are missing; empty when none is."""
    if not engine:
        return _("No news from the engine.")
    return "" if queue else _("The contact centre does not tell of this queue.")
