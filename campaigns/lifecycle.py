"""The states of campaigns and schedules. Each change is one conditional UPDATE whose row count decides.

schedule:  NOT_RUNNING -> RUNNING -> FINISHED      (window open and campaign started; window over)
           RUNNING -> NOT_RUNNING                  (campaign stopped)
           RUNNING <-> DNC_OOS                     (do-not-call service lost, back)
campaign:  STOPPED <-> STARTED, and STARTED -> STOPPED when the last schedule has ended
           STOPPED -> DELETING                     (`campaigns.deletion`)
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.announce import announce
from campaigns.models import Campaign, Schedule
from dnc.models import DncService
from leads.models import Lead, LeadUpload
from telephony.models import DialerPort

_OPEN = (Schedule.State.RUNNING, Schedule.State.DNC_OOS)


def start_obstacles(campaign: Campaign, now: datetime) -> list[str]:
    """Why the campaign can't be started, in words; empty when it can."""
    if campaign.is_being_deleted:
        return [_("The campaign is being deleted.")]
    obstacles = []
    if not campaign.group.enabled:
        obstacles.append(_("The dialer group %(group)s is disabled.") % {"group": campaign.group})
    if not DialerPort.objects.filter(enabled=True).exists():
        obstacles.append(_("No dialer port is enabled. A Master can add one under Telephony."))
    if not campaign.schedules.filter(closes_at__gt=now).exists():
        obstacles.append(_("No schedule is left. Add a schedule for today or a later day."))
    if not campaign.leads.exclude(pool=Lead.Pool.DONE).exists():
        obstacles.append(_("No lead is left to call. Upload leads first."))
    coming = campaign.uploads.filter(state__in=[LeadUpload.State.WAITING, LeadUpload.State.RUNNING])
    if not settings.UPLOAD_TO_STARTED and (upload := coming.defer("refused_rows").first()):
        words = _("The leads of %(file)s are being imported. Start the campaign when they are in.")
        obstacles.append(words % {"file": upload.file_name})
    return obstacles


def after_start(campaign_id: int) -> None:
    """Opens the campaign's schedule when it is due, and tells the engine."""
    advance_schedules(timezone.now(), campaign_id)
    announce("campaign", campaign=campaign_id, state=Campaign.State.STARTED)


def stop(campaign_id: int) -> bool:
    """STARTED -> STOPPED; False when it was not started. The running schedule stops with it (I6)."""
    with transaction.atomic():
        stopped = Campaign.objects.filter(pk=campaign_id, state=Campaign.State.STARTED).update(
            state=Campaign.State.STOPPED
        )
        if not stopped:
            return False
        schedules = Schedule.objects.filter(campaign=campaign_id, state__in=_OPEN)
        now = timezone.now()
        schedules.filter(closes_at__lte=now).update(state=Schedule.State.FINISHED)
        schedules.update(state=Schedule.State.NOT_RUNNING)
        announce("campaign", campaign=campaign_id, state=Campaign.State.STOPPED)
    return True


@transaction.atomic
def advance_schedules(now: datetime, campaign_id: int | None = None) -> None:
    """Opens and closes schedules, and stops campaigns whose last schedule has ended. Beat calls it each second."""
    schedules = (
        Schedule.objects.all() if campaign_id is None else Schedule.objects.filter(campaign=campaign_id)
    )
    schedules.filter(state__in=_OPEN, closes_at__lte=now).update(state=Schedule.State.FINISHED)
    due = schedules.filter(
        opens_at__lte=now, closes_at__gt=now, campaign__state=Campaign.State.STARTED
    ).values_list("pk", "campaign")
    opened = _move(due.filter(state=Schedule.State.NOT_RUNNING))
    service_down = Q(campaign__dnc_service__state=DncService.State.OUT_OF_SERVICE)
    opened |= _move(due.filter(state=Schedule.State.DNC_OOS).exclude(service_down))
    for campaign in opened:
        announce("schedule", campaign=campaign)
    _stop_ended(now, campaign_id)


def _move(due: QuerySet[Schedule, tuple[int, int]]) -> set[int]:
    pairs = dict(due)
    if not pairs:
        return set()
    Schedule.objects.filter(pk__in=pairs).exclude(state=Schedule.State.FINISHED).update(
        state=Schedule.State.RUNNING
    )
    return set(pairs.values())


def _stop_ended(now: datetime, campaign_id: int | None) -> None:
    left = Schedule.objects.filter(campaign=OuterRef("pk"), closes_at__gt=now)
    ended = Campaign.objects.filter(~Exists(left), state=Campaign.State.STARTED)
    if campaign_id is not None:
        ended = ended.filter(pk=campaign_id)
    for campaign in ended.values_list("pk", flat=True):
        stop(campaign)


def mark_dnc_out_of_service(campaign_id: int) -> None:
    """The campaign's do-not-call service can't be asked: its running schedule waits (fail closed, SPEC 8)."""
    with transaction.atomic():
        held = Schedule.objects.filter(campaign=campaign_id, state=Schedule.State.RUNNING).update(
            state=Schedule.State.DNC_OOS
        )
        if held:
            announce("schedule", campaign=campaign_id)
