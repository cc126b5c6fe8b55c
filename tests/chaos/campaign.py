"""The campaign of a fault-injection run: leads of all kinds that never run out, and retries that are due soon."""

import time

from django.utils import timezone

from campaigns import lifecycle
from campaigns.announce import announce
from campaigns.models import Campaign
from dialing.ports import registered
from dnc.models import DncNumber
from leads.models import CallAttempt, Lead
from telephony.models import Queue
from tests.chaos.pbx import PORTS
from tests.chaos.world import Peer, ask
from tests.factories import embedded_dnc, make_campaign, make_contact_center, make_group, make_port

KINDS = "0012334567890"
"""Last digits of the numbers; each is a customer of `telephony/demo_pbx/customers.py`."""
LISTED_EVERY = 25


def make(world: Peer) -> Campaign:
    """Ports, a contact centre with a queue, and a campaign that is not started."""
    host, port = world.registrar
    for user in range(6001, 6001 + PORTS):
        make_port(extension=str(user), password=f"pw{user}", registrar_host=host, registrar_port=port)
    center = make_contact_center(**world.pbx.center_fields(world.center))
    campaign = make_campaign(
        group=make_group(name="chaos"),
        queue=Queue.objects.create(contact_center=center, name="sales", pilot_number="7000"),
        amd_enabled=True,
        dnc_service=embedded_dnc(),
        max_attempts=3,
        ring_timeout=2,
        started=False,
    )
    world.campaign = campaign.pk
    return campaign


class Leads:
    """Adds leads, and lets retries be due, while the run goes on."""

    def __init__(self, campaign: int, enough: int, prefix: str) -> None:
        """`enough`: leads due at once; more are added when there are fewer. `prefix`: of their numbers."""
        self._campaign = campaign
        self._enough = enough
        self._prefix = prefix
        self._made = 0

    def keep_coming(self) -> None:
        """Retries are due at once; leads that are few get company."""
        waiting = Lead.objects.filter(campaign=self._campaign, pool=Lead.Pool.WAITING)
        waiting.filter(next_attempt_at__gt=timezone.now()).update(next_attempt_at=timezone.now())
        if waiting.count() < self._enough:
            self.add(self._enough)
        announce("leads", campaign=self._campaign)

    def add(self, count: int, kinds: str = KINDS) -> None:
        leads, listed = [], []
        for _ in range(count):
            self._made += 1
            number = f"{self._prefix}{self._made:06}{kinds[self._made % len(kinds)]}"
            leads.append(Lead(campaign_id=self._campaign, name=f"Lead {self._made}", phone_number=number))
            if kinds is KINDS and self._made % LISTED_EVERY == 0:
                listed.append(DncNumber(number=int(number)))
        DncNumber.objects.bulk_create(listed, ignore_conflicts=True)
        Lead.objects.bulk_create(leads, ignore_conflicts=True)


def start(campaign: int) -> None:
    """What the start button does."""
    Campaign.objects.filter(pk=campaign).update(state=Campaign.State.STARTED)
    lifecycle.after_start(campaign)


def stop(campaign: int) -> float:
    """What the stop button does; returns the moment (epoch) when it was done."""
    lifecycle.stop(campaign)
    return time.time()


def wait_for_ports(within: float = 120.0) -> None:
    deadline = time.monotonic() + within
    while ask(lambda: registered(timezone.now()).count()) < PORTS:
        if time.monotonic() > deadline:
            raise TimeoutError("the dialer ports were not registered")
        time.sleep(0.1)


def is_at_rest(campaign: int) -> bool:
    """Nobody is left to call, and nobody is being called."""
    due = Lead.objects.filter(
        campaign=campaign, pool=Lead.Pool.WAITING, next_attempt_at__lte=timezone.now()
    ).exists()
    return not (due or CallAttempt.objects.filter(ended_at=None).exists())
