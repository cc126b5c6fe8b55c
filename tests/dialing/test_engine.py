"""The engine on a real contact centre (the demo PBX's feed) and PostgreSQL; messages go to a list."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.announce import CHANNEL
from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing.announcements import listen
from dialing.attempt import State
from dialing.engine import leader
from dialing.engine.loop import Engine
from dialing.engine.publisher import Publisher
from dialing.records import Records
from leads.models import CallAttempt, Lead
from telephony.demo_pbx.process import DemoPbxProcess, DemoPbxReady
from telephony.models import ContactCenter, DialerPort, Queue
from tests.factories import make_attempt, make_campaign, make_contact_center, make_lead, make_leads, make_port
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

AGENTS = [{"id": str(7101 + n), "name": f"Agent {n}"} for n in range(3)]
PBX: dict[str, Any] = {"queues": {"sales": {"pilot": "7000", "agents": AGENTS}}, "ivrs": {}}


class Messages(Publisher):
    """A broker that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(Celery("test", set_as_current=False))
        self.sent: list[int] = []

    def publish(self, attempt_ids: list[int]) -> None:
        self.sent += attempt_ids

    def probe(self) -> None:
        pass


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[DemoPbxReady]:
    with DemoPbxProcess(tmp_path) as process:
        yield process.start(PBX)


@pytest.fixture
def records() -> Iterator[Records]:
    records = Records("test", threads=2)
    yield records
    records.close()


def registered_ports(count: int) -> None:
    for _ in range(count):
        make_port(
            state=DialerPort.State.REGISTERED, worker="w", lease_until=timezone.now() + timedelta(minutes=5)
        )


def open_campaign(pbx: DemoPbxReady, leads: int) -> Campaign:
    center = make_contact_center(settings={"host": pbx.host, "port": pbx.events_port})
    queue = Queue.objects.create(contact_center=center, name="sales", pilot_number="7000")
    campaign = make_campaign(queue=queue)
    make_leads(campaign, leads)
    return campaign


def while_running(
    engine: Callable[[], Engine],
    story: Callable[[], Coroutine[Any, Any, None]],
    longest: float = 2 * PATIENCE,
) -> None:
    """Runs an engine as long as `story` lasts."""

    async def run() -> None:
        task = asyncio.create_task(engine().run())
        try:
            await asyncio.wait_for(story(), longest)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


async def eventually(condition: Callable[[], bool], within: float = PATIENCE) -> None:
    deadline = time.monotonic() + within
    while not await asyncio.to_thread(_ask, condition):
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.02)


def _ask(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    finally:
        connection.close()


def test_i5_one_attempt_for_each_free_agent_and_the_next_when_one_ends(
    pbx: DemoPbxReady, records: Records
) -> None:
    open_campaign(pbx, leads=10)
    registered_ports(10)
    messages = Messages()

    async def story() -> None:
        await eventually(lambda: len(messages.sent) == 3)
        await asyncio.sleep(1.5)  # the engine looks at everything again, and finds nobody free
        assert len(messages.sent) == 3
        await asyncio.to_thread(_ask, lambda: attempts.withdraw(messages.sent[0], "test"))
        await eventually(lambda: len(messages.sent) == 4, within=0.5)

    while_running(lambda: Engine(records, messages), story)
    assert CallAttempt.objects.filter(state=State.CLAIMED).count() == 3
    assert set(messages.sent) == set(CallAttempt.objects.values_list("pk", flat=True))
    assert ContactCenter.objects.get().state == ContactCenter.State.CONNECTED


def test_i5_a_new_leader_finds_the_reservations_of_the_old_one(pbx: DemoPbxReady, records: Records) -> None:
    campaign = open_campaign(pbx, leads=10)
    registered_ports(10)
    for _ in range(2):
        make_attempt(make_lead(campaign))
    messages = Messages()

    async def story() -> None:
        await eventually(lambda: len(messages.sent) == 1)
        await asyncio.sleep(1.2)
        assert len(messages.sent) == 1

    while_running(lambda: Engine(records, messages), story)


def test_the_free_ports_bound_the_calls(pbx: DemoPbxReady, records: Records) -> None:
    open_campaign(pbx, leads=10)
    registered_ports(1)
    messages = Messages()

    async def story() -> None:
        await eventually(lambda: len(messages.sent) == 1)
        await asyncio.sleep(0.5)

    while_running(lambda: Engine(records, messages), story)
    assert len(messages.sent) == 1


def test_a_campaign_that_is_started_is_dialed_at_once_and_a_stopped_one_no_more(
    pbx: DemoPbxReady, records: Records
) -> None:
    campaign = open_campaign(pbx, leads=20)
    lifecycle.stop(campaign.pk)
    registered_ports(10)
    messages = Messages()

    def start() -> bool:
        Campaign.objects.update(state=Campaign.State.STARTED)
        lifecycle.after_start(campaign.pk)
        return True

    async def story() -> None:
        await asyncio.sleep(1.2)
        assert messages.sent == []
        await asyncio.to_thread(_ask, start)
        await eventually(lambda: len(messages.sent) == 3, within=0.5)
        await asyncio.to_thread(_ask, lambda: lifecycle.stop(campaign.pk))
        await asyncio.to_thread(_ask, lambda: attempts.withdraw(messages.sent[0], "test"))
        await asyncio.sleep(0.5)
        assert len(messages.sent) == 3

    while_running(lambda: Engine(records, messages), story)


def test_reported_queues_become_rows(pbx: DemoPbxReady, records: Records) -> None:
    make_contact_center(settings={"host": pbx.host, "port": pbx.events_port})

    async def story() -> None:
        await eventually(lambda: Queue.objects.filter(name="sales", pilot_number="7000").exists())

    while_running(lambda: Engine(records, Messages()), story)


def test_a_contact_centre_out_of_reach_shows_why(records: Records) -> None:
    make_contact_center(settings={"host": "127.0.0.1", "port": 9})

    async def story() -> None:
        await eventually(lambda: ContactCenter.objects.get().state == ContactCenter.State.FAILED)

    while_running(lambda: Engine(records, Messages()), story)
    assert "127.0.0.1:9" in ContactCenter.objects.get().last_error


# --- the broker -----------------------------------------------------------------------------------------


def test_i6_an_announcement_that_is_not_understood_is_not_the_last_one_that_is_heard() -> None:
    """The listener ended with it: the engine heard of no agent and no call any more, a calls worker of no stop."""
    heard: list[str] = []

    async def story() -> None:
        listening = asyncio.Event()
        listener = asyncio.create_task(
            listen("test", lambda announcement: heard.append(announcement["event"]), listening.set)
        )
        await asyncio.wait_for(listening.wait(), PATIENCE)
        for payload in ("no JSON", "[]", '{"of": "another version"}', '{"event": "the next"}'):
            await asyncio.to_thread(_notify, payload)
        await eventually(lambda: bool(heard))
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)

    asyncio.run(story())
    assert heard == ["the next"]


def _notify(payload: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])
    connection.close()


def test_an_attempt_that_cannot_be_published_is_withdrawn_at_once() -> None:
    made = [make_attempt(), make_attempt()]
    publisher = Publisher(Celery("test", broker="redis://127.0.0.1:9/0", set_as_current=False))
    publisher.publish([attempt.pk for attempt in made])
    assert publisher.is_down
    assert set(CallAttempt.objects.values_list("state", flat=True)) == {State.WITHDRAWN}
    assert set(Lead.objects.values_list("pool", flat=True)) == {Lead.Pool.WAITING}


def test_a_broker_that_can_not_write_is_as_good_as_away(empty_valkey: str) -> None:
    """A full disk, say. Its refusal ends neither engine nor workers, and no attempt is left behind."""
    attempt = make_attempt()
    address = empty_valkey.replace("unix://", "redis+socket://", 1)
    publisher = Publisher(Celery("test", broker=address, set_as_current=False))
    with redis.Redis.from_url(empty_valkey) as broker:
        broker.config_set("min-replicas-to-write", 1)  # every write is refused from now on
        try:
            publisher.publish([attempt.pk])
            assert publisher.is_down
            attempt.refresh_from_db()
            assert attempt.state == State.WITHDRAWN
            publisher.probe()
            assert publisher.is_down
        finally:
            broker.config_set("min-replicas-to-write", 0)
        publisher._probe_at = 0
        publisher.probe()
        assert not publisher.is_down


def test_a_broker_that_comes_back_is_noticed(empty_valkey: str) -> None:
    address = empty_valkey.replace("unix://", "redis+socket://", 1)
    publisher = Publisher(Celery("test", broker=address, set_as_current=False))
    publisher._down = True
    publisher.probe()
    assert not publisher.is_down


# --- the leader -----------------------------------------------------------------------------------------


def test_one_engine_leads_and_another_takes_over() -> None:
    leading: list[str] = []

    def duty(name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        async def work() -> None:
            leading.append(name)
            try:
                await asyncio.sleep(60)
            finally:
                leading.remove(name)

        return work

    async def story() -> None:
        first = asyncio.create_task(leader.lead(duty("first")))
        await eventually(lambda: leading == ["first"])
        second = asyncio.create_task(leader.lead(duty("second")))
        await asyncio.sleep(1.5)
        assert leading == ["first"]
        first.cancel()
        await eventually(lambda: leading == ["second"], within=2)
        await asyncio.to_thread(_ask, _cut_leaders)
        await eventually(lambda: leading == [], within=2.5)
        await eventually(lambda: leading == ["second"], within=4)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)

    asyncio.run(story())
    assert leading == []


def _cut_leaders() -> bool:
    """The database ends the leader's connection."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'dialer engine leader'"
        )
    return True
