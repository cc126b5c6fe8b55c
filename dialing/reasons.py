"""Why a campaign is not dialing, in words: "nothing dials and no reason is shown" is the loudest complaint of all."""

from collections.abc import Callable
from datetime import datetime

from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Schedule
from dialing import capacity, ports
from dnc.models import DncService
from leads.models import CallAttempt, Lead
from telephony.models import ContactCenter, DialerPort


def why_not_dialing(campaign: Campaign, now: datetime) -> str | None:
    """The first thing that keeps the campaign from placing its next call; None when nothing is known to.

    Whether agents are free is the contact centre's news and not in the database: the answer may be None while
    all of them talk.
    """
    for question in _QUESTIONS:
        answer = question(campaign, now)
        if answer:
            return answer
    return None


def _stopped(campaign: Campaign, now: datetime) -> str:
    return "" if campaign.is_started else _("The campaign is stopped.")


def _outside_hours(campaign: Campaign, now: datetime) -> str:
    if _schedules_of_now(campaign, now):
        return ""
    coming = campaign.schedules.filter(opens_at__gt=now).order_by("opens_at").first()
    if coming is None:
        return _("Outside the hours, and no schedule is left.")
    return _("Outside the hours; the next schedule opens on %(when)s.") % {
        "when": _when(coming.opens_at, campaign)
    }


def _list_out_of_service(campaign: Campaign, now: datetime) -> str:
    service = campaign.dnc_service
    if service is None:
        return ""
    is_down = service.state == DncService.State.OUT_OF_SERVICE
    if is_down or Schedule.State.DNC_OOS in _schedules_of_now(campaign, now):
        return _("The do-not-call service %(name)s is out of service.") % {"name": service.name}
    return ""


def _not_running(campaign: Campaign, now: datetime) -> str:
    if Schedule.State.RUNNING in _schedules_of_now(campaign, now):
        return ""
    return _("The schedule has not been opened; is the beat process running?")


def _not_connected(campaign: Campaign, now: datetime) -> str:
    center = campaign.queue.contact_center
    if not center.enabled:
        return _("The contact centre %(name)s is disabled.") % {"name": center.name}
    if center.state != ContactCenter.State.CONNECTED:
        return _("The contact centre %(name)s is not connected. %(error)s") % {
            "name": center.name,
            "error": center.last_error,
        }
    return ""


def _no_port(campaign: Campaign, now: datetime) -> str:
    if not ports.registered(now).exists():
        failed = DialerPort.objects.filter(enabled=True).exclude(last_error="").first()
        return _("No dialer port is registered. %(error)s") % {"error": failed.last_error if failed else ""}
    used = CallAttempt.objects.filter(ended_at=None).count()
    if used < capacity.capacity(now).calls:
        return ""
    carrier = capacity.resting(now).first()
    if carrier is None:
        return _("All dialer ports are in use, or as many as their carriers allow.")
    return _("The carrier %(name)s rests until %(when)s: %(error)s.") % {
        "name": carrier.name,
        "when": in_seconds(carrier.resting_until, campaign),
        "error": carrier.last_error,
    }


def _no_lead(campaign: Campaign, now: datetime) -> str:
    coming = (
        Lead.objects.filter(campaign=campaign, pool=Lead.Pool.WAITING).order_by("next_attempt_at").first()
    )
    if coming is None:
        return _("No lead is left to call.")
    if coming.next_attempt_at > now:
        return _("No lead is due until %(when)s.") % {"when": _when(coming.next_attempt_at, campaign)}
    return ""


_QUESTIONS: tuple[Callable[[Campaign, datetime], str], ...] = (
    _stopped,
    _outside_hours,
    _list_out_of_service,
    _not_running,
    _no_lead,
    _not_connected,
    _no_port,
)


def _schedules_of_now(campaign: Campaign, now: datetime) -> set[str]:
    """States of the schedules whose window `now` is in."""
    window = campaign.schedules.filter(opens_at__lte=now, closes_at__gt=now)
    return set(window.values_list("state", flat=True))


def in_seconds(moment: datetime | None, campaign: Campaign) -> str:
    """A time of today on the campaign's own clock."""
    return f"{localtime(moment, campaign.zone):%H:%M:%S}" if moment is not None else ""


def _when(moment: datetime, campaign: Campaign) -> str:
    """Day and time on the campaign's own clock."""
    local = localtime(moment, campaign.zone)
    return f"{local:%Y-%m-%d} {time_format(local, 'H:i')}"
