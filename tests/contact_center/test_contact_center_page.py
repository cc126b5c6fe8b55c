"""Contact centres as a Master sets them up: settings by kind, and the test button."""

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from dialer_project.pages.connector_test import EXAMPLES
from telephony import services
from telephony.contact_center import ConnectorError, ContactCenterSnapshot, QueueSnapshot
from telephony.models import ContactCenter, Queue
from tests import factories as make
from tests.contact_center.ami_peer import AmiPeer, member
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db
V1 = "/api/v1/contact-centers/"


@pytest.fixture
def master() -> Client:
    client = Client()
    client.force_login(make.make_user(Role.MASTER, []))
    return client


@pytest.fixture
def peer() -> Iterator[AmiPeer]:
    """An Asterisk with two agents in a thread of its own: the page asks it as any other."""
    loop = asyncio.new_event_loop()
    peer = AmiPeer([member("7101"), member("7102", Paused=1)])
    loop.run_until_complete(peer.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield peer
    asyncio.run_coroutine_threadsafe(peer.stop(), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    for task in asyncio.all_tasks(loop):
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()


def center(settings: dict[str, Any], kind: str = ContactCenter.Kind.ASTERISK_AMI) -> ContactCenter:
    return make.make_contact_center(kind=kind, settings=settings)


def press(client: Client, row: ContactCenter) -> str:
    answer = client.get(f"/telephony/contactcenter/{row.pk}/test/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_button_shows_queues_agents_and_states(master: Client, peer: AmiPeer) -> None:
    row = center({**peer.settings, "queues": {"sales": "7000"}})
    change = f"/telephony/contactcenter/{row.pk}/change/"
    assert f"/telephony/contactcenter/{row.pk}/test/" in master.get(change).content.decode()
    page = press(master, row)
    assert "sales · 7000" in page
    assert "1 of 2 agents free, 0 callers waiting" in page
    for words in ("Agent 7101", "Free", "Agent 7102", "Paused"):
        assert words in page
    assert "pass-word" not in page


def test_the_button_shows_what_is_wrong_in_a_sentence(master: Client, peer: AmiPeer) -> None:
    page = press(master, center({**peer.settings, "password": "other"}))
    assert "refuses the user name or the password (Authentication failed)" in page
    broken = center({})
    ContactCenter.objects.filter(pk=broken.pk).update(name="Broken", settings=["no", "object"])
    assert "settings must be a JSON object" in press(master, broken)


def test_the_list_tells_each_state_and_last_error_and_has_the_button(master: Client, peer: AmiPeer) -> None:
    """The last error was lost as soon as the connector was connected again."""
    row = center(peer.settings)
    services.record_connector_state(row.pk, "FAILED", "nobody there", None)
    services.record_connector_state(row.pk, "CONNECTING", "", None)
    services.record_connector_state(row.pk, "CONNECTED", "", timezone.now())
    row.refresh_from_db()
    assert (row.state, row.last_error, row.last_error_at is not None) == ("CONNECTED", "nobody there", True)
    for url in ("/telephony/contactcenter/", f"/telephony/contactcenter/{row.pk}/change/"):
        page = master.get(url).content.decode()
        assert f"/telephony/contactcenter/{row.pk}/test/" in page
        assert ": nobody there" in page, "with its time"
    assert "nobody there" not in master.get("/").content.decode(), "all is well"
    shown = master.get(f"{V1}{row.pk}/").json()
    assert (shown["last_error"], shown["last_error_at"] is not None) == ("nobody there", True)


def test_nobody_but_a_master_presses_it(peer: AmiPeer) -> None:
    row = center(peer.settings)
    client = Client()
    client.force_login(make.make_user(Role.CAMPAIGN_ADMINISTRATOR, [make.make_group(name="a")]))
    assert client.get(f"/telephony/contactcenter/{row.pk}/test/").status_code in {403, 404}
    assert peer.seen == []


def test_settings_that_do_not_fit_their_kind_are_refused_at_both_doors(master: Client) -> None:
    wrong = {"name": "PBX", "kind": "asterisk_ami", "settings": '{"host": "pbx"}', "enabled": "on"}
    page = master.post("/telephony/contactcenter/add/", wrong)
    assert "These settings don&#x27;t fit: username must be a text, not absent." in page.content.decode()
    body = {"name": "PBX", "kind": "rest", "settings": {"url": "http://example.com"}}
    answer = master.post(V1, body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "settings"
    assert not ContactCenter.objects.exists()
    body["settings"] = {"url": "https://example.com"}
    assert master.post(V1, body, content_type="application/json").status_code == 201


def test_the_form_has_an_example_of_each_kind_that_is_right(master: Client) -> None:
    page = master.get("/telephony/contactcenter/add/").content.decode()
    for kind, example in EXAMPLES.items():
        assert f"<code>{example}</code>".replace('"', "&quot;") in page
        ContactCenter(name=str(kind), kind=kind, settings=json.loads(example)).full_clean()


def test_a_pilot_number_that_the_contact_centre_does_not_know_stays_as_it_was_written() -> None:
    row = center({})
    sales = QueueSnapshot("sales", "OSCC", "", (), 0, 0, 0)
    services.sync_queues(row.pk, ContactCenterSnapshot({"sales": sales}, 0.0))
    Queue.objects.update(pilot_number="7000")
    services.sync_queues(row.pk, ContactCenterSnapshot({"sales": sales}, 0.0))
    assert Queue.objects.get().pilot_number == "7000"
    told = QueueSnapshot("sales", "OSCC", "7100", (), 0, 0, 0)
    services.sync_queues(row.pk, ContactCenterSnapshot({"sales": told}, 0.0))
    assert Queue.objects.get().pilot_number == "7100"


def test_asking_by_settings_that_do_not_fit_is_a_connector_error() -> None:
    with pytest.raises(ConnectorError, match="The settings don't fit: host must be"):
        services.ask(center({}))
