"""From samples to evidence, one step of 20 ms for many calls: the part that live calls, files and training share."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amd.cues import SURE, Cues
from amd.spectrum import Floats, Rows, Spectrum
from amd.timeline import Timeline
from amd.tones import ToneFinder
from amd.voice import EnergyVoice
from amd.voice_network import BANDS, VoiceNetwork, describe


@dataclass(frozen=True, slots=True)
class Trained:
    """What only a model gives."""

    network: VoiceNetwork
    cues: Cues


class Analysis:
    """The state of `capacity` calls; with a network speech is what it hears, else what energy says."""

    def __init__(self, capacity: int, network: Mapping[str, Floats] | None) -> None:
        self.timeline = Timeline(capacity)
        self.tones = ToneFinder(capacity)
        self._spectrum = Spectrum(capacity)
        self._energy = EnergyVoice(capacity)
        self.trained = Trained(VoiceNetwork(capacity, network), Cues(capacity)) if network else None

    def reset(self, slot: int) -> None:
        """Forget the call in `slot`."""
        for part in (self.timeline, self.tones, self._spectrum, self._energy):
            part.reset(slot)
        if self.trained:
            self.trained.network.reset(slot)
            self.trained.cues.reset(slot)

    def last(self, rows: Rows) -> Floats:
        """The last 20 ms of the calls in `rows`, (n, 160)."""
        return self._spectrum.last(rows)

    def step(self, rows: Rows, samples: Floats) -> NDArray[np.bool_]:
        """Take the next 20 ms, `samples` (n, 160), of the calls in `rows` (n,); returns who speaks in it, (n,)."""
        frames = self._spectrum.step(rows, samples)
        energetic = self._energy.step(rows, frames)
        if self.trained is None:
            speaks = energetic
            self.timeline.step(rows, speaks)
        else:
            inputs = describe(frames)
            speech = self.trained.network.step(rows, inputs)
            speaks = speech >= SURE
            self.timeline.step(rows, speaks)
            self.trained.cues.step(rows, speech, frames, inputs[:, BANDS + 1], energetic, self.timeline)
        self.tones.step(rows, frames, self.timeline.now_ms(rows))
        return speaks

    def state_bytes(self) -> int:
        """Memory of the arrays of all slots."""
        parts: list[object] = [self.timeline, self.tones, self._spectrum, self._energy]
        if self.trained:
            parts += [self.trained.cues, self.trained.network.state]
        arrays = [
            a for part in parts for a in ([part] if isinstance(part, np.ndarray) else vars(part).values())
        ]
        return sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))
