"""Carrier limits: never faster and never more than a carrier allows, whoever dials; a 503 is left alone as long as it
asks for."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing import carriers
from dialing.attempt import Outcome, State
from dialing.capacity import Capacity, capacity
from dialing.carriers import Turn
from dialing.engine import leader
from dialing.pacing import Demand, Pacer, Supply
from dialing.rate import Rate
from dialing.reasons import why_not_dialing
from dnc.models import DncService
from leads.models import CallAttempt, Lead, LeadStatus
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from telephony.models import Carrier, ContactCenter, DialerPort
from tests.dialing.worker_with_ports import worker_with_ports
from tests.factories import make_attempt, make_campaign, make_lead, make_leads, make_port, make_queue
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


def carrier(count: int, **fields: Any) -> Carrier:
    """A carrier with that many registered ports."""
    made = Carrier.objects.create(name="trunk", **fields)
    for _ in range(count):
        make_port(
            carrier=made,
            state=DialerPort.State.REGISTERED,
            worker="w",
            lease_until=timezone.now() + timedelta(minutes=5),
        )
    return made


def at_once(work: list[Callable[[], None]]) -> None:
    """Each in a thread and on a connection of its own, as on as many hosts."""

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def any_attempt() -> int:
    """One that may be dialed."""
    return (
        CallAttempt.objects.filter(state=State.CLAIMED, campaign__state="STARTED").first() or make_attempt()
    ).pk


def turn_at(trunk: Carrier) -> Turn:
    """The next turn, at its moment."""
    turn = carriers.take_turn(trunk.pk, any_attempt())
    time.sleep(max(0.0, turn.due - time.monotonic()))
    return turn


def all_of_the_next(trunk: Carrier) -> None:
    """Turns, until there are none."""
    while True:
        carriers.take_turn(trunk.pk, any_attempt())


def test_turns_are_evenly_spaced_and_given_out_a_moment_ahead() -> None:
    trunk = carrier(1, calls_per_second=Decimal(20))
    turns = [carriers.take_turn(trunk.pk, any_attempt()) for _ in range(3)]
    assert None not in {turn.at for turn in turns}
    gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(turns) if a.at and b.at]
    assert gaps == [0.05, 0.05]
    with pytest.raises(carriers.NotYet, match="takes 20 calls per second") as refused:
        all_of_the_next(trunk)
    assert 0 < refused.value.wait <= carriers.AHEAD
    assert refused.value.rate == 20


def test_a_turn_is_for_its_moment_and_not_before_or_long_after() -> None:
    trunk = carrier(1, calls_per_second=Decimal(5))
    port, made = DialerPort.objects.get().pk, make_attempt().pk
    carriers.take_turn(trunk.pk, any_attempt())
    early = carriers.take_turn(trunk.pk, any_attempt())
    for turn in (None, early):
        with pytest.raises(carriers.NotYet, match="too late for its turn"):
            attempts.start(made, "w", port, turn)
    time.sleep(max(0.0, early.due - time.monotonic()) + carriers.GRACE + 0.01)
    with pytest.raises(carriers.NotYet, match="too late for its turn"):
        attempts.start(made, "w", port, early)
    assert CallAttempt.objects.get().state == State.CLAIMED
    assert attempts.start(made, "w", port, turn_at(trunk))


def test_a_turn_at_another_carrier_is_none() -> None:
    carrier(1, calls_per_second=Decimal(5))
    other = Carrier.objects.create(name="other", calls_per_second=Decimal(5))
    with pytest.raises(carriers.NotYet):
        attempts.start(make_attempt().pk, "w", DialerPort.objects.get().pk, turn_at(other))


def test_i3_the_gate_is_asked_at_the_moment_of_the_turn() -> None:
    trunk = carrier(1, calls_per_second=Decimal(5))
    made = make_attempt()
    turn = turn_at(trunk)
    Campaign.objects.update(state=Campaign.State.STOPPED)
    assert attempts.start(made.pk, "w", DialerPort.objects.get().pk, turn) is None
    made.refresh_from_db()
    assert (made.state, made.reason) == (State.WITHDRAWN, "The campaign is stopped.")


def test_no_more_calls_in_parallel_than_the_carrier_takes() -> None:
    trunk = carrier(6, max_calls=2)
    made = [make_attempt(lead).pk for lead in make_leads(make_campaign(), 6)]
    refused: list[str] = []

    def dial(attempt: int, port: int) -> Callable[[], None]:
        def work() -> None:
            try:
                attempts.start(attempt, "w", port, free)
            except carriers.NotYet as wait:
                refused.append(wait.reason)

        return work

    of = DialerPort.objects.values_list("pk", flat=True)
    free = carriers.take_turn(trunk.pk, any_attempt())
    at_once([dial(attempt, port) for attempt, port in zip(made, of, strict=True)])
    assert CallAttempt.objects.filter(state=State.DIALING).count() == 2
    assert refused == ["The carrier trunk carries as many calls as it may."] * 4
    with pytest.raises(carriers.NotYet, match="as many calls as it may"):
        carriers.take_turn(trunk.pk, any_attempt())
    attempts.finish(CallAttempt.objects.filter(state=State.DIALING)[0].pk, Outcome("BUSY", timezone.now()))
    waiting = CallAttempt.objects.filter(state=State.CLAIMED)[0]
    idle = DialerPort.objects.exclude(call_attempts__ended_at=None, call_attempts__isnull=False)[0]
    assert attempts.start(waiting.pk, "w", idle.pk, carriers.take_turn(trunk.pk, any_attempt()))


def test_a_carrier_that_is_full_gives_no_turns_away() -> None:
    trunk = carrier(2, max_calls=1, calls_per_second=Decimal(5))
    port = DialerPort.objects.all()[0]
    assert attempts.start(make_attempt().pk, "w", port.pk, turn_at(trunk))
    before = Carrier.objects.get().next_call_at
    with pytest.raises(carriers.NotYet, match="as many calls as it may"):
        carriers.take_turn(trunk.pk, any_attempt())
    assert Carrier.objects.get().next_call_at == before


def test_a_limit_that_the_worker_has_not_heard_of_holds() -> None:
    """Ports are looked at every few seconds; a Master's change holds at once."""
    trunk = carrier(1)
    assert carriers.take_turn(trunk.pk, any_attempt()).at is None
    for limit, rate in (({"max_calls": 1}, math.inf), ({"calls_per_second": Decimal(2)}, 2.0)):
        Carrier.objects.update(**limit)
        with pytest.raises(carriers.NotYet) as refused:
            attempts.start(make_attempt().pk, "w", DialerPort.objects.get().pk)
        assert refused.value.rate == rate


def test_a_clock_that_was_set_back_does_not_stop_the_carrier() -> None:
    trunk = carrier(1, calls_per_second=Decimal(50), next_call_at=timezone.now() + timedelta(hours=1))
    assert attempts.start(make_attempt().pk, "w", DialerPort.objects.get().pk, turn_at(trunk))


def test_the_engine_counts_what_the_carriers_take() -> None:
    carrier(3, max_calls=2, calls_per_second=Decimal("2.5"))
    assert capacity(timezone.now()) == Capacity(2, 2.5)
    resting = Carrier.objects.create(name="b", resting_until=timezone.now() + timedelta(seconds=9))
    port = make_port(
        carrier=resting, state="REGISTERED", worker="w", lease_until=timezone.now() + timedelta(minutes=1)
    )
    assert capacity(timezone.now()) == Capacity(2, 2.5)
    make_attempt(state=State.DIALING, port=port)
    assert capacity(timezone.now()) == Capacity(3, 2.5), "a call that goes on keeps its place"
    Carrier.objects.filter(pk=resting.pk).update(resting_until=None)
    assert capacity(timezone.now()) == Capacity(3, None), "the other has no limit"


def test_why_not_dialing_names_the_carrier_that_rests() -> None:
    until = timezone.now() + timedelta(seconds=90)
    carrier(1, resting_until=until, last_error="503 Service Unavailable, to be asked again after 90 s")
    campaign = make_campaign()
    make_lead(campaign)
    ContactCenter.objects.update(state=ContactCenter.State.CONNECTED)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [leader.LOCK])
        words = why_not_dialing(Campaign.objects.get(), timezone.now())
    assert words is not None
    assert words.startswith(f"The carrier trunk rests until {until:%H:%M:%S}: 503 Service Unavailable")


@pytest.fixture
def busy_trunk(tmp_path: Path) -> Iterator[DemoPbxReady]:
    with DemoPbxProcess(tmp_path) as process:
        yield process.start({"customers": {"refuse_after_s": 0.02, "retry_after_s": 30}, "queues": {}})


def test_a_503_with_retry_after_lets_the_carrier_rest_and_the_lead_wait(busy_trunk: DemoPbxReady) -> None:
    trunk = Carrier.objects.create(name="trunk")
    with worker_with_ports(busy_trunk.sip_port, "6001", "6002", carrier=trunk) as worker:
        campaign = make_campaign(queue=make_queue(pilot_number="7000"))
        first = make_attempt(make_lead(campaign, phone_number="554100000106"))
        second = make_attempt(make_lead(campaign, phone_number="554100000116"))
        worker.carry_out(first.pk)
        first.refresh_from_db()
        assert (first.result, first.sip_code) == (LeadStatus.SERVICE_TEMPORARY_UNAVAILABLE, 503)
        trunk.refresh_from_db()
        assert trunk.resting_until is not None
        assert timedelta(seconds=20) < trunk.resting_until - timezone.now() <= timedelta(seconds=30)
        assert "30 s" in trunk.last_error
        worker.carry_out(second.pk)
        second.refresh_from_db()
        assert second.state == State.WITHDRAWN
        assert second.reason in {"The carrier trunk rests.", "No dialer port of this worker was free."}
        lead = Lead.objects.get(phone_number="554100000116")
        assert (lead.pool, lead.attempts) == (Lead.Pool.WAITING, 0)


def test_the_pacer_plans_no_faster_than_the_carriers_take() -> None:
    pacer = Pacer()
    pacer.campaigns({1: Demand(1)})
    pacer.ports(500, per_second=10)
    pacer.queue_reported(1, Supply(frozenset(map(str, range(500))), frozenset()), 0.0)
    placed, now = 0, 0.0
    while now < 3.0:
        placed += pacer.plan(now).get(1, 0)
        wait = pacer.held_up(now)
        assert wait is not None
        assert wait > 0
        now += wait
    assert 29 <= placed <= 31


def test_plans_that_come_late_are_made_up_and_pauses_are_not() -> None:
    """On a busy machine each plan came some milliseconds late, and the carrier got half of its calls."""
    rate, now, placed = Rate(per_second=15), 0.0, 0
    while now < 10.0:
        while rate.take(now):
            placed += 1
        now += rate.wait(now) + 0.04
    assert 148 <= placed <= 152
    rate = Rate(per_second=15)
    assert [rate.take(now) for now in (0.0, 60.0, 60.0)] == [True, True, False], "nobody waited meanwhile"


# What the worker's records process does in their place; it finds these by their names.


def no_turn(*_which: int) -> Turn:
    raise OperationalError("gone")


def ask_slowly(attempt: int) -> int | None:
    def slow(service: DncService, number: str) -> bool:
        time.sleep(3 * carriers.GRACE)
        return number.endswith("9")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dnc.services.is_listed", slow)
        return attempts.ask_list(attempt)


_ask_list = attempts.ask_list


def test_i4_a_call_whose_turn_the_database_could_not_give_leaves_its_lead_at_once(
    busy_trunk: DemoPbxReady, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was started, so nobody must wait for a lease, as after a start whose commit is not known."""
    trunk = Carrier.objects.create(name="trunk", calls_per_second=Decimal(5))
    with worker_with_ports(busy_trunk.sip_port, "6001", carrier=trunk) as worker:
        made = make_attempt()
        monkeypatch.setattr(carriers, "take_turn", no_turn)
        worker.carry_out(made.pk)
        made.refresh_from_db()
        assert (made.state, made.reason) == (State.WITHDRAWN, "The database is out of reach.")
        assert Lead.objects.get().pool == Lead.Pool.WAITING
        assert worker.ports.counts() == (1, 0)


def test_i3_a_slow_external_list_is_asked_once_and_before_the_turn(
    busy_trunk: DemoPbxReady, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again at the turn it would not answer: nothing is there."""
    monkeypatch.setattr(attempts, "ask_list", ask_slowly)
    trunk = Carrier.objects.create(name="trunk", calls_per_second=Decimal(5))
    registry = DncService.objects.create(name="Registry", url="https://dnc.example/")
    campaign = make_campaign(queue=make_queue(pilot_number="7000"), dnc_service=registry)
    with worker_with_ports(busy_trunk.sip_port, "6001", carrier=trunk) as worker:
        busy, listed = (
            make_attempt(make_lead(campaign, phone_number=number))
            for number in ("554100000102", "554100000109")
        )
        worker.carry_out(busy.pk)
        before = Carrier.objects.get().next_call_at
        worker.carry_out(listed.pk)
    for made, result in ((busy, LeadStatus.BUSY), (listed, LeadStatus.DO_NOT_CALL)):
        made.refresh_from_db()
        assert made.result == result
    assert Carrier.objects.get().next_call_at == before, "a listed number takes no turn"
