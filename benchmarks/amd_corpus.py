"""Compose labelled clips with the kit's make_clips.py, split by speaker and with the frames of speech.

    python benchmarks/amd_corpus.py OUT --split train --count 10000 --seed 1
    python benchmarks/amd_corpus.py OUT --split heldout --count 2400 --seed 2

`heldout` uses only the speakers in HELD_OUT (or those of `--hold-out 1,5,june`, to validate on another choice of
speakers), `train` only the others, `all` everybody. Training clips are varied: most
voices are sped up or slowed down and coloured, so that few speakers stand for many. labels.csv has the kit's columns
and `voice`: the frames of 20 ms in which somebody speaks, as `first-end` pairs, measured on the clean speech.

Needs the kit (DIALER_SHARED or ../shared) and the packages of the extra `train`. No sound of it may be shipped.
"""

import argparse
import csv
import importlib.util
import multiprocessing
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

# Only in the extra `train`, which the checks may lack.
soundfile = import_module("soundfile")
resample_poly = import_module("scipy.signal").resample_poly

KIT = Path(os.environ.get("DIALER_SHARED", Path(__file__).parents[2] / "shared")) / "amd-corpus"
HELD_OUT = frozenset(
    [
        "3",
        "7",
        "11",
        "15",
        "nicolas",
        "carlo",
        "af_sarah",
        "am_eric",
        "bf_alice",
        "bm_daniel",
        "ff_siwis",
        "pf_dora",
    ]
)  # word, digit, prompt and synthetic voices; Italian only here
SPEEDS = (100, 100, 84, 88, 92, 96, 104, 108, 112, 117, 122)
QUIETEST = 0.1 * 10 ** (-26 / 20)  # speech has an RMS of 0.1 before the channel
CLOSED_FRAMES = 3

_spec = importlib.util.spec_from_file_location("make_clips", KIT / "make_clips.py")
assert _spec
assert _spec.loader
kit: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(kit)


class Sources(kit.Sources):  # type: ignore[misc]
    """The sounds of one split."""

    def __init__(self, path: str, split: str, held_out: frozenset[str]) -> None:
        super().__init__(path)
        self.speed = 100
        take = {"train": lambda s: s not in held_out, "heldout": lambda s: s in held_out}.get(split)
        if take is None:
            return
        for group, rows in self.groups.items():
            if group not in ("music", "noise"):
                self.groups[group] = [r for r in rows if take(r["speaker"])]
        for name in ("words", "digits"):
            setattr(self, name, {k: v for k, v in getattr(self, name).items() if take(k)})
        for name in ("prompts", "spoken"):
            setattr(self, name, {k: v for k, v in getattr(self, name).items() if take(k[1])})

    def load(self, row: dict[str, Any]) -> Any:
        x = super().load(row)
        if self.speed == 100 or row["group"] in ("music", "noise"):
            return x
        return resample_poly(x, 100, self.speed).astype(np.float32)


class Clip(kit.Clip):  # type: ignore[misc]
    """One clip that remembers its clean speech."""

    def __init__(self, sources: Sources, kind: str, seed: str, varied: bool) -> None:
        super().__init__(sources, kind, seed)
        sources.speed = self.r.choice(SPEEDS) if varied else 100
        self.tilt = self.r.choice([0, 0, self.r.uniform(-0.6, 0.6)]) if varied else 0
        self.spoken: list[tuple[int, Any]] = []

    def say(self, x: Any) -> None:
        if self.tilt:
            x = x + self.tilt * np.concatenate([np.zeros(1, np.float32), x[:-1]])
            x = kit.normal(x)
        self.spoken.append((sum(map(len, self.parts)), x))
        super().say(x)

    def voice(self, length: int) -> str:
        """Frames of speech as `first-end` pairs."""
        clean = np.zeros(max(length, *(at + len(x) for at, x in self.spoken), 0) if self.spoken else length)
        for at, x in self.spoken:
            clean[at : at + len(x)] = x
        frames = clean[: length // 160 * 160].reshape(-1, 160)
        loud = np.sqrt((frames**2).mean(1)) > QUIETEST
        edges = np.flatnonzero(np.diff(loud.astype(int), prepend=0, append=0))
        pairs: list[list[int]] = []
        for first, end in edges.reshape(-1, 2).tolist():
            if pairs and first - pairs[-1][1] <= CLOSED_FRAMES:
                pairs[-1][1] = end
            else:
                pairs.append([first, end])
        return " ".join(f"{a}-{b}" for a, b in pairs)


_sources: Sources


def _start(path: str, split: str, held_out: frozenset[str]) -> None:
    global _sources
    _sources = Sources(path, split, held_out)


def _write(job: tuple[int, str, str, str, bool]) -> dict[str, Any]:
    number, kind, seed, out, varied = job
    clip = Clip(_sources, kind, f"{seed}-{number}", varied)
    samples, row = clip.make()
    row["path"] = f"wav/clip_{number:05d}.wav"
    row["voice"] = clip.voice(len(samples))
    soundfile.write(os.path.join(out, row["path"]), samples, kit.SR, subtype=row["codec"].upper())
    return dict(row)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", choices=["train", "heldout", "all"], required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--hold-out", type=lambda names: frozenset(names.split(",")), default=HELD_OUT)
    parser.add_argument("--plain", action="store_true", help="do not vary the voices (heldout never does)")
    options = parser.parse_args()
    (options.out / "wav").mkdir(parents=True, exist_ok=True)
    varied = options.split != "heldout" and not options.plain
    seed = f"{options.split}-{options.seed}"
    jobs = [(i, kind, seed, str(options.out), varied) for i, kind in enumerate(kit.plan(options.count, seed))]
    start = (str(KIT / "sources.tar"), options.split, options.hold_out)
    with multiprocessing.Pool(options.jobs, _start, start) as pool:
        rows = pool.map(_write, jobs, chunksize=20)
    with (options.out / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*kit.COLUMNS, "voice"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} clips of {len({r['speaker'] for r in rows})} speakers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
