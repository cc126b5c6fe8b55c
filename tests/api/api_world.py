"""Two groups with all kinds of rows, users of all roles in both, and clients that speak for them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from accounts import audit, tokens
from accounts.models import Change, Role, SignInLock, User
from campaigns.models import Campaign
from dnc.models import DncNumber, DncRemoval, DncService, DncUpload
from groups.models import DialerGroup
from leads.models import AmdEvidence, AmdLabel, CallAttempt, LeadUpload
from telephony.models import Carrier, DialerPort, Queue, ResultRule
from tests.factories import (
    embedded_dnc,
    make_attempt,
    make_campaign,
    make_group,
    make_lead,
    make_port,
    make_queue,
    make_user,
)


def client_of(user: User | None, **extra: Any) -> APIClient:
    """A program with a token of `user`; None is anonymous."""
    client = APIClient(**extra)
    if user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(user)}")
    return client


def json_client(user: User) -> APIClient:
    """Sends JSON unless told otherwise."""
    client = client_of(user)
    client.default_format = "json"
    return client


@dataclass
class World:
    """Rows of the group `mine`; users of each role in `mine` and in `other`."""

    mine: DialerGroup = field(default_factory=lambda: make_group(name="Mine"))
    other: DialerGroup = field(default_factory=lambda: make_group(name="Other"))

    def __post_init__(self) -> None:
        self.queue: Queue = make_queue()
        self.port: DialerPort = make_port()
        self.users = {role: make_user(role, [self.mine]) for role in Role}
        self.others = {role: make_user(role, [self.other]) for role in Role}
        self.embedded = embedded_dnc()
        self.external = DncService.objects.create(name="Registry", url="https://dnc.invalid")
        self.number = DncNumber.objects.create(number=554199990000, reason="asked", added_by=None)
        self.removal = DncRemoval.objects.create(number=554188880000, reason="mistake", removed_by=None)
        self.campaign: Campaign = make_campaign(group=self.mine, queue=self.queue, started=False)
        self.schedule = self.campaign.schedules.get()
        self.lead = make_lead(self.campaign)
        self.attempt: CallAttempt = make_attempt(
            make_lead(self.campaign),
            state="ENDED",
            result="BUSY",
            ended_at=timezone.now(),
            amd_verdict="MACHINE",
            amd_cause="beep of 1000 Hz",
            amd_why={"code": "beep", "hz": 1000},
            amd_decision_ms=700,
        )
        AmdEvidence.objects.create(attempt=self.attempt, heard={"heard_ms": 700}, sound=b"\xff" * 5600)
        AmdLabel.objects.create(attempt=self.attempt, heard="MACHINE")
        self.upload = LeadUpload.objects.create(
            campaign=self.campaign, file_name="a.csv", invalid=1, refused_rows="line,reason,row\r\n"
        )

        self.number_upload = DncUpload.objects.create(file_name="n.csv", invalid=1, refused_rows="line\r\n")
        self.carrier = Carrier.objects.create(name="Carrier")
        self.rule = ResultRule.objects.create(sip_code=699, result="BUSY")
        audit.created(None, self.port)
        self.change = Change.objects.get()
        self.lock = SignInLock.objects.create(
            username="guessed", ip_address="203.0.113.9", failures_since_start=3, get_data="", post_data=""
        )

    def ids(self) -> dict[str, Any]:
        """The id of the row of `mine` for each collection below `/api/v1/`."""
        return {
            "users": self.users[Role.CAMPAIGN_SUPERVISOR].pk,
            "groups": self.mine.pk,
            "campaigns": self.campaign.pk,
            "schedules": self.schedule.pk,
            "leads": self.lead.pk,
            "upload": self.upload.pk,
            "number-upload": self.number_upload.pk,
            "attempts": self.attempt.pk,
            "services": self.external.pk,
            "numbers": self.number.pk,
            "removals": self.removal.pk,
            "ports": self.port.pk,
            "contact-centers": self.queue.contact_center_id,
            "queues": self.queue.pk,
            "carriers": self.carrier.pk,
            "result-rules": self.rule.pk,
            "changes": self.change.pk,
            "locks": self.lock.pk,
        }


def campaign_fields(group: DialerGroup, queue: Queue, **fields: Any) -> dict[str, Any]:
    """A request body that creates a campaign."""
    today = timezone.now().date()
    body = {
        "name": "Spring", "group": group.pk, "start_date": today, "end_date": today + timedelta(days=6),
        "start_time": "08:00", "end_time": "18:00", "weekdays": [1, 2, 3, 4, 5, 6, 7], "time_zone": "UTC",
        "pilot_number": "8000", "queue": queue.pk,
    }  # fmt: skip
    return body | fields
