"""Why a started campaign is not dialing, in words."""

from django.core.cache import cache
from django.utils import timezone, translation

from campaigns.models import Campaign
from campaigns.selectors import Summary
from dialing.reasons import why_not_dialing

KEPT = 3
"""Seconds for which an answer holds: it costs some seven queries, and the pages ask each second."""


def why_idle(campaign: Campaign, summary: Summary) -> str:
    """Empty for a stopped campaign, and while one of its calls is under way."""
    if not campaign.is_started or summary.in_flight:
        return ""
    key = f"why-idle-{campaign.pk}-{translation.get_language()}"
    words: str = cache.get_or_set(key, lambda: why_not_dialing(campaign, timezone.now()) or "", KEPT) or ""
    return words
