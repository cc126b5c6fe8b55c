"""Pushes of a contact centre: who may, how often, what they change, and that the engine hears them at once."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError
from rest_framework.test import APIClient

from accounts.models import Role
from dialing import pushes
from dialing.engine.loop import Engine
from dialing.models import Tally
from dialing.records import Records
from telephony import configuration
from telephony.contact_center import ConnectorState, make_connector
from telephony.contact_center.rest import RestSettings
from telephony.contact_center.rest.mapping import AnswerError, queues_of
from telephony.contact_center.rest.push import applied, changes_of
from telephony.models import ContactCenter, Queue
from tests.api.api_world import client_of
from tests.contact_center.ami_peer import until
from tests.contact_center.http_peer import HttpPeer
from tests.contact_center.test_engine_follows import answer, in_thread, settings
from tests.contact_center.watcher import Watcher
from tests.dialing.test_engine import Messages, eventually, registered_ports, while_running
from tests.factories import make_campaign, make_contact_center, make_group, make_leads, make_user

SECRET = "a secret of the contact centre"
NOW = 1_764_000_000
POLLED = {
    "queues": [
        {"name": "sales", "agents": [{"id": "1", "name": "Ann", "state": "FREE"}], "waiting_callers": 1},
        {"name": "support", "agents": [{"id": "1", "name": "Ann", "state": "FREE"}]},
        {"name": "survey", "channels_total": 4, "channels_busy": 1},
    ]
}


def read(**more: Any) -> RestSettings:
    return RestSettings.read({"url": "https://cc.example/", "push_secret": SECRET, **more})


def after(body: Any, **more: Any) -> dict[str, Any]:
    polled = queues_of(json.dumps(POLLED).encode(), read())
    return applied(polled, changes_of(json.dumps(body).encode(), read(**more)))


# --- what a push changes --------------------------------------------------------------------------------


def test_a_push_changes_what_it_names_and_nothing_else() -> None:
    queues = after(
        {
            "events": [
                {"queue": "sales", "agent": "2", "name": "Bob", "state": "FREE"},
                {"agent": "1", "state": "BUSY"},
                {"queue": "support", "waiting_callers": 3},
                {"queue": "survey", "channels_busy": 4},
                {"queue": "unheard of", "waiting_callers": 9},
                {"agent": "unheard of", "state": "FREE"},
            ]
        }
    )
    assert {name: queue.free for name, queue in queues.items()} == {"sales": 1, "support": 0, "survey": 0}
    assert [(a.name, a.state) for a in queues["sales"].agents] == [("Ann", "BUSY"), ("Bob", "FREE")]
    assert [queue.waiting_callers for queue in queues.values()] == [1, 3, 0]


def test_a_push_of_another_shape_is_read_by_paths() -> None:
    paths = {"events": "$", "agent_id": "user.id", "agent_state": "user.presence", "queue": "group"}
    body = {"group": "sales", "user": {"id": 1, "presence": "OnCall"}}
    queues = after(body, push_paths=paths, states={"oncall": "BUSY"})
    assert (queues["sales"].free, queues["support"].free) == (0, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<xml>", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"{}", "has no events at 'events.*'"),
        (b'{"events": [{"state": "FREE"}]}', "without a queue at 'queue' and an agent at 'agent'"),
        (b'{"events": [{"agent": "1"}]}', "tells no state of the agent '1' at 'state'"),
        (b'{"events": [{"queue": "sales"}]}', "tells no figure and no agent"),
        (b'{"events": [{"queue": "sales", "waiting_callers": -1}]}', "has -1 instead of a count"),
        (json.dumps({"events": [{}] * 1001}).encode(), "has 1001 events; 1000 are taken"),
    ],
)
def test_what_is_wrong_with_a_push_is_said(body: bytes, words: str) -> None:
    with pytest.raises(AnswerError, match=words):
        changes_of(body, read())


def test_settings_of_pushes_are_checked() -> None:
    for wrong in ({"push_secret": "short"}, {"push_paths": {"event": "$"}}, {"push_per_second": 0}):
        with pytest.raises(ValueError, match=r"push_"):
            read(**wrong)
    assert SECRET not in repr(read())


# --- in the connector -----------------------------------------------------------------------------------


def test_pushes_hold_between_polls_and_over_a_poll_under_way() -> None:
    busy = [{"agent": "0", "state": "BUSY"}]

    async def story() -> None:
        peer = await HttpPeer(answer(free=2)).start()
        connector: Any = make_connector("rest", settings(peer, interval_ms=100))
        connector.push(busy)  # nothing is known yet
        seen = Watcher(connector)
        await until(lambda: seen.snapshots)
        assert seen.free() == 2
        peer.slow_s = 0.4
        asked = len(peer.requests)
        await until(lambda: len(peer.requests) > asked)
        connector.push(busy)
        assert seen.free() == 1, "at once"
        await until(lambda: len(peer.requests) > asked + 1)
        assert seen.free() == 1, "the answer that was under way may be older than the push"
        peer.slow_s = 0.0
        await until(lambda: seen.free() == 2)  # the next one is the whole truth
        peer.status = 503
        await seen.in_state(ConnectorState.FAILED)
        told = len(seen.snapshots)
        connector.push(busy)
        assert len(seen.snapshots) == told, "nobody is free while the endpoint can't be asked"
        await seen.stop()
        await peer.stop()

    asyncio.run(story())


# --- at the door ----------------------------------------------------------------------------------------


def signed(body: bytes, *, secret: str = SECRET, at: float = 0, name: str = "m1") -> dict[str, str]:
    stamp = str(int(at or time.time()))
    digest = hmac.new(secret.encode(), f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": f"v1,AAAA {signature}"}


BODY = json.dumps({"events": [{"agent": "1", "state": "BUSY"}]}).encode()


def push(client: APIClient, center: int, body: bytes = BODY, headers: dict[str, str] | None = None) -> Any:
    url = f"/api/v1/contact-centers/{center}/push"
    return client.post(url, body, content_type="application/json", headers=headers or {})


@pytest.fixture
def center(db: None, empty_valkey: str) -> ContactCenter:
    return make_contact_center(
        kind=ContactCenter.Kind.REST, settings={"url": "https://cc.example/", "push_secret": SECRET}
    )


def counted() -> dict[str, float]:
    return dict(Tally.objects.filter(name="pushes").values_list("label", "value"))


def test_a_signed_push_is_taken_once(center: ContactCenter) -> None:
    client, headers = APIClient(), signed(BODY)
    assert [push(client, center.pk, headers=headers).json() for _ in range(2)] == [
        {"changes": 1},
        {"changes": 0},
    ]
    assert push(client, center.pk, headers=signed(BODY, name="m2")).status_code == 202
    assert counted() == {"taken": 2, "repeated": 1}


def test_a_push_that_did_not_reach_the_engine_is_taken_when_it_comes_again(
    center: ContactCenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was remembered as taken, and the sender's second try as a repetition."""

    def away(*_args: Any, **_fields: Any) -> None:
        raise OperationalError("the database went away just now")

    client, headers = APIClient(raise_request_exception=False), signed(BODY)
    with monkeypatch.context() as patched:
        patched.setattr("dialing.pushes.announce", away)
        assert push(client, center.pk, headers=headers).status_code == 503
    assert push(client, center.pk, headers=headers).json() == {"changes": 1}
    assert counted() == {"taken": 1}


def test_a_secret_of_standard_webhooks_is_base64(center: ContactCenter) -> None:
    """The example of the specification's own libraries."""
    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    ContactCenter.objects.update(settings={**center.settings, "push_secret": key})
    body = b'{"test": 2432232314}'
    message = pushes.Push(
        center.pk,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        body,
        "127.0.0.1",
    )
    with pytest.raises(pushes.PushRefusedError, match="has no events"):  # it was let in
        pushes.take(message, now=1614265330)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed(BODY, secret="another secret, not that one") | {},
        signed(BODY, at=NOW),
        signed(b"another body"),
        signed(BODY) | {"webhook-id": "another"},
        signed(BODY, name=""),
        signed(BODY) | {"webhook-timestamp": "soon"},
        signed(BODY) | {"webhook-signature": "v1,€"},
    ],
)
def test_who_has_not_signed_is_let_in_by_no_role_and_told_nothing(
    center: ContactCenter, headers: dict[str, str]
) -> None:
    """I9: the door asks for the contact centre's signature, and for nothing that a user has."""
    group = make_group(name="some group")
    clients = [client_of(None), *(client_of(make_user(role, [group])) for role in Role)]
    answers = [push(client, center.pk, headers=headers) for client in clients]
    off = make_contact_center(
        name="off", kind=ContactCenter.Kind.REST, settings={"url": "https://cc.example/"}
    )
    other = make_contact_center(name="demo", settings={"host": "127.0.0.1", "port": 1})
    answers += [push(clients[0], pk, headers=signed(BODY)) for pk in (off.pk, other.pk, 10**17)]
    ContactCenter.objects.filter(pk=center.pk).update(enabled=False)
    answers.append(push(clients[0], center.pk, headers=signed(BODY)))
    assert {(a.status_code, a["Content-Type"]) for a in answers} == {(401, "application/problem+json")}
    assert len({a.content for a in answers}) == 1
    assert counted() == {"unsigned": len(answers)}


def test_a_push_that_can_not_be_read_is_a_problem_that_says_why(center: ContactCenter) -> None:
    for body, code, words in (
        (b'{"events": []}', 400, "has no events at 'events.*'"),
        (b" " * (2**20 + 1), 413, "too large"),
    ):
        refused = push(APIClient(), center.pk, body, signed(body))
        assert (refused.status_code, refused["Content-Type"]) == (code, "application/problem+json")
        assert words in refused.json()["detail"]


def test_too_many_pushes_are_told_to_wait(center: ContactCenter) -> None:
    ContactCenter.objects.update(settings={**center.settings, "push_per_second": 2})

    def at(second: int, name: str) -> int:
        headers = signed(BODY, at=second, name=name)
        return pushes.take(
            pushes.Push(
                center.pk, name, headers["webhook-timestamp"], headers["webhook-signature"], BODY, "::1"
            ),
            now=second,
        )

    assert [at(NOW, "1"), at(NOW, "2"), at(NOW + 1, "3")] == [1, 1, 1]
    at(NOW + 1, "4")
    with pytest.raises(pushes.TooManyError, match="At most 2 messages a second"):
        at(NOW + 1, "5")


def test_who_guesses_signatures_is_not_listened_to(center: ContactCenter) -> None:
    client, wrong = APIClient(), signed(b"another body")
    for _ in range(pushes.REFUSALS_A_MINUTE + 1):
        refused = push(client, center.pk, headers=wrong)
    after_them = push(client, center.pk, headers=signed(BODY))
    minute_passed = refused.status_code == 401  # the clock's minute ended between them
    assert minute_passed or (after_them.status_code, after_them["Retry-After"]) == (429, "60")


def test_no_broker_no_push(center: ContactCenter, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    refused = push(APIClient(), center.pk, headers=signed(BODY))
    assert (refused.status_code, refused["Content-Type"]) == (503, "application/problem+json")


def test_the_secret_is_written_and_never_read(center: ContactCenter) -> None:
    master = make_user(Role.MASTER, [])
    shown = client_of(master).get(f"/api/v1/contact-centers/{center.pk}/").json()["settings"]
    assert shown["push_secret"] == ""
    configuration.save(master, center, settings=shown | {"push_per_second": 5})
    assert ContactCenter.objects.get().settings["push_secret"] == SECRET
    with pytest.raises(ValidationError, match="push_secret must have 24 characters"):
        configuration.save(master, center, settings=shown | {"push_secret": "short"})


# --- in the engine --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_pushed_free_agent_is_called_for_before_the_next_poll(empty_valkey: str) -> None:
    center = make_contact_center(kind=ContactCenter.Kind.REST, settings={})
    campaign = make_campaign(queue=Queue.objects.create(contact_center=center, name="sales"))
    make_leads(campaign, 600)
    registered_ports(10)
    messages, records = Messages(), Records("test", threads=2)
    # more than one NOTIFY carries
    events = [{"queue": "sales", "agent": f"agent number {n:03}", "state": "BUSY"} for n in range(300)]
    body = json.dumps({"events": [*events, {"agent": "0", "state": "FREE"}]}).encode()

    async def story() -> None:
        peer = await HttpPeer(
            {"queues": [{"name": "sales", "agents": [{"id": "0", "state": "BUSY"}]}]}
        ).start()
        seldom = settings(peer, interval_ms=60_000, push_secret=SECRET)
        await in_thread(ContactCenter.objects.update, settings=seldom)
        await eventually(lambda: ContactCenter.objects.get().state == "CONNECTED")
        await asyncio.sleep(0.3)
        assert messages.sent == []
        await in_thread(push, APIClient(), center.pk, body, signed(body))
        await eventually(lambda: len(messages.sent) == 1)
        assert len(peer.requests) == 1
        await peer.stop()

    while_running(lambda: Engine(records, messages), story)
    records.close()
