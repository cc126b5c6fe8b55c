"""Why a started campaign is not dialing, in words: what `dialing.reasons` finds, if this build has it."""

from importlib import import_module
from importlib.util import find_spec

from campaigns.models import Campaign


def why_not_dialing(campaign: Campaign) -> list[str]:
    """Empty for a stopped campaign, and while it dials."""
    if not campaign.is_started or find_spec("dialing.reasons") is None:
        return []
    words = import_module("dialing.reasons").why_not_dialing(campaign)
    return [str(word) for word in words]
