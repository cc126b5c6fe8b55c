"""Ports whose registrar goes away: what is used, what is shown, and where the calls go."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from dialing import ports
from dialing.calls_worker import CallsWorker
from leads.models import CallAttempt
from telephony import configuration
from telephony.models import DialerPort
from tests.factories import make_attempt, make_campaign, make_lead, make_port
from tests.sip.loopback_peer import Behaviour, LoopbackPeer, peer_in_thread

from .worker_with_ports import eventually

pytestmark = pytest.mark.django_db(transaction=True)

SILENT = frozenset({"REGISTER", "OPTIONS", "INVITE"})


@pytest.fixture
def first() -> Iterator[LoopbackPeer]:
    with peer_in_thread(Behaviour(code=486)) as peer:
        yield peer


@pytest.fixture
def second() -> Iterator[LoopbackPeer]:
    with peer_in_thread(Behaviour(code=486)) as peer:
        yield peer


@pytest.fixture
def worker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[CallsWorker]:
    settings.SIP_PING_SECONDS = 0.1
    monkeypatch.setattr("telephony.sip.line.PATIENCE_S", 0.5)
    monkeypatch.setattr("telephony.sip.line.HOLD_DOWN_S", 0.5)
    worker = CallsWorker(capacity=1, name="two registrars")
    yield worker
    worker.close()


def port_at(*peers: LoopbackPeer) -> DialerPort:
    return make_port(
        extension="6001",
        registrar_host="127.0.0.1",
        registrar_port=peers[0].port,
        second_registrar_host="127.0.0.1" if len(peers) > 1 else "",
        second_registrar_port=peers[-1].port,
    )


def shows(state: DialerPort.State, peer: LoopbackPeer | None, error: str = "") -> bool:
    port = DialerPort.objects.get()
    registrar = f"127.0.0.1:{peer.port}" if peer is not None else ""
    return (port.state, port.active_registrar) == (state, registrar) and error in port.last_error


def dial(worker: CallsWorker) -> CallAttempt:
    attempt = make_attempt(make_lead(make_campaign()))
    worker.carry_out(attempt.pk)
    attempt.refresh_from_db()
    return attempt


def test_calls_follow_the_registration_to_the_second_registrar_and_back(
    worker: CallsWorker, first: LoopbackPeer, second: LoopbackPeer
) -> None:
    port_at(first, second)
    worker.start()
    eventually(lambda: shows(DialerPort.State.REGISTERED, first))
    assert dial(worker).sip_code == 486
    eventually(lambda: len(first.requests("OPTIONS")) > 1)
    first.behaviour.ignores = SILENT
    eventually(lambda: shows(DialerPort.State.REGISTERED, second, "does not answer OPTIONS"))
    assert dial(worker).sip_code == 486
    assert (len(first.requests("INVITE")), len(second.requests("INVITE"))) == (1, 1)
    first.behaviour.ignores = frozenset()
    eventually(lambda: shows(DialerPort.State.REGISTERED, first))
    assert DialerPort.objects.get().last_error == ""
    assert dial(worker).sip_code == 486
    assert (len(first.requests("INVITE")), len(second.requests("INVITE"))) == (2, 1)


def test_nothing_is_dialed_through_a_port_whose_registrar_does_not_answer_pings(
    worker: CallsWorker, first: LoopbackPeer
) -> None:
    port_at(first)
    worker.start()
    eventually(lambda: worker.ports.counts() == (1, 0) and len(first.requests("OPTIONS")) > 1)
    first.behaviour.ignores = SILENT
    eventually(lambda: shows(DialerPort.State.UNREACHABLE, None, "does not answer OPTIONS"))
    assert worker.ports.counts() == (0, 0)
    assert not ports.registered(timezone.now()).exists()
    assert dial(worker).state == CallAttempt.State.WITHDRAWN
    first.behaviour.ignores = frozenset()
    eventually(lambda: shows(DialerPort.State.REGISTERED, first))
    assert dial(worker).sip_code == 486


def test_a_second_registrar_is_another_one_and_nobody_else_s() -> None:
    make_port(extension="6001", registrar_host="pbx2", registrar_port=5060)
    port = make_port(extension="6001", registrar_host="pbx1", registrar_port=5060)
    for host, words in (("pbx1", "first registrar already"), ("pbx2", "Another port")):
        with pytest.raises(ValidationError, match=words):
            configuration.save(None, port, second_registrar_host=host)
    configuration.save(None, port, second_registrar_host="pbx3")
    assert DialerPort.objects.get(pk=port.pk).second_registrar_host == "pbx3"
