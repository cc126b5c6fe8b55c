"""Encrypted audio with a real Asterisk, which judges our SRTP, our SRTCP and our reports. Run by `make test-peers`."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telephony.results import CallResult
from telephony.sip.account import SipAccount
from telephony.sip.sdes import MediaEncryption
from tests.contact_center.lab import LAB, SIP_PORT, running_lab

from .test_sip_peers import call

pytestmark = pytest.mark.peers

ENDPOINT = """
[{user}](subscriber)
context=from-dialer
auth={user}
aors={user}
media_encryption=sdes
media_encryption_optimistic={optimistic}
[{user}]
type=auth
auth_type=userpass
username={user}
password=pw{user}
[{user}](aor)
"""
PLAIN, STRICT, OPTIMISTIC = "6003", "6201", "6202"


@pytest.fixture(scope="module")
def encrypted() -> Iterator[None]:
    """The lab with two subscribers more, whose audio is encrypted; afterwards it is as it was."""
    with running_lab(), _encrypted_subscribers():
        yield


@contextmanager
def _encrypted_subscribers() -> Iterator[None]:
    where = subprocess.run(
        ["bash", "-c", '. ./lab.env; echo "${PBX_ROOT:-$PBX_STATE/roots/$PBX_SUITE}"'],
        cwd=LAB,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LAB": str(LAB)},
    )
    settings = Path(where.stdout.strip()) / "etc/asterisk-lab/pjsip_subscribers.conf"
    before = settings.read_text()
    strict = ENDPOINT.format(user=STRICT, optimistic="no")
    settings.write_text(before + strict + ENDPOINT.format(user=OPTIMISTIC, optimistic="yes"))
    try:
        _console("module reload res_pjsip.so")
        for _ in range(50):
            if f"Endpoint:  {OPTIMISTIC}" in _console(f"pjsip show endpoint {OPTIMISTIC}"):
                break
        yield
    finally:
        settings.write_text(before)
        _console("module reload res_pjsip.so")


def _console(command: str) -> str:
    done = subprocess.run(
        [str(LAB / "cli.sh"), command], cwd=LAB, check=False, capture_output=True, text=True
    )
    return done.stdout


def account(user: str, encryption: MediaEncryption) -> SipAccount:
    return SipAccount(user, f"pw{user}", "127.0.0.1", SIP_PORT, encryption=encryption)


@pytest.mark.parametrize(
    ("user", "encryption", "suite"),
    [
        (STRICT, MediaEncryption.REQUIRED, "AES_CM_128_HMAC_SHA1_80"),
        (OPTIMISTIC, MediaEncryption.PREFERRED, "AES_CM_128_HMAC_SHA1_80"),
        (PLAIN, MediaEncryption.PREFERRED, None),
    ],
)
def test_asterisk_hears_us_and_we_hear_it(
    encrypted: None, user: str, encryption: MediaEncryption, suite: str | None
) -> None:
    report = call(
        "0600000000", account=account(user, encryption), hold_s=11
    )  # its first report comes after five seconds
    assert report.result is CallResult.ANSWERED
    media = report.media
    assert media is not None
    assert media.encryption == suite
    assert report.audio_frames > 250
    assert media.peer_lost is not None  # it reports, so it could open what we sent
    assert media.peer_lost <= media.packets_out // 10
    assert media.round_trip_ms is not None
    assert media.round_trip_ms < 1000


@pytest.mark.parametrize(
    ("user", "encryption"), [(STRICT, MediaEncryption.NONE), (PLAIN, MediaEncryption.REQUIRED)]
)
def test_asterisk_refuses_what_one_side_alone_wants(
    encrypted: None, user: str, encryption: MediaEncryption
) -> None:
    report = call("0600000000", account=account(user, encryption))
    assert (report.sip_code, report.media) == (488, None)
