"""Two groups with everything in each, and somebody of every role: what the web tests walk through."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Model
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from campaigns.models import Campaign, Schedule
from dnc.models import DncNumber, DncRemoval, DncService, DncUpload
from groups.models import DialerGroup
from leads.models import CallAttempt, Lead, LeadStatus, LeadUpload
from telephony.models import Carrier, ContactCenter, DialerPort, Queue, ResultRule
from tests import factories as make

SECRET = "Zebra"
"""In every name of the other group: it may stand on no page of the first one."""


@dataclass
class Side:
    """A group, its people and rows."""

    group: DialerGroup
    people: dict[str, User]
    campaign: Campaign
    schedule: Schedule
    lead: Lead
    upload: LeadUpload
    attempt: CallAttempt

    @property
    def rows(self) -> list[Model]:
        people = [user for user in self.people.values() if user.role != Role.MASTER]
        return [self.group, *people, self.campaign, self.schedule, self.lead, self.upload, self.attempt]


@dataclass
class World:
    ours: Side
    theirs: Side
    shared: list[Model]
    """Rows that belong to no group."""


def make_world() -> World:
    center = make.make_contact_center(name="Demo PBX")
    queue = make.make_queue(name="sales", contact_center=center)
    number = DncNumber.objects.create(number=554181021119, reason="asked")
    removal = DncRemoval.objects.create(number=554181021118, reason="typed wrong")
    service = DncService.objects.create(name="National list", url="https://dnc.example.org")
    rule = ResultRule.objects.create(sip_code=699, result=LeadStatus.BUSY)
    dnc = [number, removal, service, make.embedded_dnc()]
    shared: list[Model] = [make.make_port(), center, queue, rule, *dnc]
    return World(make_side("Ours", queue), make_side(SECRET, queue), shared)


def make_side(name: str, queue: Queue) -> Side:
    group = make.make_group(name=f"{name} group")
    people = {
        role: make.make_user(
            role, [] if role == Role.MASTER else [group], username=f"{name}-{role}", last_name=name
        )
        for role in Role.values
    }
    campaign = make.make_campaign(
        name=f"{name} campaign", group=group, queue=queue, started=False, schedule=False
    )
    schedule = make.make_schedule(campaign, state=Schedule.State.NOT_RUNNING)
    lead = make.make_lead(campaign, name=f"{name} lead")
    ended = timezone.now() - timedelta(hours=2)
    attempt = make.make_attempt(lead, state="ENDED", result=LeadStatus.BUSY, sip_code=486, ended_at=ended)
    upload = LeadUpload.objects.create(
        campaign=campaign,
        file_name=f"{name}.csv",
        added=1,
        invalid=1,
        refused_rows=f"line,reason,row\r\n2,wrong,{name}\r\n",
    )
    return Side(group, people, campaign, schedule, lead, upload, attempt)


def signed_in(user: User, **options: Any) -> Client:
    client = Client(raise_request_exception=True, **options)
    client.force_login(user)
    return client


MODELS: list[type[Model]] = [
    User, DialerGroup, Campaign, Schedule, Lead, LeadUpload, CallAttempt,
    DncNumber, DncRemoval, DncService, DncUpload, Carrier, DialerPort, ContactCenter, Queue, ResultRule,
]  # fmt: skip
