"""The detector's profiles beside the rules and Asterisk's AMD(), scored by the kit's score.py.

    python -m benchmarks.amd_score [FOLDER ...] [--json]

Each FOLDER holds labels.csv and its clips, as `benchmarks/amd_corpus.py` or the kit makes them; without one the
kit's dev clips are taken. Asterisk's verdicts exist for the dev clips only. Needs the kit (DIALER_SHARED or ../shared).
"""

import argparse
import importlib.util
import json
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amd import files
from amd.engine import Engine
from amd.profile import BALANCED, FAST, PROTECT_PEOPLE, Profile

KIT = Path(os.environ.get("DIALER_SHARED", Path(__file__).parents[2] / "shared")) / "amd-corpus"
FIGURES = {
    "accuracy": "right",
    "human_fp": "people called machines",
    "human_fp_without_company": "without company greetings",
    "machine_recall": "machines found",
    "passed_within_2s": "passed within 2 s",
    "decision_mean_s": "mean decision",
    "decision_p95_s": "p95",
}


def scorer() -> Any:
    spec = importlib.util.spec_from_file_location("score", KIT / "score.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verdicts(
    labels: dict[str, dict[str, str]], folder: Path, profile: Profile, rules_only: bool
) -> dict[str, Any]:
    out = {}
    names = sorted(labels)
    for start in range(0, len(names), files.AT_ONCE):
        some = names[start : start + files.AT_ONCE]
        sounds = {i: files.read(folder / labels[name]["path"]) for i, name in enumerate(some)}
        engine = Engine(files.AT_ONCE, rules_only=rules_only)
        for i, found in files.classify_sounds(engine, sounds, profile).items():
            out[some[i]] = (str(found.label), found.cause, found.decision_ms / 1000)
    return out


def lines(score: Any, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    labels = score.read_labels(folder / "labels.csv")
    for name, profile, rules_only in (
        *((p.name, p, False) for p in (PROTECT_PEOPLE, BALANCED, FAST)),
        ("rules, balanced", BALANCED, True),
    ):
        start = time.process_time()
        found = verdicts(labels, folder, profile, rules_only)
        took = time.process_time() - start
        result = score.score(labels, found)
        yield name, {**result, "cpu_ms_per_second": 1000 * took / sum(x[2] for x in found.values())}
    asterisk = KIT / "asterisk-dev.csv"
    known = score.read_verdicts(asterisk)
    if set(labels) <= set(known):
        yield "Asterisk AMD(), defaults", score.score(labels, known)


def row(score: Any, name: str, result: dict[str, Any]) -> str:
    cells = []
    for figure in FIGURES:
        value = score.value(result, figure)
        cells.append(f"{value:.2f} s" if figure.endswith("_s") else f"{100 * value:.1f} %")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="*")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not KIT.exists():
        print(json.dumps({"skipped": f"there is no kit at {KIT}"}))
        return 0
    score = scorer()
    with tempfile.TemporaryDirectory() as scratch:
        folders = options.folder
        if not folders:
            with tarfile.open(KIT / "dev.tar.gz") as tar:
                tar.extractall(scratch, filter="data")
            folders = [Path(scratch) / "dev"]
        results = {folder.name: dict(lines(score, folder)) for folder in folders}
    if options.json:
        print(json.dumps({"amd_score": results}))
        return 0
    for folder_name, found in results.items():
        clips = next(iter(found.values()))["clips"]
        print(f"\n{folder_name}: {clips} clips\n\n| | {' | '.join(FIGURES.values())} |")
        print("|---" * (len(FIGURES) + 1) + "|")
        for name, result in found.items():
            print(row(score, name, result))
    print(f"\n{json.dumps({'amd_score': {name: shares(found) for name, found in results.items()}})}")
    return 0


def shares(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Of each detector the figures of the table, as plain numbers."""

    def plain(figure: Any) -> float:
        return float(round(figure["share"] if isinstance(figure, dict) else figure, 4))

    return {name: {key: plain(result[key]) for key in FIGURES} for name, result in found.items()}


if __name__ == "__main__":
    sys.exit(main())
