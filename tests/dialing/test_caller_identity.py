"""What the called person sees is the campaign's choice: From, RFC 3325 and RFC 3323 on the wire, rules at the doors."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from campaigns import services
from campaigns.models import Campaign
from dialing.calls_worker import CallsWorker
from leads.models import CallAttempt
from telephony.sip.message import Envelope
from tests.factories import make_attempt, make_campaign, make_lead
from tests.sip.loopback_peer import Behaviour, LoopbackPeer, peer_in_thread

from .worker_with_ports import worker_with_ports

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def peer() -> Iterator[LoopbackPeer]:
    with peer_in_thread(Behaviour(code=486)) as peer:
        yield peer


@pytest.fixture
def worker(peer: LoopbackPeer) -> Iterator[CallsWorker]:
    with worker_with_ports(peer.port, "6001") as worker:
        yield worker


def invite_of(worker: CallsWorker, peer: LoopbackPeer, **fields: Any) -> Envelope:
    """The INVITE of the one call of a campaign with these settings."""
    attempt = make_attempt(make_lead(make_campaign(**fields)))
    worker.carry_out(attempt.pk)
    assert CallAttempt.objects.get(pk=attempt.pk).sip_code == 486
    return peer.requests("INVITE")[-1]


def test_the_calls_of_a_campaign_show_its_name_and_number(worker: CallsWorker, peer: LoopbackPeer) -> None:
    invite = invite_of(worker, peer, caller_name='Renewals "São Paulo"', caller_number="+551130001000")
    host = f"127.0.0.1:{peer.port}"
    assert (invite.sender.name, invite.sender.uri_text) == (
        'Renewals "São Paulo"',
        f"sip:+551130001000@{host}",
    )
    assert invite.header("P-Asserted-Identity") == (
        '"Renewals \\"São Paulo\\"" <sip:+551130001000@127.0.0.1>'
    )
    assert invite.header("Privacy") == "none"

    hidden = invite_of(
        worker, peer, caller_name="Renewals", caller_number="551130001000", caller_private=True
    )
    assert str(hidden.message.headers["From"]).startswith('"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert hidden.header("P-Asserted-Identity") == '"Renewals" <sip:551130001000@127.0.0.1>'
    assert hidden.header("Privacy") == "id"

    plain = invite_of(worker, peer)
    assert plain.sender.uri_text == f"sip:6001@{host}"
    assert (plain.header("P-Asserted-Identity"), plain.header("Privacy")) == (None, None)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("caller_name", "Sales\r\nEvil: 1", "one line"),
        ("caller_name", "Sales\n", "one line"),
        ("caller_name", "x" * 65, "64"),
        ("caller_number", "sip:1@evil", "digits"),
        ("caller_number", "12\n", "digits"),
        ("caller_number", "1" * 34, "digits"),
    ],
)
def test_what_can_t_stand_in_a_header_is_refused_by_field(field: str, value: str, words: str) -> None:
    campaign = make_campaign(started=False)
    with pytest.raises(ValidationError) as refused:
        services.update_campaign(None, campaign, **{field: value})
    assert words in " ".join(refused.value.message_dict[field])


def test_the_caller_of_a_started_campaign_does_not_change() -> None:
    campaign = make_campaign(caller_number="551130001000")
    with pytest.raises(ValidationError, match="Stop it first"):
        services.update_campaign(None, campaign, caller_number="551130002000")
    assert Campaign.objects.get().caller_number == "551130001000"


def test_a_trunk_is_tried_with_a_caller(peer: LoopbackPeer) -> None:
    out = StringIO()
    arguments = ["0600", "--registrar", f"127.0.0.1:{peer.port}", "--no-register", "--json"]
    caller = ["--caller-name", "Renewals", "--caller-number", "+551130001000", "--caller-private"]
    call_command("test_call", *arguments, *caller, stdout=out)
    assert json.loads(out.getvalue().splitlines()[-1])["sip_code"] == 486
    invite = peer.requests("INVITE")[0]
    assert invite.sender.name == "Anonymous"
    assert invite.header("P-Asserted-Identity") == '"Renewals" <sip:+551130001000@127.0.0.1>'
    for wrong in (["--caller-number", "x1"], ["--caller-name", "a\nb"]):
        with pytest.raises(CommandError, match=wrong[0]):
            call_command("test_call", *arguments, *wrong, stdout=out)
