"""The trained model: a file of plain arrays with version and checksum."""

import hashlib
import json
import logging
import zipfile
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amd.cues import NAMES
from amd.spectrum import Floats
from amd.trees import Trees
from amd.voice_network import INPUTS

log = logging.getLogger(__name__)

VERSION = 1
"""Rises when the inputs of the network or the cues change: an older file then no longer fits."""
SHIPPED = Path(__file__).with_name("model.npz")
_NETWORK = ("w", "u", "b", "v", "c")
_TREES = ("feature", "threshold", "leaf", "base")


class ModelError(ValueError):
    """A model file that can't be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Model:
    """Weights of the voice network (see `VoiceNetwork`) and the trees over the cues; `about` is the model card."""

    network: dict[str, Floats]
    trees: Trees
    about: dict[str, Any]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What the file holds, but for the card."""
        trees = {name: np.asarray(getattr(self.trees, name)) for name in _TREES}
        return {**self.network, **trees}


def _checksum(arrays: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def save(model: Model, path: Path) -> None:
    """Write the model; the same model gives the same bytes in the arrays, `about` may hold a date."""
    arrays = model.arrays()
    card = {**model.about, "version": VERSION, "cues": list(NAMES), "sha256": _checksum(arrays)}
    with path.open("wb") as file:
        np.savez_compressed(file, card=np.frombuffer(json.dumps(card).encode(), np.uint8), **arrays)  # type: ignore[arg-type]


def load(path: Path) -> Model:
    """Read and check a model. Raises ModelError on a missing, damaged or foreign file."""
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        card = json.loads(arrays.pop("card").tobytes())
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is missing or damaged: {error}") from error
    if card.get("version") != VERSION:
        raise ModelError(f"{path} has version {card.get('version')}, this release reads version {VERSION}")
    if card.get("cues") != list(NAMES):
        raise ModelError(f"{path} was trained on other cues")
    if set(arrays) != {*_NETWORK, *_TREES} or card.get("sha256") != _checksum(arrays):
        raise ModelError(f"{path} is damaged: its checksum is wrong")
    if arrays["w"].shape[0] != INPUTS:
        raise ModelError(f"{path} does not fit the inputs of the network")
    trees = Trees(arrays["feature"], arrays["threshold"], arrays["leaf"], float(arrays["base"]))
    return Model({name: arrays[name] for name in _NETWORK}, trees, card)


@cache
def load_or_rules(path: Path = SHIPPED) -> Model | None:
    """The model, or None with a loud message when it can't be used: the rules then decide alone."""
    try:
        return load(path)
    except ModelError as error:
        log.error("ANSWERING MACHINE DETECTION WORKS WITH THE RULES ONLY: %s", error)
        return None
