"""What is kept with an attempt so that a verdict can be looked into afterwards."""

from dataclasses import asdict, dataclass
from typing import Any

from amd.tones import Tone


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was heard until the verdict. Times in ms since the answer.

    `speech`: (start, end) of each stretch; `tones`: the first ones; `cues`: the numbers of `amd.cues.NAMES` at the
    end (times in frames of 20 ms, levels in dB), empty without a model; `machine`: probability of a machine every
    100 ms, 0 where it was not asked, empty without a model.
    """

    heard_ms: int
    speech: list[tuple[int, int]]
    tones: list[Tone]
    cues: dict[str, float]
    machine: list[float]

    def as_json(self) -> dict[str, Any]:
        """Plain values for a JSON column."""
        return asdict(self)
