"""One fault-injection run: fault, recovery, checks, again and again; then the campaign ends, and nothing is left."""

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from dialing.ports import registered
from leads.models import CallAttempt
from tests.chaos import campaign, checks
from tests.chaos.faults import FAULTS, bag
from tests.chaos.ledger import Ledger
from tests.chaos.pbx import AGENTS, PORTS
from tests.chaos.world import LEASE_SECONDS, PROCESSES, World, ask

RECOVERY = 45.0
"""Seconds within which calls must be made again, and those that the fault hit must have ended."""
THE_END = 120.0
"""Seconds for the campaign's last calls."""
UNCONFIRMED_S = 35.0
"""A call that was answered when its worker had just been killed: the PBX waits for the ACK for 64*T1 (RFC 3261, 13.3.1.4)."""


class Run:
    """`faults` faults in the order of `seed`, told to `report` line by line (JSON)."""

    def __init__(self, world: World, seed: int, report: Path, leads: int = 30) -> None:
        self._world = world
        self._seed = seed
        self._random = Random(seed)
        self._report = report
        self._leads = campaign.Leads(campaign.make(world).pk, leads, world.pbx.prefix)
        self._stopped: list[tuple[float, float]] = []
        self._wrong: list[str] = []
        self._ledger = Ledger()
        self._stops_seen = 0
        self._check_s: list[float] = []

    def go(self, kinds: Iterable[str]) -> list[str]:
        """Returns what was violated; empty is good."""
        began, done = time.monotonic(), 0
        for name in PROCESSES:
            self._world.start(name)
        self._leads.keep_coming()
        campaign.wait_for_ports()
        campaign.start(self._world.campaign)
        self._until(lambda: CallAttempt.objects.exclude(started_at=None).count() > AGENTS, 30)
        for kind in kinds:
            done += 1
            self._one(done, kind)
        self._tell({"fault": "the end", **self._end()})
        summary = {
            "summary": True,
            "seed": self._seed,
            "faults": done,
            "seconds": round(time.monotonic() - began),
            "attempts": ask(lambda: CallAttempt.objects.exclude(started_at=None).count()),
            "calls_in_the_log": len(self._world.pbx.calls()),
            "violations": len(self._wrong),
            "check_s": {"first": self._check_s[0], "longest": max(self._check_s), "last": self._check_s[-1]},
        }
        self._tell(summary)
        return self._wrong

    def _one(self, number: int, kind: str) -> None:
        self._until(lambda: False, self._random.uniform(0.5, 2.5))
        at = datetime.now(UTC)
        details = FAULTS[kind](self._world, self._random)
        if "stopped" in details:
            self._stopped.append(details.pop("stopped"))
        over, began = timezone.now(), time.monotonic()
        open_then = ask(lambda: list(CallAttempt.objects.filter(ended_at=None).values_list("pk", flat=True)))
        recovered = self._until(lambda: _has_recovered(open_then, over) and self._world.answers(), RECOVERY)
        seconds = round(time.monotonic() - began, 1)
        wrong = self._check()
        for name in self._world.processes.ended():  # told by the check; a supervisor would do the same
            self._world.start(name)
        if not recovered:
            wrong.append(f"no recovery within {RECOVERY:.0f} s: {ask(lambda: _why(open_then, over))}")
        self._wrong += wrong
        line = {"fault": number, "kind": kind, "at": at.isoformat(timespec="milliseconds"), **details}
        self._tell({**line, "recovered_s": seconds, "check_s": self._check_s[-1], "wrong": wrong})

    def _end(self) -> dict[str, Any]:
        """The campaign runs dry; then as many calls as there are agents must be possible at once."""
        began = time.monotonic()
        wrong = []
        if not self._until(lambda: campaign.is_at_rest(self._world.campaign), THE_END, leads=False):
            wrong.append(f"calls went on for {THE_END:.0f} s after the last lead")
        time.sleep(LEASE_SECONDS)
        self._until(lambda: checks.calls_up(self._world) == 0, UNCONFIRMED_S, leads=False)
        wrong += self._check() + self._check_everything() + ask(lambda: checks.at_rest(self._world))
        ask(lambda: self._leads.add(AGENTS, "4"))
        if not self._until(_all_agents_are_reserved, 20, leads=False):
            wrong.append("fewer calls at once than agents: a reservation or a port is lost")
        self._until(lambda: campaign.is_at_rest(self._world.campaign), 20, leads=False)
        self._wrong += wrong
        return {"seconds": round(time.monotonic() - began, 1), "wrong": wrong}

    def _check(self) -> list[str]:
        """What is new since the last one; leads and counts as a whole, which the database adds up in milliseconds."""
        began = time.monotonic()
        new = self._ledger.add_calls(self._world.pbx.new_calls())  # before the rows: each has its row by now
        wrong = ask(lambda: _in_one_snapshot(lambda: self._look(self._ledger)))
        wrong += checks.stops(new, self._stopped)
        wrong += checks.stops(self._ledger.calls, self._stopped[self._stops_seen :])
        self._stops_seen = len(self._stopped)
        wrong += [f"{name} ended by itself" for name in self._world.processes.ended()]
        self._check_s.append(round(time.monotonic() - began, 3))
        return self._news(wrong)

    def _check_everything(self) -> list[str]:
        """The whole log, read again, against all rows."""
        whole = Ledger()
        whole.add_calls(self._world.pbx.calls())
        wrong = ask(lambda: _in_one_snapshot(lambda: self._look(whole)))
        return self._news(wrong + checks.stops(whole.calls, self._stopped))

    def _look(self, ledger: Ledger) -> list[str]:
        disagreements = ledger.look(self._world.killed, self._world.disturbed)
        return disagreements + checks.counts() + checks.pool() + checks.kept_counts()

    def _news(self, wrong: list[str]) -> list[str]:
        return [sentence for sentence in dict.fromkeys(wrong) if sentence not in self._wrong]

    def _until(self, condition: Callable[[], bool], within: float, *, leads: bool = True) -> bool:
        """Waits, and keeps leads coming meanwhile."""
        deadline, turn = time.monotonic() + within, 0
        while not ask(condition):
            if time.monotonic() > deadline:
                return False
            if leads and turn % 10 == 0:
                ask(self._leads.keep_coming)
            turn += 1
            time.sleep(0.1)
        return True

    def _tell(self, line: dict[str, Any]) -> None:
        with self._report.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _has_recovered(open_then: list[int], over: datetime) -> bool:
    """New calls were made and came to an end, all ports are there, and those of the fault's time have ended."""
    fresh = CallAttempt.objects.filter(started_at__gt=over, ended_at__gt=over)
    return (
        fresh.exclude(call_id="").exists()
        and not CallAttempt.objects.filter(pk__in=open_then, ended_at=None).exists()
        and registered(timezone.now()).count() == PORTS
    )


def _why(open_then: list[int], over: datetime) -> dict[str, Any]:
    stuck = CallAttempt.objects.filter(pk__in=open_then, ended_at=None)
    return {
        "new_calls": CallAttempt.objects.filter(started_at__gt=over).count(),
        "ports": registered(timezone.now()).count(),
        "stuck": list(map(str, stuck.values_list("pk", "state", "worker", "lease_until"))),
    }


def _all_agents_are_reserved() -> bool:
    return CallAttempt.objects.filter(ended_at=None).count() == AGENTS


def _in_one_snapshot(look: Callable[[], list[str]]) -> list[str]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return look()


def faults_of(count: int, seed: int) -> list[str]:
    return bag(count, Random(seed + 1))
