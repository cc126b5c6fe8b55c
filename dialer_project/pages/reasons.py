"""Why a started campaign is not dialing, in words."""

from collections.abc import Collection

from django.core.cache import cache
from django.utils import timezone, translation

from campaigns.models import Campaign
from campaigns.selectors import Summary
from dialing.reasons import why_none_dials

KEPT = 3
"""Seconds for which an answer holds: it costs some nine queries, and the pages ask each second."""


def why_idle(campaign: Campaign, summary: Summary) -> str:
    """Empty for a stopped campaign, and while one of its calls is under way."""
    return all_idle([(campaign, summary)])[campaign.pk]


def all_idle(campaigns: Collection[tuple[Campaign, Summary]]) -> dict[int, str]:
    """The same for many, by campaign; asks the database once for all."""
    found = {campaign.pk: "" for campaign, _summary in campaigns}
    keys = {
        _key(campaign): campaign
        for campaign, summary in campaigns
        if campaign.is_started and not summary.in_flight
    }
    known = cache.get_many(keys)
    asked = [campaign for key, campaign in keys.items() if key not in known]
    if asked:
        answers = why_none_dials(asked, timezone.now())
        fresh = {_key(campaign): answers[campaign.pk] or "" for campaign in asked}
        cache.set_many(fresh, KEPT)
        known |= fresh
    return found | {campaign.pk: known[key] for key, campaign in keys.items()}


def _key(campaign: Campaign) -> str:
    return f"why-idle-{campaign.pk}-{translation.get_language()}"
