"""Training of the voice network by back-propagation through time, in numpy: small enough to need no framework."""

import logging
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from amd.spectrum import Floats
from amd.voice_network import INPUTS

log = logging.getLogger(__name__)

Weights = dict[str, Floats]
DELAY_FRAMES = 2
"""The network says what was 40 ms ago, so that it has heard the start of a sound before it judges."""
HIDDEN = 48


def _sigmoid(x: Floats) -> Floats:
    out: Floats = 0.5 + 0.5 * np.tanh(0.5 * x)
    return out


def first_weights(rng: np.random.Generator, hidden: int = HIDDEN) -> Weights:
    """Small random weights, see `VoiceNetwork` for the shapes."""

    def draw(*shape: int) -> Floats:
        return rng.standard_normal(shape, np.float32)

    return {
        "w": draw(INPUTS, 3 * hidden) / np.float32(np.sqrt(INPUTS)),
        "u": draw(hidden, 3 * hidden) / np.float32(np.sqrt(hidden)),
        "b": np.concatenate([np.full(hidden, -2, np.float32), np.zeros(2 * hidden, np.float32)]),
        "v": draw(hidden) / np.float32(np.sqrt(hidden)),
        "c": np.zeros(1, np.float32),
    }


def gradients(weights: Weights, inputs: Floats, target: Floats, counts: Floats) -> tuple[float, Weights]:
    """Mean cross-entropy and its gradient over a batch.

    `inputs` (T, B, INPUTS), `target` (T, B) 0 or 1, `counts` (T, B) weight of each frame.
    """
    size = len(weights["v"])
    given = inputs @ weights["w"] + weights["b"]
    steps, batch = target.shape
    states = np.zeros((steps + 1, batch, size), np.float32)
    gates = np.empty((steps, batch, 2 * size), np.float32)
    candidates = np.empty((steps, batch, size), np.float32)
    u_gates, u_candidate = weights["u"][:, : 2 * size], weights["u"][:, 2 * size :]
    for t in range(steps):
        state = states[t]
        gates[t] = _sigmoid(given[t, :, : 2 * size] + state @ u_gates)
        reset = gates[t, :, size:]
        candidates[t] = np.tanh(given[t, :, 2 * size :] + (reset * state) @ u_candidate)
        states[t + 1] = state + gates[t, :, :size] * (candidates[t] - state)
    speech = _sigmoid(states[1:] @ weights["v"] + weights["c"])
    total = counts.sum()
    loss = -(counts * np.log(np.where(target > 0, speech, 1 - speech) + 1e-7)).sum() / total
    error = (speech - target) * counts / total
    out = {"v": np.tensordot(states[1:], error, ([0, 1], [0, 1])), "c": error.sum(keepdims=True)[0]}
    d_given = np.empty_like(given)
    d_u = np.zeros_like(weights["u"])
    d_state = np.zeros((batch, size), np.float32)
    for t in range(steps - 1, -1, -1):
        state, update, reset = states[t], gates[t, :, :size], gates[t, :, size:]
        d_state = d_state + error[t][:, None] * weights["v"]
        d_candidate = d_state * update * (1 - candidates[t] ** 2)
        d_mixed = d_candidate @ u_candidate.T
        d_update = d_state * (candidates[t] - state) * update * (1 - update)
        d_reset = d_mixed * state * reset * (1 - reset)
        d_gates = np.concatenate([d_update, d_reset], 1)
        d_given[t, :, : 2 * size], d_given[t, :, 2 * size :] = d_gates, d_candidate
        d_u[:, : 2 * size] += state.T @ d_gates
        d_u[:, 2 * size :] += (reset * state).T @ d_candidate
        d_state = d_state * (1 - update) + d_mixed * reset + d_gates @ u_gates.T
    flat = d_given.reshape(-1, 3 * size)
    out |= {"w": inputs.reshape(-1, inputs.shape[-1]).T @ flat, "u": d_u, "b": flat.sum(0)}
    return float(loss), out


class Adam:
    """Adaptive moments (Kingma and Ba 2015), with the gradient's norm bounded."""

    def __init__(self, weights: Weights) -> None:
        self._mean = {k: np.zeros_like(w) for k, w in weights.items()}
        self._square = {k: np.zeros_like(w) for k, w in weights.items()}
        self._steps = 0

    def step(self, weights: Weights, slope: Weights, rate: float, longest: float = 1.0) -> None:
        """Move `weights` in place."""
        self._steps += 1
        norm = float(np.sqrt(sum(float((g**2).sum()) for g in slope.values())))
        shrink = min(1.0, longest / (norm + 1e-12))
        for name, w in weights.items():
            g = slope[name] * np.float32(shrink)
            self._mean[name] += np.float32(0.1) * (g - self._mean[name])
            self._square[name] += np.float32(0.001) * (g * g - self._square[name])
            mean = self._mean[name] / np.float32(1 - 0.9**self._steps)
            square = self._square[name] / np.float32(1 - 0.999**self._steps)
            np.subtract(w, np.float32(rate) * mean / (np.sqrt(square) + np.float32(1e-8)), out=w)


def _batches(rng: np.random.Generator, clips: int, size: int) -> Iterator[NDArray[np.intp]]:
    order = rng.permutation(clips)
    for start in range(0, clips - size + 1, size):
        yield order[start : start + size]


def train_voice(
    inputs: NDArray[np.float16],
    voice: NDArray[np.bool_],
    lengths: NDArray[np.int32],
    seed: int,
    epochs: int = 14,
) -> Weights:
    """Weights of a network that marks speech.

    `inputs` (clips, T, INPUTS) by `describe`, `voice` (clips, T), `lengths` (clips,): frames of each clip that count.
    """
    rng = np.random.default_rng(seed)
    weights = first_weights(rng)
    adam = Adam(weights)
    target = np.zeros(voice.shape, np.float32)
    target[:, DELAY_FRAMES:] = voice[:, :-DELAY_FRAMES]
    size = min(128, len(inputs))
    in_all, done = epochs * (len(inputs) // size), 0
    for epoch in range(epochs):
        losses = []
        for some in _batches(rng, len(inputs), size):
            rate = 4e-3 * 0.5 * (1 + np.cos(np.pi * done / in_all)) + 2e-5
            x = inputs[some].astype(np.float32).transpose(1, 0, 2)
            x[:, :, :-1] += rng.uniform(-0.3, 0.3, (1, len(some), 1)).astype(
                np.float32
            )  # 6 dB louder or softer
            counts = (np.arange(x.shape[0])[:, None] < lengths[some]).astype(np.float32)
            loss, slope = gradients(weights, x, target[some].T, counts)
            adam.step(weights, slope, float(rate))
            losses.append(loss)
            done += 1
        log.info("voice network: epoch %d of %d, loss %.4f", epoch + 1, epochs, np.mean(losses))
    return weights
