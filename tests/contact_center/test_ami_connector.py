"""The AMI connector over TCP and TLS: changes, restarts of the PBX, silence, strangers, words for an administrator."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from telephony.contact_center import ConnectorError, ConnectorState, make_connector
from telephony.contact_center.asterisk_ami import connector as ami
from tests.contact_center.ami_peer import AmiPeer, caller, member, status, until
from tests.contact_center.conftest import Certificate
from tests.contact_center.watcher import Watcher

CONNECTING, CONNECTED, STALE, FAILED = ConnectorState
Story = Callable[[AmiPeer], Coroutine[Any, Any, None]]


def play(story: Story, *members: dict[str, object]) -> None:
    async def scenario() -> None:
        peer = await AmiPeer([*members] or [member("7101"), member("7102")]).start()
        try:
            await story(peer)
        finally:
            await peer.stop()

    asyncio.run(scenario())


def lists_asked(peer: AmiPeer) -> int:
    return sum(asked["Action"] == "QueueStatus" for asked in peer.seen)


@asynccontextmanager
async def watching(settings: dict[str, Any]) -> AsyncIterator[Watcher]:
    watcher = Watcher(make_connector("asterisk_ami", settings))
    try:
        yield watcher
    finally:
        await watcher.stop()


def test_every_change_is_a_complete_snapshot_at_once() -> None:
    async def story(peer: AmiPeer) -> None:
        async with watching(peer.settings) as seen:
            await until(lambda: seen.snapshots)
            assert seen.states == [CONNECTING, CONNECTED]
            told = time.monotonic()
            peer.say(status("7101", 6) + caller("QueueCallerJoin", "a", 1))
            await until(lambda: len(seen.snapshots) == 2)
            assert time.monotonic() - told < 0.1
            assert lists_asked(peer) == 1  # known from the events
            assert (seen.free(), seen.snapshots[-1].queues["sales"].waiting_callers) == (1, 1)
            peer.say(status("7101", 6))
            await asyncio.sleep(0.05)
            assert len(seen.snapshots) == 2  # nothing new

    play(story)


def test_a_wrap_up_ends_by_the_clock_without_an_event() -> None:
    async def story(peer: AmiPeer) -> None:
        async with watching({**peer.settings, "wrapup_s": 2}) as seen:
            await until(lambda: seen.snapshots)
            last_call = int(time.time())
            peer.say(status("7101", 1, LastCall=last_call))
            await until(lambda: len(seen.snapshots) == 3)
            assert [one.queues["sales"].free for one in seen.snapshots] == [2, 1, 2]
            assert 0 <= time.time() - (last_call + 2) < 0.1
            assert lists_asked(peer) == 1  # nobody had to ask

    play(story)


def test_after_a_restart_of_the_pbx_everything_is_asked_anew() -> None:
    async def story(peer: AmiPeer) -> None:
        async with watching(peer.settings) as seen:
            await until(lambda: seen.snapshots)
            peer.members, peer.waiting = [member("7103"), member("7104", Paused=1)], [("sales", "a")]
            await peer.stop()
            await seen.in_state(FAILED)
            assert "closed the connection" in seen.words[-1]
            await peer.start()
            await until(lambda: len(seen.snapshots) == 2)
            assert seen.states[-2:] == [CONNECTING, CONNECTED]
            queue = seen.snapshots[-1].queues["sales"]
            assert ([a.name for a in queue.agents], queue.free) == (["Agent 7103", "Agent 7104"], 1)
            assert queue.waiting_callers == 1

    play(story)


def test_a_pbx_that_is_away_is_tried_at_growing_pauses() -> None:
    async def story(peer: AmiPeer) -> None:
        await peer.stop()
        async with watching(peer.settings) as seen:
            await asyncio.sleep(1.0)  # tries at 0, 0.2 and 0.6 s
            assert seen.states.count(FAILED) == 3
            assert "is its manager interface on?" in seen.words[-1]
            await peer.start()
            await until(lambda: seen.snapshots)

    play(story)


def test_silence_is_stale_and_then_a_new_connection() -> None:
    async def story(peer: AmiPeer) -> None:
        async with watching({**peer.settings, "stale_after_s": 1}) as seen:
            await until(lambda: seen.snapshots)
            peer.is_mute = True
            await seen.in_state(STALE)
            peer.say(status("7101", 2))  # it lives
            await seen.in_state(CONNECTED)
            assert (len(seen.snapshots), seen.free()) == (2, 1)
            await seen.in_state(FAILED)
            assert seen.states[-2] is STALE
            assert "silent" in seen.words[-1]
            peer.is_mute = False
            await until(lambda: len(seen.snapshots) == 3)
            assert seen.free() == 2

    play(story)


def test_a_refused_sign_in_says_so_and_waits_before_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ami, "REFUSED_RETRY_S", 0.4)
    caplog.set_level(logging.DEBUG)

    async def story(peer: AmiPeer) -> None:
        async with watching({**peer.settings, "password": "wrong-secret"}) as seen:
            await seen.in_state(FAILED)
            assert "refuses the user name or the password (Authentication failed)" in seen.words[-1]
            await asyncio.sleep(0.3)
            assert seen.states.count(FAILED) == 1
            await until(lambda: seen.states.count(FAILED) == 2)
            assert "wrong-secret" not in " ".join(seen.words) + caplog.text + str(peer.seen)
        plain = {**peer.settings, "login": "plain"}
        assert (await make_connector("asterisk_ami", plain).fetch()).queues["sales"].free == 2

    play(story)


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 70_000])
def test_a_stranger_on_the_port_is_a_failure_not_a_crash(greeting: bytes) -> None:
    async def story(peer: AmiPeer) -> None:
        peer.greeting = greeting
        async with watching(peer.settings) as seen:
            await seen.in_state(FAILED)
            assert "does not speak as an Asterisk" in seen.words[-1]
            with pytest.raises(ConnectorError, match="does not speak as an Asterisk"):
                await make_connector("asterisk_ami", peer.settings).fetch()

    play(story)


def test_fetch_tells_the_queues_or_what_is_wrong() -> None:
    async def story(peer: AmiPeer) -> None:
        connector = make_connector("asterisk_ami", {**peer.settings, "queues": {"sales": "7000"}})
        queue = (await connector.fetch()).queues["sales"]
        assert (queue.pilot_number, queue.free) == ("7000", 2)
        counted = {"menu": {"pilot": "8000", "channels": 5, "context": "ivr"}}
        with pytest.raises(ConnectorError, match="does not list its channels to this user"):
            await make_connector("asterisk_ami", {**peer.settings, "ivrs": counted}).fetch()
        peer.is_mute = True
        with pytest.raises(ConnectorError, match=r"did not tell its queues within 0.2 s"):
            await connector.fetch(timeout=0.2)
        await peer.stop()
        with pytest.raises(ConnectorError, match="can't be reached"):
            await connector.fetch()
        await peer.start()

    play(story)


def test_a_queue_that_the_pbx_does_not_know_is_named() -> None:
    async def story(peer: AmiPeer) -> None:
        async with watching({**peer.settings, "queues": {"sales": "7000", "salse": "7001"}}) as seen:
            await until(lambda: seen.snapshots)
            assert list(seen.snapshots[-1].queues) == ["sales"]
            assert seen.words[-1].endswith("; it knows no queue salse")

    play(story)


def test_tls_is_spoken_with_certificates_that_are_trusted_alone(certificate: Certificate) -> None:
    async def scenario() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key)
        peer = await AmiPeer([member("7101")]).start(context)
        settings = {**peer.settings, "tls": True}
        with pytest.raises(ConnectorError, match="certificate that is not trusted"):
            await make_connector("asterisk_ami", settings).fetch()
        assert peer.seen == []
        trusting = {**settings, "ca_file": str(certificate.file)}
        assert (await make_connector("asterisk_ami", trusting).fetch()).queues["sales"].free == 1
        with pytest.raises(ConnectorError, match="ca_file '/nowhere' can't be used"):
            await make_connector("asterisk_ami", {**settings, "ca_file": "/nowhere"}).fetch()
        await peer.stop()
        plain = await AmiPeer([member("7101")]).start()
        with pytest.raises(ConnectorError, match="speaks no TLS"):
            await make_connector("asterisk_ami", {**plain.settings, "tls": True}).fetch()
        await plain.stop()

    asyncio.run(scenario())
