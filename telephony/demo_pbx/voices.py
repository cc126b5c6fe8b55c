"""What a customer says from the answer on: one mu-law track a call, made of recordings, pauses and a beep."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from audio.g711 import SAMPLE_RATE, ULAW_SILENCE, encode_ulaw

from .customers import CustomerKind, CustomerPlan

SOUNDS: Final = Path(__file__).parent / "sounds"
BEEP_HZ: Final = (1000, 1400, 850)
BEEP_S: Final = 0.4
PAUSE_BEFORE_BEEP_S: Final = 0.3


def silence(seconds: float) -> bytes:
    return bytes([ULAW_SILENCE]) * round(seconds * SAMPLE_RATE)


# Vacant code, as the North American network has it: high, low, 1776.7 Hz; long, short, long.
VACANT_CODE: Final = ((985.2, 0.38), (1370.6, 0.274), (1776.7, 0.38))
BUSY_HZ: Final = 425
BUSY_S: Final = 0.5
PAUSE_AFTER_SIT_S: Final = 0.3


def beep(frequency: float, seconds: float = BEEP_S) -> bytes:
    """A tone, a third of full scale, with 10 ms ramps against clicks; by default that of an answering machine."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    ramp = np.minimum(1.0, np.minimum(time, seconds - time) / 0.01)
    return encode_ulaw((11_000 * ramp * np.sin(2 * np.pi * frequency * time)).astype(np.int16))


@dataclass(frozen=True, slots=True)
class Voices:
    """The recordings in memory, several of each sort."""

    humans: tuple[bytes, ...]
    machines: tuple[bytes, ...]

    @classmethod
    def load(cls, folder: Path = SOUNDS) -> "Voices":
        humans = tuple(path.read_bytes() for path in sorted(folder.glob("human-*.ulaw")))
        machines = tuple(path.read_bytes() for path in sorted(folder.glob("machine-*.ulaw")))
        if not humans or not machines:
            raise FileNotFoundError(f"the recordings human-*.ulaw and machine-*.ulaw are missing in {folder}")
        return cls(humans, machines)

    def early_track(self, plan: CustomerPlan) -> bytes:
        """What the network plays before the call's end; it is never answered."""
        if plan.kind is CustomerKind.BUSY_TONE:
            return (beep(BUSY_HZ, BUSY_S) + silence(BUSY_S)) * 60
        announcement = self.machines[plan.variant % len(self.machines)]
        return b"".join(beep(hz, s) for hz, s in VACANT_CODE) + silence(PAUSE_AFTER_SIT_S) + announcement

    def track(self, plan: CustomerPlan) -> bytes:
        """The call's mu-law samples from the answer on; silence follows."""
        if plan.kind is CustomerKind.SILENCE:
            return b""
        start = silence(plan.speak_after_s)
        if plan.kind is CustomerKind.MACHINE:
            greeting = self.machines[plan.variant % len(self.machines)]
            tone = beep(BEEP_HZ[plan.variant % len(BEEP_HZ)])
            return start + greeting + silence(PAUSE_BEFORE_BEEP_S) + tone
        return start + self.humans[plan.variant % len(self.humans)]
