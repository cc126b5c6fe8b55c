"""A carrier's limit of calls per second, with real processes that wait for their turns, come late, stand still, or die.

What is promised (`dialing.carriers.most_in`): of any W seconds, at most 1 + (W + GRACE) * limit starts. `started_at` is
taken between the moment that a turn is for and the statement that looks at it, so it may be held against that to the
last one.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from dialing.carriers import NotYet, Turn, most_in
from dialing.turns import Turns
from leads.models import CallAttempt
from telephony.models import Carrier, DialerPort
from tests.dialing.worker_with_ports import eventually
from tests.factories import make_attempt, make_campaign, make_leads, make_port
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

WINDOWS = (0.2, 0.5, 1.0, 2.0)
"""Seconds."""


class Starters:
    """Processes with ports of one carrier, and attempts enough for all of them."""

    def __init__(self, environment: dict[str, str], limit: Decimal, threads: int = 8) -> None:
        self._environment, self._threads = environment, threads
        self.limit = float(limit)
        self.carrier = Carrier.objects.create(name="trunk", calls_per_second=limit)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, seconds: float, stalls: float, campaign: Campaign | None = None, count: int = 100) -> int:
        """One more; returns its campaign's id."""
        campaign = campaign or make_campaign()
        attempts = [make_attempt(lead).pk for lead in make_leads(campaign, count)]
        ports = [
            make_port(
                carrier=self.carrier,
                state=DialerPort.State.REGISTERED,
                worker="w",
                lease_until=timezone.now() + timedelta(minutes=5),
            ).pk
            for _ in range(self._threads)
        ]
        words = [len(self.processes), seconds, stalls, *ports, "--", *attempts]
        command = [sys.executable, "-m", "tests.dialing.starts", *map(str, words)]
        self.processes.append(subprocess.Popen(command, env=self._environment))
        return campaign.pk

    def wait(self) -> None:
        for process in self.processes:
            assert process.wait(60) in {0, -signal.SIGKILL}

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    def check(self) -> list[float]:
        """All starts, as seconds since the first; no window holds more than is promised."""
        times = sorted(
            at.timestamp()
            for at in CallAttempt.objects.values_list("started_at", flat=True)
            if at is not None
        )
        for window in WINDOWS:
            most = max(sum(first <= at <= first + window for at in times) for first in times)
            assert most <= most_in(window, self.limit), f"{most} starts in {window} s"
        return [at - times[0] for at in times]


@pytest.mark.parametrize("limit", [Decimal(5), Decimal(15), Decimal(60)])
def test_no_more_calls_a_second_than_the_carrier_takes_however_many_dial_and_however_late(
    process_environment: dict[str, str], limit: Decimal
) -> None:
    starters = Starters(process_environment, limit)
    try:
        for _ in range(3):
            starters.start(seconds=4, stalls=0.2)
        chance = random.Random(float(limit))
        time.sleep(2)
        for process in starters.processes:  # stands still for longer than its turns hold
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(chance.uniform(0.1, 0.5))
            os.kill(process.pid, signal.SIGCONT)
        starters.wait()
        times = starters.check()
        assert len(times) > starters.limit
    finally:
        starters.end()


def test_i6_the_turns_of_a_campaign_that_stops_are_for_the_others(
    process_environment: dict[str, str],
) -> None:
    starters = Starters(process_environment, Decimal(15))
    try:
        stopped, other = (starters.start(seconds=10, stalls=0) for _ in range(2))
        made = CallAttempt.objects.exclude(started_at=None)
        made_by = [made.filter(campaign=campaign) for campaign in (stopped, other)]
        eventually(lambda: min(one.count() for one in made_by) > 3)
        Campaign.objects.filter(pk=stopped).update(state=Campaign.State.STOPPED)
        at = timezone.now()
        starters.wait()
        starters.check()
        assert not made.filter(campaign=stopped, started_at__gt=at + timedelta(seconds=0.2)).exists()
        soon = at + timedelta(seconds=1)
        assert made.filter(campaign=other, started_at__gt=at, started_at__lt=soon).count() >= 10
    finally:
        starters.end()


def test_i4_turns_that_a_killed_worker_takes_along_are_soon_over(process_environment: dict[str, str]) -> None:
    starters = Starters(process_environment, Decimal(15))
    try:
        starters.start(seconds=30, stalls=0)
        starters.start(seconds=5, stalls=0)
        eventually(lambda: CallAttempt.objects.exclude(started_at=None).count() > 5)
        starters.processes[0].kill()
        starters.processes[0].wait()
        at = timezone.now()
        starters.wait()
        starters.check()
        soon = CallAttempt.objects.filter(started_at__gt=at, started_at__lt=at + timedelta(seconds=1)).count()
        assert soon >= 8
    finally:
        starters.end()


def test_one_start_asks_for_all_that_wait_behind_it() -> None:
    asking, most = 0, 0
    lock = threading.Lock()

    def ask(carrier: int, _attempt: int) -> Turn:
        nonlocal asking, most
        with lock:
            asking += 1
            most = max(most, asking)
        time.sleep(0.01)
        with lock:
            asking -= 1
        return Turn(carrier, timezone.now(), time.monotonic() + 0.05, is_counted=False)

    turns, taken = Turns(ask), []
    threads = [threading.Thread(target=lambda: taken.append(turns.take(1, 0, PATIENCE))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (len(taken), most) == (20, 1)


def test_a_turn_that_is_left_is_the_next_ones_and_an_old_one_nobodys() -> None:
    asked = iter([0.05, 0.05, 0.05])
    turns = Turns(
        lambda carrier, _attempt: Turn(
            carrier, timezone.now(), time.monotonic() + next(asked), is_counted=False
        )
    )
    first = turns.take(1, 0, 1)
    turns.leave(first)
    assert turns.take(1, 0, 1) is first
    turns.leave(first)
    time.sleep(0.1)
    assert turns.take(1, 0, 1) is not first


def test_who_can_not_have_a_turn_in_time_is_told_so_at_once() -> None:
    def ask(carrier: int, _attempt: int) -> Turn:
        raise NotYet(carrier, 2 * PATIENCE, "The carrier rests.")

    began = time.monotonic()
    with pytest.raises(NotYet, match="rests"):
        Turns(ask).take(1, 0, PATIENCE)
    assert time.monotonic() - began < PATIENCE
