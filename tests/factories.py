"""Plain factories: each makes one valid row, and the rows it needs; a test names only what it is about.

A campaign made here is open: STARTED, with a RUNNING schedule around now. `make_campaign(started=False)`
makes the stopped one that the campaign form would leave behind.
"""

import itertools
from datetime import datetime, time, timedelta
from importlib import import_module
from typing import Any

from django.apps import apps
from django.utils import timezone

from accounts import group_rights
from accounts.models import Role, User
from campaigns.models import Campaign, Schedule
from dnc.models import DncService
from groups.models import DialerGroup
from leads.models import CallAttempt, Lead
from telephony.models import ContactCenter, DialerPort, Queue, ResultRule

PASSWORD = "a long enough pass phrase"
"""Of every user that `make_user` makes."""

_serial = itertools.count(1)


def make_group(**fields: Any) -> DialerGroup:
    fields.setdefault("name", f"Group {next(_serial)}")
    return DialerGroup.objects.create(**fields)


def make_user(
    role: Role | str = Role.CAMPAIGN_ADMINISTRATOR,
    groups: list[DialerGroup] | None = None,
    **fields: Any,
) -> User:
    """A user in `groups`; None puts them into one new group, an empty list into none."""
    fields.setdefault("username", f"user{next(_serial)}")
    fields.setdefault("first_name", "Ana")
    fields.setdefault("last_name", "Souza")
    user = User.objects.create_user(password=fields.pop("password", PASSWORD), role=role, **fields)
    put_into_groups(user, *([make_group()] if groups is None else groups))
    return user


def put_into_groups(user: User, *groups: DialerGroup) -> None:
    """Into these besides the user's own, with the rights there."""
    user.dialer_groups.add(*groups)
    group_rights.derive(user)


def make_contact_center(**fields: Any) -> ContactCenter:
    fields.setdefault("name", f"Contact centre {next(_serial)}")
    fields.setdefault("kind", ContactCenter.Kind.DEMO)
    return ContactCenter.objects.create(**fields)


def make_queue(**fields: Any) -> Queue:
    if "contact_center" not in fields:
        fields["contact_center"] = make_contact_center()
    fields.setdefault("name", f"queue{next(_serial)}")
    fields.setdefault("pilot_number", "8000")
    return Queue.objects.create(**fields)


def make_port(**fields: Any) -> DialerPort:
    fields.setdefault("extension", str(7000 + next(_serial)))
    fields.setdefault("password", "port secret")
    fields.setdefault("registrar_host", "127.0.0.1")
    return DialerPort.objects.create(**fields)


def embedded_dnc() -> DncService:
    """The embedded do-not-call service; tests that empty all tables have lost the migration's row."""
    return DncService.objects.get_or_create(
        kind=DncService.Kind.EMBEDDED, defaults={"name": "Embedded do-not-call list"}
    )[0]


def installed_result_rules() -> None:
    """The result table as the migration wrote it; tests that empty all tables have lost its rows."""
    ResultRule.objects.all().delete()
    import_module("telephony.migrations.0002_result_rules").write_defaults(apps, None)
    import_module("telephony.migrations.0009_early_media").write_heard(apps, None)


def make_campaign(*, started: bool = True, schedule: bool = True, **fields: Any) -> Campaign:
    """A campaign of one OSCC queue with AMD and do-not-call off, open from an hour ago for two hours."""
    fields.setdefault("name", f"Campaign {next(_serial)}")
    if "group" not in fields:
        fields["group"] = make_group()
    if "queue" not in fields:
        fields["queue"] = make_queue()
    today = timezone.now().date()
    fields.setdefault("start_date", today)
    fields.setdefault("end_date", today)
    fields.setdefault("start_time", time(0, 0))
    fields.setdefault("end_time", time(23, 59))
    fields.setdefault("weekdays", [1, 2, 3, 4, 5, 6, 7])
    fields.setdefault("pilot_number", fields["queue"].pilot_number or "8000")
    fields.setdefault("amd_enabled", False)
    fields.setdefault("state", Campaign.State.STARTED if started else Campaign.State.STOPPED)
    campaign = Campaign.objects.create(**fields)
    if schedule:
        state = Schedule.State.RUNNING if campaign.is_started else Schedule.State.NOT_RUNNING
        make_schedule(campaign, state=state)
    return campaign


def make_schedule(
    campaign: Campaign,
    *,
    opens_at: datetime | None = None,
    closes_at: datetime | None = None,
    **fields: Any,
) -> Schedule:
    """A schedule with the given instants (default: from an hour ago for two hours); its local hours are a formality."""
    opens = opens_at or timezone.now() - timedelta(hours=1)
    closes = closes_at or opens + timedelta(hours=2)
    fields.setdefault("date", opens.date())
    fields.setdefault("start_time", time(0, 0))
    fields.setdefault("end_time", time(23, 59))
    fields.setdefault("state", Schedule.State.RUNNING)
    return Schedule.objects.create(campaign=campaign, opens_at=opens, closes_at=closes, **fields)


def make_lead(campaign: Campaign | None = None, **fields: Any) -> Lead:
    number = next(_serial)
    fields.setdefault("name", f"Lead {number}")
    fields.setdefault("phone_number", f"5541{80000000 + number}")
    fields.setdefault("next_attempt_at", timezone.now() - timedelta(minutes=1))
    return Lead.objects.create(campaign=campaign or make_campaign(), **fields)


def make_leads(campaign: Campaign, count: int, **fields: Any) -> list[Lead]:
    return [make_lead(campaign, **fields) for _ in range(count)]


def make_attempt(lead: Lead | None = None, **fields: Any) -> CallAttempt:
    """A CLAIMED attempt of `lead`, as the engine's claim writes it (the lead's pool included)."""
    lead = lead or make_lead()
    campaign = lead.campaign
    values: dict[str, Any] = {
        "lead": lead,
        "campaign": campaign,
        "group": campaign.group,
        "queue": campaign.queue,
        "campaign_name": campaign.name,
        "lead_name": lead.name,
        "phone_number": lead.phone_number,
        "number": lead.attempts + 1,
        "lease_until": timezone.now() + timedelta(seconds=60),
    }
    attempt = CallAttempt.objects.create(**{**values, **fields})
    if attempt.ended_at is None:
        Lead.objects.filter(pk=lead.pk).update(pool=Lead.Pool.CLAIMED)
    return attempt
