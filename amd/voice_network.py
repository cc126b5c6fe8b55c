"""Voice activity by a small recurrent network, for many calls at once.

A gated recurrent unit (Cho et al. 2014) over band energies and a measure of pitch; it learns what an energy threshold
cannot tell: babble and television behind the line, coughs, comfort noise. Weights come with the model (`amd.model`).
"""

from collections.abc import Mapping

import numpy as np

from amd.spectrum import BIN_HZ, WINDOW, Floats, Frames, Rows

BANDS = 18
INPUTS = BANDS + 2
_EMPTY_DB = -90.0
_SHORTEST_LAG, _LONGEST_LAG = 20, 134  # 400 to 60 Hz


def _mel(hz: float | Floats) -> Floats:
    return np.asarray(1127 * np.log1p(np.asarray(hz) / 700), np.float32)


def _bands() -> Floats:
    """Triangles of equal width in mel from 120 to 3700 Hz, (161, BANDS)."""
    edges = np.linspace(_mel(120), _mel(3700), BANDS + 2)
    at = _mel(np.arange(WINDOW // 2 + 1, dtype=np.float32) * np.float32(BIN_HZ))
    up = (at[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - at[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(up, down)).astype(np.float32)


_BANDS = _bands()
_HANN = np.hanning(WINDOW + 1)[:-1]
_WINDOW_LAGS = np.fft.irfft(np.abs(np.fft.rfft(_HANN, 2 * WINDOW)) ** 2)[:WINDOW]
_LAG_GAIN = (_WINDOW_LAGS[0] / _WINDOW_LAGS[_SHORTEST_LAG:_LONGEST_LAG]).astype(np.float32)


def describe(frames: Frames) -> Floats:
    """The network's inputs: log band energies, level and pitch strength of each frame, (n, INPUTS).

    Levels are in units of 20 dB around -50 dBFS; pitch strength is the highest autocorrelation at a lag of a voice's
    pitch, -1 to 1.
    """
    power = frames.power.copy()
    power[:, :4] = 0
    energy = 10 * np.log10(power @ _BANDS + np.float32(10 ** (_EMPTY_DB / 10)))
    lags = np.fft.irfft(power, axis=1)
    pitch = (lags[:, _SHORTEST_LAG:_LONGEST_LAG] * _LAG_GAIN).max(1) / (lags[:, 0] + 1e-9)
    inputs = np.empty((len(power), INPUTS), np.float32)
    inputs[:, :BANDS] = (energy + 50) / 20
    inputs[:, BANDS] = (frames.level + 50) / 20
    inputs[:, BANDS + 1] = np.clip(pitch, -1, 1)
    return inputs


def _sigmoid(x: Floats) -> Floats:
    out: Floats = 0.5 + 0.5 * np.tanh(0.5 * x)
    return out


class VoiceNetwork:
    """One hidden state per call. Weights: `w` (INPUTS, 3H), `u` (H, 3H), `b` (3H,), `v` (H,), `c` (1,)."""

    def __init__(self, capacity: int, weights: Mapping[str, Floats]) -> None:
        self._w, self._u, self._b = weights["w"], weights["u"], weights["b"]
        self._v, self._c = weights["v"], weights["c"]
        self._size = len(self._v)
        self.state = np.zeros((capacity, self._size), np.float32)
        """Hidden states, (capacity, H)."""

    def reset(self, slot: int) -> None:
        """Forget the call in `slot`."""
        self.state[slot] = 0

    def step(self, rows: Rows, inputs: Floats) -> Floats:
        """Probability of speech in this frame of the calls in `rows` (n,), from `describe`: (n,)."""
        size, state = self._size, self.state[rows]
        given = inputs @ self._w + self._b
        gates = _sigmoid(given[:, : 2 * size] + state @ self._u[:, : 2 * size])
        update, forget = gates[:, :size], gates[:, size:]
        candidate = np.tanh(given[:, 2 * size :] + (forget * state) @ self._u[:, 2 * size :])
        state += update * (candidate - state)
        self.state[rows] = state
        return _sigmoid(state @ self._v + self._c)
