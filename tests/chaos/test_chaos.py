"""Short fault-injection runs, by CI (`pytest -m chaos`, and against Asterisk `make test-peers`); `make chaos` runs longer
ones."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chain.processes import PROJECT
from tests.chaos.__main__ import CANT

FAULTS = 30
AGAINST_ASTERISK = (
    "kill pbx",
    "restart pbx",
    "cut contact centre",
    "silent contact centre",
    "lossy sip",
    "silent sip",
    "kill calls",
    "terminate calls",
    "second worker",
    "kill engine",
    "stop and start",
    "stop while the broker is down",
)
"""What a real PBX may take otherwise than ours; `python -m tests.chaos --peer asterisk` has all kinds."""


def inject(report: Path, faults: int, *options: str) -> list[dict[str, Any]]:
    """The report's lines, of a run in which everything held; skipped where it can't run."""
    command = [sys.executable, "-m", "tests.chaos", "--faults", str(faults), "--seed", "30", "--leads", "20"]
    done = subprocess.run(
        [*command, "--report", str(report), *options],
        cwd=PROJECT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    if done.returncode == CANT:
        pytest.skip(done.stderr.strip())
    lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    assert done.returncode == 0, f"{done.stderr[-6000:]}\n{lines}"
    assert len({line["kind"] for line in lines[:faults]}) == faults
    assert all(line["wrong"] == [] for line in lines[: faults + 1])
    assert lines[-1]["violations"] == 0
    return lines


@pytest.mark.chaos
def test_thirty_faults_and_nothing_is_lost_or_dialed_twice(tmp_path: Path) -> None:
    lines = inject(tmp_path / "chaos.jsonl", FAULTS)
    assert lines[-1]["attempts"] > 5 * FAULTS


@pytest.mark.peers
def test_faults_against_asterisk(tmp_path: Path) -> None:
    kinds = ["--peer", "asterisk", "--only", ",".join(AGAINST_ASTERISK)]
    lines = inject(tmp_path / "chaos.jsonl", len(AGAINST_ASTERISK), *kinds)
    assert lines[-1]["calls_in_the_log"] > 2 * len(AGAINST_ASTERISK)


@pytest.mark.chaos
def test_two_hosts_share_the_work_and_one_loses_its_power() -> None:
    """Leader change, ports without overlap, and nothing lost: `tests.chaos.nodes` says what it found."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.nodes"],
        cwd=PROJECT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    if done.returncode == 3:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-6000:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["leader_change_s"] <= 5
