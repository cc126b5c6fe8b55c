"""The REST connector against a web server: changes, credentials, slow and broken answers, certificates."""

import asyncio
import base64
import copy
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from telephony.contact_center import ConnectorError, ConnectorState, make_connector
from telephony.contact_center.rest import connector as rest_connector
from tests.contact_center.ami_peer import until
from tests.contact_center.conftest import Certificate
from tests.contact_center.http_peer import HttpPeer
from tests.contact_center.test_rest_mapping import ANSWER
from tests.contact_center.watcher import Watcher

CONNECTING, CONNECTED, STALE, FAILED = ConnectorState
Story = Callable[[HttpPeer, dict[str, Any]], Coroutine[Any, Any, None]]


def play(story: Story) -> None:
    async def scenario() -> None:
        peer = await HttpPeer(copy.deepcopy(ANSWER)).start()
        try:
            await story(peer, {"url": f"http://127.0.0.1:{peer.port}/agents?group=1", "interval_ms": 100})
        finally:
            await peer.stop()

    asyncio.run(scenario())


def test_changes_are_seen_at_the_next_poll_and_nothing_is_told_twice() -> None:
    async def story(peer: HttpPeer, settings: dict[str, Any]) -> None:
        seen = Watcher(make_connector("rest", settings))
        await until(lambda: len(peer.requests) > 2)
        assert (len(seen.snapshots), seen.free(), seen.states) == (1, 1, [CONNECTING, CONNECTED])
        peer.answer["queues"][0]["agents"][0]["state"] = "FREE"
        asked = len(peer.requests)
        await until(lambda: seen.snapshots[-1].queues["sales"].free == 2)
        assert len(peer.requests) - asked <= 2  # one may have been on its way
        await seen.stop()

    play(story)


def test_a_failure_is_told_at_once_and_the_service_is_asked_again_by_itself() -> None:
    async def story(peer: HttpPeer, settings: dict[str, Any]) -> None:
        seen = Watcher(make_connector("rest", settings))
        await until(lambda: seen.snapshots)
        peer.status = 503
        await seen.in_state(FAILED)
        assert "/agents answered HTTP 503 instead of 200" in seen.words[-1]
        asked = len(peer.requests)
        await asyncio.sleep(0.4)
        assert len(peer.requests) == asked  # it keeps a pause
        peer.status = 200
        await seen.in_state(CONNECTED)
        await until(lambda: len(seen.snapshots) == 2)  # the same queues, but they hold again
        await seen.stop()

    play(story)


def test_an_answer_that_is_long_in_coming_leaves_nobody_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """`timeout_s` may be half a minute; what was told before counted as true until then."""
    monkeypatch.setattr(rest_connector, "STALE_AFTER_S", 0.3)

    async def story(peer: HttpPeer, settings: dict[str, Any]) -> None:
        seen = Watcher(make_connector("rest", {**settings, "timeout_s": 10}))
        await seen.in_state(CONNECTED)
        peer.slow_s = 1.0
        await seen.in_state(STALE)
        assert "has not answered for 0.3 s" in seen.words[-1]
        told = len(seen.snapshots)
        peer.slow_s = 0.0
        await seen.in_state(CONNECTED)
        await until(lambda: len(seen.snapshots) == told + 1)
        assert seen.states == [CONNECTING, CONNECTED, STALE, CONNECTED]
        await seen.stop()

    play(story)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": 401}, r"refuses the user name, password or token \(HTTP 401\)"),
        ({"status": 403}, r"refuses the user name, password or token \(HTTP 403\)"),
        ({"status": 302}, "answered HTTP 302 instead of 200"),
        ({"slow_s": 1.0}, r"did not answer within 0.2 s"),
        ({"drip_s": 0.05}, r"did not answer within 0.2 s"),
        ({"answer": b"<html>"}, "The answer of http.* is no JSON"),
        ({"answer": {"agents": []}}, "The answer of http.* has no queues at"),
    ],
)
def test_what_is_wrong_is_one_sentence(change: dict[str, Any], words: str) -> None:
    async def story(peer: HttpPeer, settings: dict[str, Any]) -> None:
        for name, value in change.items():
            setattr(peer, name, value)
        with pytest.raises(ConnectorError, match=words):
            await make_connector("rest", settings).fetch(timeout=0.2)

    play(story)


def test_answers_without_end_are_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.contact_center.rest.connector.LONGEST_ANSWER", 1000)

    async def story(peer: HttpPeer, settings: dict[str, Any]) -> None:
        peer.answer = b" " * 5000
        with pytest.raises(ConnectorError, match="is longer than"):
            await make_connector("rest", settings).fetch()

    play(story)


def test_a_server_that_is_away_is_named() -> None:
    async def story(peer: HttpPeer, settings: dict[str, Any]) -> None:
        await peer.stop()
        with pytest.raises(ConnectorError, match="can't be reached"):
            await make_connector("rest", settings).fetch()
        await peer.start()

    play(story)


def test_a_token_or_a_password_is_sent_and_in_no_message() -> None:
    async def story(peer: HttpPeer, settings: dict[str, Any]) -> None:
        token = make_connector("rest", {**settings, "token": "s3cr3t"})
        await token.fetch()
        assert "authorization: bearer s3cr3t" in peer.requests[-1].lower()
        basic = make_connector("rest", {**settings, "username": "dialer", "password": "s3cr3t"})
        await basic.fetch()
        assert base64.b64encode(b"dialer:s3cr3t").decode() in peer.requests[-1]
        assert "GET /agents?group=1" in peer.requests[-1]
        peer.status = 401
        with pytest.raises(ConnectorError) as refusal:
            await token.fetch()
        assert "s3cr3t" not in f"{refusal.value} {token!r} {basic!r}"

    play(story)


def test_certificates_must_be_trusted(certificate: Certificate) -> None:
    async def scenario() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key)
        peer = await HttpPeer(ANSWER).start(context)
        settings = {"url": f"https://127.0.0.1:{peer.port}/agents"}
        with pytest.raises(ConnectorError, match="certificate verify failed"):
            await make_connector("rest", settings).fetch()
        assert peer.requests == []
        trusting = {**settings, "ca_file": str(certificate.file)}
        assert set((await make_connector("rest", trusting).fetch()).queues) == {"sales", "menu"}
        with pytest.raises(ConnectorError, match="ca_file '/nowhere' can't be used"):
            await make_connector("rest", {**settings, "ca_file": "/nowhere"}).fetch()
        await peer.stop()

    asyncio.run(scenario())
