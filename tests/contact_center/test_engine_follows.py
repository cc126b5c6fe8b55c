"""The engine and a contact centre whose settings or queues change under it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from campaigns.announce import announce
from campaigns.models import Campaign
from dialing import attempt as attempts
from dialing.engine.loop import Engine
from dialing.records import Records
from telephony.models import ContactCenter, Queue
from tests.contact_center.ami_peer import AmiPeer, member, message
from tests.contact_center.http_peer import HttpPeer
from tests.dialing.test_engine import Messages, eventually, registered_ports, while_running
from tests.factories import make_campaign, make_contact_center, make_leads

pytestmark = pytest.mark.django_db(transaction=True)


def answer(free: int, queue: str = "sales") -> dict[str, Any]:
    agents = [{"id": str(number), "state": "FREE"} for number in range(free)]
    return {"queues": [{"name": queue, "agents": agents}]}


def settings(peer: HttpPeer, **more: Any) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{peer.port}/", "interval_ms": 100, **more}


async def in_thread(work: Callable[..., object], *args: Any, **named: Any) -> None:
    def run() -> bool:
        work(*args, **named)
        return True

    await eventually(run)


@pytest.fixture
def records() -> Iterator[Records]:
    records = Records("test", threads=2)
    yield records
    records.close()


def test_changed_settings_restart_the_connector_and_reach_the_queues(records: Records) -> None:
    center = make_contact_center(kind=ContactCenter.Kind.REST, settings={"url": "https://127.0.0.1:1/"})

    def change(**fields: Any) -> None:
        ContactCenter.objects.filter(pk=center.pk).update(**fields)
        announce("contact centres")

    async def story() -> None:
        peer = await HttpPeer(answer(free=1)).start()
        await eventually(lambda: ContactCenter.objects.get().state == "FAILED")
        await in_thread(change, settings=settings(peer))
        await eventually(lambda: Queue.objects.filter(name="sales", pilot_number="").exists())
        await in_thread(change, settings=settings(peer, pilots={"sales": "7000"}))
        await eventually(lambda: Queue.objects.filter(name="sales", pilot_number="7000").exists())
        asked = len(peer.requests)
        await in_thread(change, enabled=False)
        await eventually(lambda: ContactCenter.objects.get().state == "CONNECTING")
        assert len(peer.requests) <= asked + 12
        await peer.stop()

    while_running(lambda: Engine(records, Messages()), story)


def test_a_queue_whose_name_no_row_can_have_does_not_stop_the_others(records: Records) -> None:
    center = make_contact_center(kind=ContactCenter.Kind.ASTERISK_AMI, settings={})
    campaign = make_campaign(queue=Queue.objects.create(contact_center=center, name="sales"))
    registered_ports(10)
    make_leads(campaign, 3)
    messages = Messages()

    async def story() -> None:
        peer = await AmiPeer([member("7101"), member("7102", queue="q" * 101)]).start()
        await in_thread(ContactCenter.objects.update, settings=peer.settings)
        await eventually(lambda: len(messages.sent) == 1)
        await peer.stop()

    while_running(lambda: Engine(records, messages), story)
    assert [queue.name for queue in Queue.objects.all()] == ["sales"]


def test_a_queue_that_is_no_longer_reported_has_no_free_agents(records: Records) -> None:
    center = make_contact_center(kind=ContactCenter.Kind.REST, settings={})
    campaign = make_campaign(queue=Queue.objects.create(contact_center=center, name="sales"))
    registered_ports(10)
    messages = Messages()

    async def story() -> None:
        peer = await HttpPeer(answer(free=2)).start()
        await in_thread(ContactCenter.objects.update, settings=settings(peer))
        await eventually(lambda: ContactCenter.objects.get().state == "CONNECTED")
        peer.answer = answer(free=2, queue="support")
        await eventually(lambda: Queue.objects.filter(name="support").exists())
        await in_thread(make_leads, campaign, 5)
        await in_thread(announce, "leads", campaign=campaign.pk)
        await asyncio.sleep(1.5)
        assert messages.sent == []
        peer.answer = answer(free=2)
        await eventually(lambda: len(messages.sent) == 2)
        await peer.stop()

    while_running(lambda: Engine(records, messages), story)


IVR = {"pilot": "8000", "channels": 3}


@pytest.mark.parametrize(
    ("kind", "counted_by"),
    [
        (ContactCenter.Kind.REST, {}),
        (ContactCenter.Kind.ASTERISK_AMI, {}),  # nothing counts the channels: 3 at all times
        (ContactCenter.Kind.ASTERISK_AMI, {"user_event": "IvrChannels"}),
    ],
)
def test_an_ivr_gets_a_call_for_each_channel_that_is_free(
    records: Records, kind: ContactCenter.Kind, counted_by: dict[str, str]
) -> None:
    """Over HTTP and AMI; the count of a real Asterisk's channels is in test_ami_asterisk.py."""
    center = make_contact_center(kind=kind, settings={})
    queue = Queue.objects.create(contact_center=center, name="survey", kind=Queue.Kind.IVR)
    campaign = make_campaign(queue=queue, type=Campaign.Type.IVR)
    registered_ports(10)
    make_leads(campaign, 10)
    messages = Messages()
    is_counted = kind == ContactCenter.Kind.REST or bool(counted_by)

    async def story() -> None:
        survey: dict[str, Any] = {"name": "survey", "channels_total": 3, "channels_busy": 1}
        web = await HttpPeer({"queues": [survey]}).start()
        ami = await AmiPeer([member("7101")]).start()
        ami.channels = []
        ways = {
            ContactCenter.Kind.REST: settings(web),
            ContactCenter.Kind.ASTERISK_AMI: {**ami.settings, "ivrs": {"survey": IVR | counted_by}},
        }
        await in_thread(ContactCenter.objects.update, settings=ways[kind])
        first = 2 if kind == ContactCenter.Kind.REST else 3
        await eventually(lambda: len(messages.sent) == first)
        done = messages.sent[:]
        if is_counted:
            survey["channels_busy"] = 2
            ami.say(message(Event="UserEvent", UserEvent="IvrChannels", Uniqueid="a caller of its own"))
            await asyncio.sleep(0.5)
        for attempt in done:
            await in_thread(attempts.withdraw, attempt, "test")
        again = {(True, 2): 1, (True, 3): 2, (False, 3): 3}[is_counted, first]
        await eventually(lambda: len(messages.sent) == first + again)
        await asyncio.sleep(0.5)
        assert len(messages.sent) == first + again
        await web.stop()
        await ami.stop()

    while_running(lambda: Engine(records, messages), story)
