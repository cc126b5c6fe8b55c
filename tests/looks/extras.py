"""Rows that a demo does not have, so that no page is empty: made once, as people make them."""

import io
from datetime import time, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Role, User
from accounts.services import create_user
from campaigns import deletion
from campaigns.models import Campaign
from campaigns.services import create_campaign
from dnc.services import add_number, create_service, remove_number
from groups.models import DialerGroup
from leads import uploads
from leads.services import add_lead
from telephony.models import Carrier, Queue

NAME = "Spring renewal"

_LEADS = """name;phone;description
Mary Silvester;+55 41 8301-5031;Gold customer since 2019, prefers the afternoon
José da Conceição Albuquerque e Vasconcelos;(41) 98301-5032;
Søren Åkesson;554183015033;Asked for the new price list
Mary Silvester;+55 41 8301-5031;
Nobody;call me;
=HYPERLINK("http://example.org");554183015034;
Ana Souza;;
"""


def make_leaving(group: DialerGroup, queue: Queue) -> None:
    """A campaign that is being deleted. Who makes it where a jobs worker runs holds `deletion.LOCK`."""
    if Campaign.objects.filter(state=Campaign.State.DELETING).exists():
        return
    today = timezone.now().date()
    campaign = create_campaign(
        None, name="Winter survey", description="Ended in March", group=group, queue=queue, type=queue.kind,
        start_date=today, end_date=today + timedelta(days=6), start_time=time(9), end_time=time(17),
        weekdays=[1, 2, 3, 4, 5], time_zone="UTC", pilot_number=queue.pilot_number,
    )  # fmt: skip
    for number, name in enumerate(("Mary Silvester", "Søren Åkesson")):
        add_lead(None, campaign, name=name, phone_number=f"55418301503{number}")
    deletion.begin(campaign)


@transaction.atomic
def make_extras(group: DialerGroup, queue: Queue) -> Campaign:
    """A stopped campaign with schedules, leads and refused rows, and something on every page of the Masters."""
    if known := Campaign.objects.filter(name=NAME).first():
        return known
    master = User.objects.filter(role=Role.MASTER).earliest("pk")
    today = timezone.now().date()
    campaign = create_campaign(
        None,
        name=NAME,
        description="Customers whose contract ends before the summer; the offer is on the intranet",
        group=group,
        start_date=today,
        end_date=today + timedelta(days=30),
        start_time=time(9),
        end_time=time(17, 30),
        time_zone="America/Sao_Paulo",
        weekdays=[1, 2, 3, 4, 5],
        pilot_number=queue.pilot_number,
        queue=queue,
        type=queue.kind,
        dnc_service=create_service(master, name="National registry", url="https://dnc.example.org"),
    )
    ada = User.objects.filter(role=Role.CAMPAIGN_ADMINISTRATOR, dialer_groups=group).earliest("pk")
    uploads.receive(ada, campaign, io.BytesIO(_LEADS.encode()), "spring-renewal.csv")
    add_number(master, "554181021119", "Asked on the phone on Monday")
    add_number(master, "554181021118", "Typed wrong")
    remove_number(master, "554181021118", "Typed wrong")
    Carrier.objects.create(name="Southern Telecom", calls_per_second=5)
    DialerGroup.objects.create(name="Closed shop", description="Merged into another", enabled=False)
    create_user(
        master,
        username="wanda",
        password="a long enough pass phrase",
        first_name="Wanda",
        last_name="Wednesday",
        role=Role.CAMPAIGN_SUPERVISOR,
        groups=[group],
    )
    return campaign
