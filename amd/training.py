"""From labelled clips to a model: reading, the voice network, the cues, the trees, the card."""

import csv
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amd.analysis import Analysis
from amd.files import UnreadableError, read
from amd.model import Model
from amd.policy import EVERY_FRAMES, FIRST_FRAME
from amd.spectrum import Floats, Spectrum
from amd.tree_training import train_trees
from amd.voice_network import INPUTS, describe
from amd.voice_training import train_voice
from audio.g711 import FRAME_BYTES, ULAW_TO_FLOAT

log = logging.getLogger(__name__)

FRAMES = 325
"""6.5 s of each clip are looked at: no decision falls later."""
AT_ONCE = 512


class LabelsError(ValueError):
    """A label file that can't be trained on; the message says why."""


@dataclass(frozen=True, slots=True)
class Clips:
    """n labelled sounds: `sound` (n, FRAMES * 160) mu-law, `frames` (n,) how many of them are real, `machine` (n,),
    `speaker` (n,), `voice` (n, FRAMES) where somebody speaks, None where the labels do not tell."""

    sound: NDArray[np.uint8]
    frames: NDArray[np.int32]
    machine: NDArray[np.bool_]
    speaker: list[str]
    voice: NDArray[np.bool_] | None

    def __len__(self) -> int:
        return len(self.sound)


def read_clips(*labels: Path) -> Clips:
    """The clips of label files: columns `path` (relative to the file), `label` (human or machine), and if known
    `speaker` and `voice` (frames of speech, `first-end` pairs). Sounds that can't be read are named and left out.
    Raises LabelsError."""
    sounds, kept = [], []
    for path in labels:
        for number, row in enumerate(_rows(path), 2):
            if row["label"] not in ("human", "machine"):
                raise LabelsError(
                    f"{path}, line {number}: the label is human or machine, not {row['label']!r}"
                )
            try:
                sounds.append(read(path.parent / row["path"])[: FRAMES * FRAME_BYTES])
                kept.append(row)
            except UnreadableError as error:
                log.warning("%s %s; left out", row["path"], error)
    if len({row["label"] for row in kept}) < 2:
        raise LabelsError("clips of both people and machines are needed")
    sound = np.full((len(kept), FRAMES * FRAME_BYTES), 0xFF, np.uint8)
    for i, data in enumerate(sounds):
        sound[i, : len(data)] = np.frombuffer(data, np.uint8)
    return Clips(
        sound,
        np.array([len(data) // FRAME_BYTES for data in sounds], np.int32),
        np.array([row["label"] == "machine" for row in kept]),
        [row.get("speaker") or "" for row in kept],
        _voice(kept) if all("voice" in row for row in kept) else None,
    )


def _rows(labels: Path) -> list[dict[str, str]]:
    try:
        with labels.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise LabelsError(f"{labels} can't be read: {error.strerror}") from error
    if not rows or not {"path", "label"} <= rows[0].keys():
        raise LabelsError(f"{labels} needs the columns path and label, and at least one row")
    return rows


def _voice(rows: list[dict[str, str]]) -> NDArray[np.bool_]:
    voice = np.zeros((len(rows), FRAMES), np.bool_)
    for i, row in enumerate(rows):
        for pair in row["voice"].split():
            first, end = map(int, pair.split("-"))
            voice[i, first:end] = True
    return voice


def _samples(clips: Clips, start: int, t: int) -> Floats:
    return ULAW_TO_FLOAT[clips.sound[start : start + AT_ONCE, t * FRAME_BYTES : (t + 1) * FRAME_BYTES]]


def voice_inputs(clips: Clips) -> NDArray[np.float16]:
    """The voice network's inputs for all frames: (n, FRAMES, INPUTS)."""
    inputs = np.zeros((len(clips), FRAMES, INPUTS), np.float16)
    for start in range(0, len(clips), AT_ONCE):
        rows = np.arange(min(AT_ONCE, len(clips) - start))
        spectrum = Spectrum(len(rows))
        for t in range(FRAMES):
            inputs[start + rows, t] = describe(spectrum.step(rows, _samples(clips, start, t)))
    return inputs


@dataclass(frozen=True, slots=True)
class Asked:
    """The moments at which a live call would ask the trees: `table` (m, cues), `clip` and `frame` (m,)."""

    table: Floats
    clip: NDArray[np.intp]
    frame: NDArray[np.int32]


def ask(clips: Clips, network: Mapping[str, Floats]) -> Asked:
    """Run the clips through the analysis of a live call; a clip ends at its first tone, which decides by itself."""
    tables, numbers, frames = [], [], []
    for start in range(0, len(clips), AT_ONCE):
        rows = np.arange(min(AT_ONCE, len(clips) - start))
        analysis = Analysis(len(rows), network)
        assert analysis.trained
        going = np.ones(len(rows), np.bool_)
        for t in range(FRAMES):
            analysis.step(rows, _samples(clips, start, t))
            going &= (analysis.tones.count[rows] == 0) & (t < clips.frames[start + rows])
            now = t + 1
            if now % EVERY_FRAMES or now < FIRST_FRAME:
                continue
            asked = rows[going]
            tables.append(analysis.trained.cues.table(asked, analysis.timeline))
            numbers.append(start + asked)
            frames.append(np.full(len(asked), now, np.int32))
    return Asked(np.concatenate(tables), np.concatenate(numbers), np.concatenate(frames))


def train(
    clips: Clips,
    seed: int,
    network: dict[str, Floats] | None = None,
    epochs: int = 14,
    keep_network: bool = False,
) -> Model:
    """A model from labelled clips; deterministic for the same clips, seed and library versions.

    The voice network is trained where the clips tell when somebody speaks and `keep_network` is not set, else
    `network` is kept. Raises LabelsError where there is neither.
    """
    if clips.voice is not None and not (keep_network and network):
        log.info("voice network: %d clips", len(clips))
        network = train_voice(voice_inputs(clips), clips.voice, clips.frames, seed, epochs)
    if network is None:
        raise LabelsError(
            "the labels have no column voice, and there is no earlier model to take the network from"
        )
    asked = ask(clips, network)
    log.info("trees: %d moments of %d clips", len(asked.table), len(clips))
    machine = clips.machine[asked.clip]
    trees = train_trees(asked.table, machine, np.ones(len(machine), np.float32), seed)
    about = {
        "clips": len(clips),
        "people": int((~clips.machine).sum()),
        "machines": int(clips.machine.sum()),
        "speakers": len(set(clips.speaker)),
        "seed": seed,
        "trees": len(trees.feature),
        "hidden": len(network["v"]),
    }
    return Model(network, trees, about)
