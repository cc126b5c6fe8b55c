"""The model card: what a model was trained on, how large it is and how well it does."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from amd.engine import Engine
from amd.files import classify_sounds
from amd.model import VERSION, Model
from amd.profile import BALANCED, FAST, PROTECT_PEOPLE, Profile
from amd.training import Clips
from audio.g711 import FRAME_BYTES

_AT_ONCE = 256


def scores(model: Model | None, clips: Clips, profile: Profile) -> dict[str, float]:
    """Shares of people called machines and of machines found, and the mean decision time in s, through the engine.
    `model` None scores the rules."""
    machine = np.zeros(len(clips), np.bool_)
    seconds = np.zeros(len(clips))
    for start in range(0, len(clips), _AT_ONCE):
        engine = Engine(_AT_ONCE, model, rules_only=model is None)
        sounds = {
            i: clips.sound[i, : clips.frames[i] * FRAME_BYTES].tobytes()
            for i in range(start, min(start + _AT_ONCE, len(clips)))
        }
        for i, verdict in classify_sounds(engine, sounds, profile).items():
            machine[i], seconds[i] = verdict.is_machine, verdict.decision_ms / 1000
    return {
        "people called machines": float(machine[~clips.machine].mean()),
        "machines found": float(machine[clips.machine].mean()),
        "mean decision": float(seconds.mean()),
        "95 % decided by": float(np.percentile(seconds, 95)),
    }


def _line(name: str, figures: dict[str, float]) -> str:
    people, found, mean, late = figures.values()
    return f"| {name} | {people:.2%} | {found:.2%} | {mean:.2f} s | {late:.2f} s |"


def write_card(
    model: Model, labels: Iterable[Path], tested: Clips | None, path: Path, same_speakers: int = 0
) -> str:
    """Write the card beside the model; returns its text. `same_speakers`: how many of `tested` were trained on."""
    about = model.about
    size = sum(a.nbytes for a in model.arrays().values())
    lines = [
        "# Model card: answering machine detection",
        "",
        f"- version {VERSION}, trained {datetime.now(UTC):%Y-%m-%d}, seed {about['seed']}",
        f"- data: {', '.join(p.parent.name + '/' + p.name for p in labels)}: {about['clips']} clips, "
        f"{about['people']} people, {about['machines']} machines, {about['speakers']} speakers",
        f"- voice network: {about['hidden']} recurrent units; {about['trees']} trees; {size / 1024:.0f} KiB",
        "- input: 8 kHz G.711 from the moment of answer; output: probability of a machine, every 100 ms",
        "- not for: the words that are said, who speaks, anything but the pick-up of a telephone call",
    ]
    if tested is not None:
        lines += [
            "",
            f"Scores on {len(tested)} clips of {len(set(tested.speaker))} speakers, "
            f"{same_speakers} of whom were trained on:",
            "",
            "| detector | people called machines | machines found | mean decision | 95 % decided by |",
            "|---|---|---|---|---|",
            *(_line(p.name, scores(model, tested, p)) for p in (PROTECT_PEOPLE, BALANCED, FAST)),
            _line("rules, balanced", scores(None, tested, BALANCED)),
        ]
    text = "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")
    return text
