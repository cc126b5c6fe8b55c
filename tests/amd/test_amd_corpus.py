"""Targets on labelled clips, where the kit with them is at hand."""

import csv
import os
import tarfile
from pathlib import Path

import pytest

from amd.engine import Engine
from amd.files import classify_sounds, ulaw_from_wav
from amd.profile import BALANCED

SHARED = Path(os.environ.get("DIALER_SHARED", Path(__file__).parents[3] / "shared"))
CLIPS = SHARED / "amd-corpus" / "dev.tar.gz"


@pytest.mark.skipif(not CLIPS.exists(), reason=f"no clips at {CLIPS} (DIALER_SHARED names another folder)")
def test_the_labelled_clips_meet_the_targets() -> None:
    labels: dict[str, str] = {}
    sounds: dict[str, bytes] = {}
    with tarfile.open(CLIPS) as tar:
        for member in tar:
            if (file := tar.extractfile(member)) is None:
                continue
            if member.name.endswith("labels.csv"):
                rows = csv.DictReader(file.read().decode().splitlines())
                labels = {Path(row["path"]).name: row["label"] for row in rows}
            elif member.name.endswith(".wav"):
                sounds[Path(member.name).name] = ulaw_from_wav(file.read())
    names = sorted(sounds)
    verdicts = classify_sounds(Engine(len(names)), {i: sounds[n] for i, n in enumerate(names)}, BALANCED)
    machine = {name: verdicts[i].is_machine for i, name in enumerate(names)}
    people = [n for n in names if labels[n] == "human"]
    machines = [n for n in names if labels[n] == "machine"]
    assert sum(machine[n] for n in people) / len(people) <= 0.015
    assert sum(machine[n] for n in machines) / len(machines) >= 0.92
