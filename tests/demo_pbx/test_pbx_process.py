"""Starting and ending the process, its configuration, its words for people."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from telephony.demo_pbx.config import DemoPbxConfig
from telephony.demo_pbx.config_fields import ConfigError, Span
from telephony.demo_pbx.process import PROJECT, DemoPbxError, DemoPbxProcess
from tests.patience import PATIENCE

from .pbx_under_test import Feed, PbxUnderTest, quick


def run_pbx(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "telephony.demo_pbx", *arguments]
    return subprocess.run(
        command,
        cwd=PROJECT,
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "telephony.demo_pbx", "--log", str(tmp_path / "log.jsonl")]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        feed = Feed(ready["events_port"])
        feed.next("snapshot")
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
        feed.close()
        assert (process.returncode, said) == (0, b"")


def test_calls_that_are_up_at_the_end_are_in_the_log(tmp_path: Path) -> None:
    with PbxUnderTest(tmp_path, quick()) as pbx:
        phone = pbx.phone()
        talking, ringing = phone.dial("0600000010"), phone.invite("0600000014")
        while phone.response("INVITE").code != 180:
            pass
        assert pbx.process.stop() == 0
        assert phone.final("INVITE").code == 503
        phone.incoming("BYE")
        ended = {line["call_id"]: (line["ended_by"], line["sip_code"]) for line in pbx.log()}
        assert ended == {talking.call_id: ("pbx", 200), ringing.call_id: ("pbx", 503)}


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    parent = (
        "import os, sys; from pathlib import Path; from telephony.demo_pbx.process import DemoPbxProcess;"
        "pbx = DemoPbxProcess(Path(sys.argv[1])); print(pbx.start().pid, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent, str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}/cmdline").exists() and b"demo_pbx" in Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_port_in_use_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = run_pbx("--sip-port", str(port))
        assert done.returncode == 2
        assert f"127.0.0.1:{port}" in done.stderr
        assert "--sip-port" in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        with pytest.raises(DemoPbxError, match="--sip-port"):
            DemoPbxProcess(tmp_path).start({"sip_port": port})


def test_a_wrong_configuration_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    for text, words in (("{", "no JSON"), ('{"queues": {"sales": {"talk": 3}}}', "queues.sales.talk")):
        path.write_text(text)
        done = run_pbx("--config", str(path))
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
        assert words in done.stderr


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "the configuration must be a JSON object"),
        ({"sip_port": "5060"}, "sip_port must be a whole number"),
        ({"sip_prt": 1}, "sip_prt is not a known field"),
        ({"behaviour": "cisco"}, "behaviour must be one of rfc, asterisk"),
        ({"customers": {"ring_s": [2, 1]}}, "customers.ring_s must have low <= high"),
        ({"customers": {"ring_s": -1}}, "customers.ring_s must be a number of seconds"),
        ({"customers": {"second_call": {"4": "dog"}}}, "customers.second_call.4 must be one of human"),
        ({"users": {"6001": 5}}, "users.6001 must be a text"),
        ({"queues": {"sales": {"agents": [{"name": "x"}]}}}, "queues.sales.agents.0.id is missing"),
        ({"queues": {"a": {"agents": 1.5}}}, "queues.a.agents must be a number"),
        ({"ivrs": {"ivr": {"channels": -1}}}, "ivrs.ivr.channels must be a whole number"),
        ({"ivrs": {"ivr": {"pilot": "7000"}}}, "different pilot numbers"),
        ({"refused_targets": {"7998": 200}}, "refused_targets.7998 must be a whole number"),
        ({"timers": {"t1_s": 0}}, "timers.t1_s must be at least"),
    ],
)
def test_a_wrong_field_is_named(value: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DemoPbxConfig.from_json(value)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")


def test_an_empty_configuration_is_the_default() -> None:
    config = DemoPbxConfig.from_json({})
    assert config == DemoPbxConfig()
    assert config.users["6001"] == "pw6001"
    assert [agent.id for agent in config.queues["sales"].agents] == ["7101", "7102", "7103", "7104"]


def test_times_are_varied_by_number_and_the_same_in_every_run() -> None:
    span = Span(0.3, 2.0)
    picks = [span.pick(f"06000000{number:02}/1/ring") for number in range(100)]
    assert picks == [span.pick(f"06000000{number:02}/1/ring") for number in range(100)]
    assert min(picks) < 0.5
    assert max(picks) > 1.8
    assert len({round(pick, 2) for pick in picks}) > 50


def test_commands_that_are_wrong_get_a_reason(tmp_path: Path) -> None:
    with DemoPbxProcess(tmp_path) as pbx:
        feed = Feed(pbx.start().events_port)
        for command, fields, words in (
            ("dance", {}, "not a command"),
            ("pause", {"agent": "1"}, "no agent 1"),
            ("pause", {}, "agent's id"),
            ("set_channels", {"queue": "sales", "channels": 1}, "no IVR"),
            ("set_channels", {"queue": "ivr", "channels": "x"}, "whole number"),
            ("drop_customer", {"call_id": "x"}, "no call"),
        ):
            reply = feed.command(command, **fields)
            assert (reply["ok"], words in reply["error"]) == (False, True), reply
        feed.socket.sendall(b"not json\n[1]\n")
        assert "no JSON" in feed.next("reply")["error"]
        assert "JSON object" in feed.next("reply")["error"]
        assert feed.command("set_channels", queue="ivr", channels=9)["ok"]
        feed.close()
