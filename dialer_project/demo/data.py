"""The demo's group, do-not-call numbers and campaign. Made once; a finished campaign is followed by the next."""

import csv
from datetime import time, timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from campaigns.models import Campaign
from campaigns.services import create_campaign
from dnc.models import DncService
from dnc.services import add_number
from groups.models import DialerGroup
from groups.services import create_group
from leads import evidence
from leads.models import EvidencePolicy, Lead
from leads.uploads import import_leads
from telephony.models import Queue

LEADS = Path(__file__).with_name("leads.csv")
"""200 made-up leads. The last digit of a number decides what the demo PBX's customer does (docs/demo.md)."""

LISTED_EVERY = 25
"""Each 25th lead of the file is on the do-not-call list."""

DAYS = 14


def make_group() -> DialerGroup:
    group = DialerGroup.objects.filter(name="Demo").first()
    return group or create_group(None, name="Demo", description="Made by the demo")


def list_numbers() -> int:
    """Puts some of the leads, and some numbers nobody dials, on the embedded do-not-call list."""
    with LEADS.open(newline="", encoding="utf-8") as file:
        numbers = [row[1] for row in csv.reader(file)][LISTED_EVERY - 1 :: LISTED_EVERY]
    numbers += ["5511900009990", "5511900009999"]
    for number in numbers:
        add_number(None, number, reason="Asked not to be called", source="demo")
    return len(numbers)


def keep_sounds() -> None:
    """All calls of the demo are listened to: made-up customers mind no recording. A saved policy stays."""
    if not EvidencePolicy.objects.exists():
        evidence.change_policy(None, keep_sound=EvidencePolicy.KeepSound.ALL)


def current_campaign(group: DialerGroup) -> Campaign | None:
    """The newest demo campaign, if it has both leads and days left."""
    campaign = Campaign.objects.filter(group=group, name__startswith="Demo").order_by("-id").first()
    if campaign is None:
        return None
    leads_left = campaign.leads.exclude(pool=Lead.Pool.DONE).exists()
    days_left = campaign.schedules.filter(closes_at__gt=timezone.now()).exists()
    return campaign if leads_left and days_left else None


@transaction.atomic
def make_campaign(group: DialerGroup, queue: Queue) -> Campaign:
    """`Demo`, or the next `Demo 2`: from today on, all day, every day, with the 200 leads."""
    count = Campaign.objects.filter(group=group, name__startswith="Demo").count()
    name = "Demo"
    while Campaign.objects.filter(name=name).exists():
        count += 1
        name = f"Demo {count}"
    creator = User.objects.filter(username="administrator", dialer_groups=group).first()
    today = timezone.now().date()
    campaign = create_campaign(
        creator,
        name=name,
        description="200 made-up leads, called through the demo PBX.",
        group=group,
        start_date=today,
        end_date=today + timedelta(days=DAYS - 1),
        start_time=time(0, 0),
        end_time=time(23, 59),
        weekdays=[1, 2, 3, 4, 5, 6, 7],
        time_zone="UTC",
        pilot_number=queue.pilot_number,
        queue=queue,
        type=Campaign.Type.OSCC,
        max_attempts=2,
        retry_delay=1,
        ring_timeout=15,
        amd_enabled=True,
        dnc_service=DncService.objects.get(kind=DncService.Kind.EMBEDDED),
    )
    with LEADS.open("rb") as file:
        import_leads(creator, campaign, file, LEADS.name)
    return campaign
