"""Deleting a campaign: a small one in the request, a large one in the background (SPEC 4).

A million leads with their call records take half a minute. Such a campaign becomes DELETING in the request, which
nothing leads out of: no door starts or changes it. The jobs worker then takes it away in parts, each in a transaction
of its own; after a crash beat goes on with what is left.
"""

import logging

from django.db import transaction

from accounts import one_at_a_time
from campaigns.models import Campaign
from leads import services as leads

log = logging.getLogger(__name__)

AT_ONCE = 10_000
"""Leads and call records that go while somebody waits: about a third of a second."""
PART = 10_000
"""Rows of one transaction."""
LOCK = 0x676F6E65
"""Of the process that deletes."""


def is_small(campaign: Campaign) -> bool:
    return leads.are_few(campaign, AT_ONCE)


def begin(campaign: Campaign) -> bool:
    """STOPPED -> DELETING; False when it was not stopped."""
    stopped = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.STOPPED)
    return bool(stopped.update(state=Campaign.State.DELETING))


def run_waiting() -> int:
    """Deletes what is DELETING; returns how many campaigns. At once back when another process is at it."""
    waiting = Campaign.objects.filter(state=Campaign.State.DELETING).order_by("pk")
    done = 0
    if not waiting.exists():
        return done
    with one_at_a_time.alone(LOCK) as alone:
        while alone and (campaign := waiting.first()):
            while leads.remove_part(campaign, PART):
                pass
            pk, name = campaign.pk, campaign.name
            remove(campaign)
            log.info("Campaign %s (%s) is deleted", pk, name)
            done += 1
    return done


@transaction.atomic
def remove(campaign: Campaign) -> None:
    """The campaign itself, with schedules, uploads and what is left of its leads."""
    leads.remove_all(campaign)
    campaign.delete()
