"""Ports that do not register, and ports whose registrar DNS names: from the model to the call."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from dialing import ports
from dialing.calls_worker import CallsWorker
from leads.models import CallAttempt
from telephony import configuration
from telephony.models import DialerPort
from tests.factories import make_attempt, make_campaign, make_lead, make_port
from tests.patience import PATIENCE
from tests.sip.dns_server import DnsServer, dns_server
from tests.sip.loopback_peer import Behaviour, LoopbackPeer, peer_in_thread

from .worker_with_ports import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trunk() -> Iterator[LoopbackPeer]:
    with peer_in_thread(Behaviour(code=486)) as peer:
        yield peer


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    """With a loop of its own."""
    ready, over, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()
    found: list[DnsServer] = []

    async def serve() -> None:
        async with dns_server() as server:
            found.append(server)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    yield found[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(PATIENCE)
    loop.close()


@pytest.fixture
def worker(settings: Any) -> Iterator[CallsWorker]:
    settings.SIP_PING_SECONDS = 0.1
    worker = CallsWorker(capacity=1, name="trunks")
    yield worker
    worker.close()


def dial(worker: CallsWorker) -> CallAttempt:
    attempt = make_attempt(make_lead(make_campaign()))
    worker.carry_out(attempt.pk)
    attempt.refresh_from_db()
    return attempt


def test_a_trunk_carries_calls_while_it_answers_and_nobody_registers(
    worker: CallsWorker, trunk: LoopbackPeer
) -> None:
    make_port(extension="trunk1", password="", registers=False, registrar_port=trunk.port)
    worker.start()
    eventually(lambda: DialerPort.objects.get().state == DialerPort.State.READY)
    assert DialerPort.objects.get().active_registrar == f"127.0.0.1:{trunk.port}"
    assert ports.registered(timezone.now()).count() == 1
    assert dial(worker).sip_code == 486
    trunk.behaviour.ignores = frozenset({"OPTIONS", "INVITE"})
    eventually(lambda: DialerPort.objects.get().state == DialerPort.State.UNREACHABLE)
    assert not ports.registered(timezone.now()).exists()
    assert dial(worker).state == CallAttempt.State.WITHDRAWN
    trunk.behaviour.ignores = frozenset()
    eventually(lambda: DialerPort.objects.get().state == DialerPort.State.READY)
    assert dial(worker).sip_code == 486
    assert trunk.requests("REGISTER") == []


def test_a_registrar_without_a_port_is_found_by_its_srv_records(
    settings: Any, trunk: LoopbackPeer, dns: DnsServer
) -> None:
    dns.serve("_sip._udp.pbx.test", (10, 0, trunk.port, "node1.pbx.test."))
    settings.SIP_DNS_SERVERS = [("127.0.0.1", dns.port)]
    make_port(extension="6001", registrar_host="pbx.test", registrar_port=None)
    worker = CallsWorker(capacity=1, name="srv")
    try:
        worker.start()
        eventually(lambda: DialerPort.objects.get().state == DialerPort.State.REGISTERED)
        assert DialerPort.objects.get().active_registrar == f"pbx.test (127.0.0.1:{trunk.port})"
        assert dial(worker).sip_code == 486
    finally:
        worker.close()


def test_a_port_that_registers_needs_a_password_and_a_trunk_does_not() -> None:
    with pytest.raises(ValidationError, match="needs its password"):
        configuration.save(None, DialerPort(), extension="6001", registrar_host="pbx", password="")
    port = DialerPort()
    configuration.save(None, port, extension="t1", registrar_host="pbx", password="", registers=False)
    assert DialerPort.objects.get(pk=port.pk).registrar_port is None


def test_an_extension_is_there_once_for_each_registrar_with_or_without_a_port() -> None:
    make_port(extension="6001", registrar_host="pbx.test", registrar_port=None)
    with pytest.raises(IntegrityError):
        make_port(extension="6001", registrar_host="pbx.test", registrar_port=None)
