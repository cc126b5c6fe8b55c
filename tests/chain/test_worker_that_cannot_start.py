"""A calls worker that can't carry calls ends, so that its supervisor starts it again and people are told."""

from pathlib import Path

import pytest

from dialing.worker import EXIT_NOT_STARTED

from .processes import PROJECT, running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
NO_WAY_OUT = (
    "from telephony.sip.user_agent import UserAgent\n"
    "async def start(self): raise RuntimeError('no way out')\n"
    "UserAgent.start = start\n"
)
"""Put where Python looks for it as it starts."""


def test_a_worker_whose_settings_cannot_be_used_ends_and_says_why(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str
) -> None:
    said = end_of_worker(tmp_path, {**process_environment, "SIP_TLS_CERTIFICATE": "/nowhere/port.pem"})
    assert "The calls worker can't start: The TLS certificate /nowhere/port.pem" in said
    assert "No such file or directory" in said
    assert "Traceback" not in said


def test_a_worker_whose_user_agent_does_not_start_ends_and_shows_where(
    tmp_path: Path, process_environment: dict[str, str], empty_valkey: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_WAY_OUT)
    said = end_of_worker(tmp_path, {**process_environment, "PYTHONPATH": f"{tmp_path}:{PROJECT}"})
    assert "The calls worker can't start: no way out" in said
    assert "Traceback" in said


def end_of_worker(folder: Path, environment: dict[str, str]) -> str:
    """What a calls worker said that ended by itself, with a status that says so."""
    with running(folder, {**environment, "PORTS_PER_WORKER": "2"}, "calls") as processes:
        wait_until(processes.ended, 90, lambda: processes.said("calls"))
        assert processes.exit_status("calls") == EXIT_NOT_STARTED
        return processes.said("calls")
