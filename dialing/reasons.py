"""Why a campaign is not dialing, in words: "nothing dials and no reason is shown" is the loudest complaint of all."""

from collections.abc import Callable, Collection
from datetime import datetime
from functools import cached_property

from django.db.models import Min
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from campaigns import selectors
from campaigns.models import Campaign, Schedule
from dialing import capacity, ports, reports
from dialing.engine import leader
from dialing.leases import database_time
from dialing.models import ProcessReport
from dnc.models import DncService
from leads.models import CallAttempt
from telephony.models import Carrier, ContactCenter, DialerPort


class Moment:
    """What the questions ask of the database, asked once for all campaigns, and only when a question needs it."""

    def __init__(self, campaigns: Collection[Campaign], now: datetime) -> None:
        self.now = now
        self._campaigns = [campaign.pk for campaign in campaigns]

    @cached_property
    def schedules(self) -> dict[int, set[str]]:
        """States of the schedules whose window it is, by campaign."""
        found: dict[int, set[str]] = {campaign: set() for campaign in self._campaigns}
        window = Schedule.objects.filter(
            campaign__in=self._campaigns, opens_at__lte=self.now, closes_at__gt=self.now
        )
        for campaign, state in window.values_list("campaign", "state"):
            found[campaign].add(state)
        return found

    @cached_property
    def openings(self) -> dict[int, datetime]:
        """When the next schedule opens, by campaign."""
        coming = Schedule.objects.filter(campaign__in=self._campaigns, opens_at__gt=self.now).order_by()
        return dict(coming.values_list("campaign").annotate(Min("opens_at")))

    @cached_property
    def next_due(self) -> dict[int, datetime | None]:
        return selectors.next_due(self._campaigns)

    @cached_property
    def leases_now(self) -> datetime:
        """Leases of ports and rests of carriers live by the database's clock, whatever this host's says."""
        return database_time()

    @cached_property
    def ports(self) -> int:
        return ports.registered(self.leases_now).count()

    @cached_property
    def capacity(self) -> int:
        """Calls in parallel that ports and carriers allow."""
        return capacity.capacity(self.leases_now).calls

    @cached_property
    def resting_carrier(self) -> Carrier | None:
        return capacity.resting(self.leases_now).first()

    @cached_property
    def is_led(self) -> bool:
        """An engine plans calls; what a contact centre's row says of its state is from when there last was one."""
        return leader.is_there_one()

    @cached_property
    def is_broker_away(self) -> bool:
        """The engine that leads says so."""
        fresh = ProcessReport.objects.filter(kind="engine", reported_at__gte=self.leases_now - reports.FRESH)
        newest = fresh.order_by("-reported_at").first()
        return newest is not None and bool(newest.numbers.get("broker_away"))

    @cached_property
    def calls(self) -> int:
        return CallAttempt.objects.filter(ended_at=None).count()

    @cached_property
    def port_error(self) -> str:
        failed = DialerPort.objects.filter(enabled=True).exclude(last_error="").first()
        return failed.last_error if failed else ""


def why_not_dialing(campaign: Campaign, now: datetime) -> str | None:
    """The first thing that keeps the campaign from placing its next call; None when nothing is known to.

    Whether agents are free is the contact centre's news and not in the database: the answer may be None while
    all of them talk.
    """
    return why_none_dials([campaign], now)[campaign.pk]


def why_none_dials(campaigns: Collection[Campaign], now: datetime) -> dict[int, str | None]:
    """The same for many, by campaign, in as many queries as for one."""
    moment = Moment(campaigns, now)
    return {
        campaign.pk: next((words for question in _QUESTIONS if (words := question(campaign, moment))), None)
        for campaign in campaigns
    }


def _stopped(campaign: Campaign, moment: Moment) -> str:
    if campaign.is_being_deleted:
        return _("The campaign is being deleted.")
    return "" if campaign.is_started else _("The campaign is stopped.")


def _outside_hours(campaign: Campaign, moment: Moment) -> str:
    if moment.schedules[campaign.pk]:
        return ""
    opens_at = moment.openings.get(campaign.pk)
    if opens_at is None:
        return _("Outside the hours, and no schedule is left.")
    return _("Outside the hours; the next schedule opens on %(when)s.") % {"when": _when(opens_at, campaign)}


def _list_out_of_service(campaign: Campaign, moment: Moment) -> str:
    service = campaign.dnc_service
    if service is None:
        return ""
    is_down = service.state == DncService.State.OUT_OF_SERVICE
    if is_down or Schedule.State.DNC_OOS in moment.schedules[campaign.pk]:
        return _("The do-not-call service %(name)s is out of service.") % {"name": service.name}
    return ""


def _not_running(campaign: Campaign, moment: Moment) -> str:
    if Schedule.State.RUNNING in moment.schedules[campaign.pk]:
        return ""
    return _("The schedule has not been opened; is the beat process running?")


def _no_engine(campaign: Campaign, moment: Moment) -> str:
    return "" if moment.is_led else _("No engine runs: nobody is dialed.")


def _no_broker(campaign: Campaign, moment: Moment) -> str:
    return _("Valkey does not answer.") if moment.is_broker_away else ""


def _not_connected(campaign: Campaign, moment: Moment) -> str:
    center = campaign.queue.contact_center
    if not center.enabled:
        return _("The contact centre %(name)s is disabled.") % {"name": center.name}
    if center.state != ContactCenter.State.CONNECTED:
        return _("The contact centre %(name)s is not connected. %(error)s") % {
            "name": center.name,
            "error": center.last_error,
        }
    return ""


def _no_port(campaign: Campaign, moment: Moment) -> str:
    if not moment.ports:
        return _("No dialer port is in service. %(error)s") % {"error": moment.port_error}
    if moment.calls < moment.capacity:
        return ""
    carrier = moment.resting_carrier
    if carrier is None:
        return _("All dialer ports are in use, or as many as their carriers allow.")
    return _("The carrier %(name)s rests until %(when)s: %(error)s.") % {
        "name": carrier.name,
        "when": in_seconds(carrier.resting_until, campaign),
        "error": carrier.last_error,
    }


def _no_lead(campaign: Campaign, moment: Moment) -> str:
    due = moment.next_due[campaign.pk]
    if due is None:
        return _("No lead is left to call.")
    if due > moment.now:
        return _("No lead is due until %(when)s.") % {"when": _when(due, campaign)}
    return ""


_QUESTIONS: tuple[Callable[[Campaign, Moment], str], ...] = (
    _stopped,
    _outside_hours,
    _list_out_of_service,
    _not_running,
    _no_lead,
    _no_engine,
    _no_broker,
    _not_connected,
    _no_port,
)


def in_seconds(moment: datetime | None, campaign: Campaign) -> str:
    """A time of today on the campaign's own clock."""
    return f"{localtime(moment, campaign.zone):%H:%M:%S}" if moment is not None else ""


def _when(moment: datetime, campaign: Campaign) -> str:
    """Day and time on the campaign's own clock."""
    local = localtime(moment, campaign.zone)
    return f"{local:%Y-%m-%d} {time_format(local, 'H:i')}"
