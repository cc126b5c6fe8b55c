"""`manage.py test_call`, with which people try a trunk: DESIGN 6, sentence by sentence, against peers on loopback."""

import json
import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.management import CommandError, call_command

from .loopback_peer import Behaviour, LoopbackPeer, peer_in_thread

PROJECT = Path(__file__).resolve().parents[2]
KEYS = {
    "result", "sip_code", "q850_cause", "reason", "registered", "ringing_ms", "answered_ms", "first_audio_ms",
    "audio_frames", "early_media_frames", "amd", "transfer", "ended_by", "duration_ms", "call_id",
}  # fmt: skip
REGISTERED = ("--user", "6001", "--password", "secret")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialing.trunk_check.AFTERCARE_S", 0.05)


def try_trunk(peer: LoopbackPeer | str, *words: str, number: str = "0600") -> tuple[int, dict[str, Any]]:
    """Exit code, and the object of the last line."""
    where = peer if isinstance(peer, str) else f"127.0.0.1:{peer.port}"
    out, code = StringIO(), 0
    try:
        call_command("test_call", number, "--registrar", where, *words, stdout=out, stderr=StringIO())
    except SystemExit as ending:
        code = cast("int", ending.code)
    return code, json.loads(out.getvalue().splitlines()[-1])


# --- wrong arguments: exit 2, and what would be right -----------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "named", "cure"),
    [
        (["--registrar", ":5060"], "--registrar ':5060'", "pbx.example.com:5060"),
        (["--registrar", "pbx:70000"], "--registrar 'pbx:70000'", "1 to 65535"),
        (["--registrar", "pbx:0"], "--registrar 'pbx:0'", "1 to 65535"),
        (["--registrar", "pbx:sip"], "--registrar 'pbx:sip'", "1 to 65535"),
        (["--registrar", "::1"], "--registrar '::1'", "in brackets"),
        (["--registrar", "[1:2]:5060"], "--registrar '[1:2]:5060'", "[2001:db8::1]:5060"),
        (["--registrar", "sip:pbx"], "--registrar 'sip:pbx'", "HOST:PORT"),
        (["--registrar", ""], "--registrar ''", "HOST:PORT"),
        (["--ring-timeout", "-1"], "--ring-timeout -1", "0.1 to 86400"),
        (["--ring-timeout", "0"], "--ring-timeout 0", "0.1 to 86400"),
        (["--ring-timeout", "nan"], "--ring-timeout nan", "0.1 to 86400"),
        (["--ring-timeout", "inf"], "--ring-timeout inf", "0.1 to 86400"),
        (["--hold", "-0.5"], "--hold -0.5", "0 to 86400"),
        (["--hold", "nan"], "--hold nan", "0 to 86400"),
        (["--user", "6001"], "--user and --password", "--no-register"),
        (["--password", "x"], "--user and --password", "--no-register"),
        (["--user", "6001@pbx", "--password", "x"], "--user '6001@pbx'", "before the @"),
        (["--user", "60 01", "--password", "x"], "--user '60 01'", "without spaces"),
        (["--user", "6001\r\nX: y", "--password", "x"], "--user", "without spaces"),
        ([*REGISTERED, "--transfer", "70 00"], "--transfer '70 00'", "give digits"),
        ([*REGISTERED, "--transfer", "sales"], "--transfer 'sales'", "sip:name@host"),
        ([*REGISTERED, "--caller-number", "x1"], "--caller-number 'x1'", "give digits"),
        ([*REGISTERED, "--caller-name", "a\nb"], "--caller-name", "one line"),
    ],
)
def test_wrong_arguments_are_named_with_the_cure(words: list[str], named: str, cure: str) -> None:
    given = words if "--registrar" in words else ["--registrar", "127.0.0.1:5060", *words]
    given = given if {"--user", "--password"} & set(given) else [*given, *REGISTERED]
    with pytest.raises(CommandError) as refused:
        call_command("test_call", "0600", *given)
    assert refused.value.returncode == 2
    assert str(refused.value).startswith(named)
    assert cure in str(refused.value)


@pytest.mark.parametrize(
    "number", ["", "06OO", "0600 000", "+", "sip:", "sip:0600@", "ftp://pbx", "1" * 65, "06\r\n00"]
)
def test_what_is_no_number_is_not_dialed(number: str) -> None:
    with pytest.raises(CommandError, match=r"NUMBER .* can't be dialed: give digits") as refused:
        call_command("test_call", number, "--registrar", "127.0.0.1:5060", *REGISTERED)
    assert refused.value.returncode == 2


@pytest.mark.parametrize(
    ("number", "dialed"),
    [
        ("+551130001000", "sip:+551130001000@"),
        ("*21#", "sip:*21%23@"),
        ("sip:sales@pbx.test", "sip:sales@pbx.test"),
    ],
)
def test_what_is_one_is(number: str, dialed: str) -> None:
    with peer_in_thread(Behaviour(code=486)) as peer:
        code, said = try_trunk(peer, "--no-register", number=number)
        assert (code, said["result"]) == (0, "BUSY")
        assert str(peer.requests("INVITE")[0].message.uri).startswith(dialed)  # type: ignore[union-attr]


def command(*words: str, **environ: str) -> tuple[int, str, str]:
    """The command as people start it, without database or broker."""
    nowhere = {"DATABASE_URL": "postgresql://x:y@127.0.0.1:1/z", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "manage.py", "test_call", *words],
        cwd=PROJECT,
        env={**os.environ, **nowhere, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_process_ends_with_2_and_names_the_argument() -> None:
    where = ["--registrar", "127.0.0.1:5060", "--no-register"]
    for words, named in (
        (["0600", *where, "--transport", "sctp"], "--transport"),
        (["0600x", *where], "NUMBER"),
    ):
        code, out, err = command(*words)
        assert (code, out) == (2, "")
        assert named in err
        assert "Traceback" not in err


# --- what comes of a call ------------------------------------------------------------------------------------------


def test_a_call_needs_no_database_and_its_last_line_is_all_about_it() -> None:
    with peer_in_thread(Behaviour(audio_frames=30, early_frames=5)) as peer:
        where = f"127.0.0.1:{peer.port}"
        words = ["0600", "--registrar", where, *REGISTERED, "--hold", "0.5", "--transfer", "7000"]
        code, out, err = command(*words)
        assert (code, err) == (0, "")
        said = json.loads(out.splitlines()[-1])
        assert set(said) >= KEYS
        assert (said["result"], said["sip_code"], said["ended_by"]) == ("SUCCESS", 200, "local")
        assert said["registered"] is True
        assert said["transfer"] == {
            "accepted_code": 202,
            "final_code": 200,
            "final_ms": said["transfer"]["final_ms"],
        }
        assert said["early_media_frames"] == 5
        assert 20 <= said["audio_frames"] <= 30
        assert 0 <= said["ringing_ms"] <= said["answered_ms"] <= said["duration_ms"]
        assert said["first_audio_ms"] is not None
        assert (said["amd"], said["q850_cause"]) == (None, None)
        assert said["call_id"] == peer.requests("INVITE")[0].call_id
        assert 20 <= len([data for data in peer.rtp_received if data[1] & 0x7F in (0, 8)]) <= 35
        assert peer.requests("REGISTER")[-1].header("Expires") == "0"


def test_with_json_it_is_the_only_line_and_the_result_without_transfer_is_answered() -> None:
    with peer_in_thread() as peer:
        out = StringIO()
        where = f"127.0.0.1:{peer.port}"
        call_command("test_call", "0600", "--registrar", where, "--no-register", "--json", stdout=out)
        [line] = out.getvalue().splitlines()
        assert json.loads(line)["result"] == "ANSWERED"
        assert json.loads(line)["registered"] is False
        assert peer.requests("REGISTER") == []


@pytest.mark.parametrize(
    ("behaviour", "result", "codes"),
    [
        (Behaviour(refer_code=603, notifies=()), "FAILED", (603, None)),
        (Behaviour(notifies=("100 Trying", "480 Gone")), "FAILED", (202, 480)),
        (Behaviour(notifies=(), bye_after_refer=True), "SUCCESS", (202, None)),
    ],
    ids=["refused", "failed", "BYE after the 202"],
)
def test_transfers(behaviour: Behaviour, result: str, codes: tuple[int, int | None]) -> None:
    with peer_in_thread(behaviour) as peer:
        code, said = try_trunk(peer, "--no-register", "--transfer", "7000")
        assert (code, said["result"]) == (0, result)
        assert (said["transfer"]["accepted_code"], said["transfer"]["final_code"]) == codes


def test_a_late_200_after_our_cancel_is_acknowledged_hung_up_and_failed() -> None:
    with peer_in_thread(Behaviour(answer_after=None, answers_cancel_with_200=True)) as peer:
        code, said = try_trunk(peer, "--no-register", "--ring-timeout", "0.2")
        assert (code, said["result"], said["ended_by"]) == (0, "FAILED", "cancelled")
        assert peer.methods[-2:] == ["ACK", "BYE"]


def test_a_refused_password_is_tried_at_most_four_times_and_told() -> None:
    with peer_in_thread(Behaviour(password_code=401)) as peer:
        code, said = try_trunk(peer, "--user", "6001", "--password", "hunter2")
        assert code == 3
        assert set(said) >= KEYS
        assert (said["registered"], said["sip_code"], said["ended_by"]) == (False, 401, "rejected")
        assert said["reason"] == "registration failed: wrong user name or password"
        assert 1 < len(peer.requests("REGISTER")) <= 4
        assert peer.requests("INVITE") == []


@pytest.mark.parametrize("where", ["127.0.0.1:1", "no-such-host.invalid:5060"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_failed_transport_is_a_timeout(where: str, transport: str) -> None:
    code, said = try_trunk(where, "--no-register", "--transport", transport)
    assert (code, said["result"], said["ended_by"]) == (0, "SERVICE_TEMPORARY_UNAVAILABLE", "timeout")
    assert said["reason"]


def test_a_registrar_that_cannot_be_reached_fails_the_registration() -> None:
    code, said = try_trunk("127.0.0.1:1", *REGISTERED)
    assert (code, said["result"], said["ended_by"]) == (3, "SERVICE_TEMPORARY_UNAVAILABLE", "timeout")


def test_no_answer_to_the_invite_is_a_timeout_after_32_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telephony.sip.transaction.T1", 0.01)
    with peer_in_thread(Behaviour(ignores=frozenset({"INVITE"}))) as peer:
        code, said = try_trunk(peer, "--no-register")
        assert (code, said["result"], said["ended_by"]) == (0, "SERVICE_TEMPORARY_UNAVAILABLE", "timeout")
        assert 640 <= said["duration_ms"] < 5000  # 64*T1


def test_a_verdict_comes_without_any_sound() -> None:
    with peer_in_thread() as peer:
        code, said = try_trunk(peer, "--no-register", "--amd")
        assert (code, said["audio_frames"]) == (0, 0)
        assert said["amd"]["verdict"] in ("HUMAN", "MACHINE", "NOTSURE")
        assert said["amd"]["decision_ms"] <= 6500
        assert said["amd"]["cause"]


def test_retransmissions_are_answered_for_a_second_after_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with peer_in_thread(Behaviour(bye_after=0.05)) as peer:
        began = time.monotonic()
        code, said = try_trunk(peer, "--no-register", "--hold", "60")
        assert (code, said["ended_by"]) == (0, "remote")
        assert 0.9 < time.monotonic() - began < 30


@pytest.mark.parametrize("trusted", [True, False])
def test_over_tls_the_certificate_must_be_trusted(
    certificate: Path, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "crt"))
    with peer_in_thread(Behaviour(code=486), transport="tls", certificate=certificate) as peer:
        code, said = try_trunk(peer, "--no-register", "--transport", "tls")
        assert code == 0
        if trusted:
            assert said["result"] == "BUSY"
        else:
            assert (said["result"], said["ended_by"]) == ("SERVICE_TEMPORARY_UNAVAILABLE", "timeout")
            assert "certificate" in said["reason"]
            assert peer.received == []
