"""A short fault-injection run, by CI (`pytest -m chaos`); `make chaos` runs longer ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chain.processes import PROJECT

pytestmark = pytest.mark.chaos

KINDS = "doubled messages,kill calls,dropped messages,stop while the worker stands still,kill postgres,kill engine"


def test_six_faults_and_nothing_is_lost_or_dialed_twice(tmp_path: Path) -> None:
    report = tmp_path / "chaos.jsonl"
    command = [sys.executable, "-m", "tests.chaos", "--only", KINDS, "--faults", "6", "--leads", "10"]
    done = subprocess.run(
        [*command, "--report", str(report)],
        cwd=PROJECT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    assert done.returncode == 0, f"{done.stderr[-6000:]}\n{lines}"
    assert [line["kind"] for line in lines[:6]] == KINDS.split(",")
    assert all(line["wrong"] == [] for line in lines[:7])
    assert lines[-1]["violations"] == 0
    assert lines[-1]["attempts"] > 20
