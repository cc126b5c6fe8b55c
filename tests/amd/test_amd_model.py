"""The model: its file, its parts, and what happens when it is broken."""

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from amd import model as model_module
from amd.cues import NAMES
from amd.detector import Detector
from amd.engine import Engine
from amd.model import SHIPPED, Model, ModelError, load, load_or_rules, save
from amd.tree_training import export
from amd.trees import Trees
from amd.voice_network import INPUTS, VoiceNetwork
from amd.voice_training import DELAY_FRAMES, first_weights, gradients, train_voice
from audio.g711 import ULAW_SILENCE_FRAME
from tests.amd.amd_signals import frames, silence, speech


def small_model(seed: int = 1) -> Model:
    rng = np.random.default_rng(seed)
    feature = rng.integers(0, len(NAMES), (6, 7)).astype(np.int32)
    threshold = rng.normal(0, 20, (6, 7)).astype(np.float32)
    return Model(
        first_weights(rng, 8),
        Trees(feature, threshold, rng.normal(0, 1, (6, 8)).astype(np.float32), 0.25),
        {},
    )


def test_a_model_survives_its_file(tmp_path: Path) -> None:
    before = small_model()
    save(before, tmp_path / "m.npz")
    after = load(tmp_path / "m.npz")
    for name, array in before.arrays().items():
        assert np.array_equal(array, after.arrays()[name])
    assert after.about["sha256"]


def test_a_damaged_model_leaves_the_rules_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "m.npz"
    save(small_model(), path)
    good = path.read_bytes()
    for at in (len(good) // 8, len(good) // 4, len(good) // 2):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        with pytest.raises(ModelError):
            load(path)
    for data in (good[: len(good) // 2], b"", b"no model"):
        path.write_bytes(data)
        with pytest.raises(ModelError):
            load(path)
    with caplog.at_level(logging.ERROR):
        assert load_or_rules(path) is None
    assert "RULES ONLY" in caplog.text


def test_a_model_of_another_version_or_with_other_cues_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.npz"
    monkeypatch.setattr(model_module, "VERSION", 0)
    save(small_model(), path)
    monkeypatch.undo()
    with pytest.raises(ModelError, match="version 0"):
        load(path)
    monkeypatch.setattr(model_module, "NAMES", NAMES[1:])
    save(small_model(), path)
    monkeypatch.undo()
    with pytest.raises(ModelError, match="other cues"):
        load(path)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.npz is missing"):
        load(tmp_path / "gone.npz")


def test_the_shipped_model_fits_and_is_small() -> None:
    assert load(SHIPPED).about["version"] == model_module.VERSION
    assert SHIPPED.stat().st_size < 1_000_000


def test_a_call_needs_less_than_4_kb() -> None:
    assert Engine(50).state_bytes() / 50 < 4096


def test_trees_reach_the_leaf_that_a_walk_reaches() -> None:
    trees = small_model().trees
    table = np.random.default_rng(2).normal(0, 30, (40, len(NAMES))).astype(np.float32)
    for row, given in zip(table, trees.probability(table), strict=True):
        odds = trees.base
        for feature, threshold, leaf in zip(trees.feature, trees.threshold, trees.leaf, strict=True):
            node = 0
            while node < len(feature):
                node = 2 * node + 1 + int(row[feature[node]] > threshold[node])
            odds += leaf[node - len(feature)]
        assert given == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-5)


def test_exported_trees_fill_the_branches_below_an_early_leaf() -> None:
    kind = [("feature_idx", "i4"), ("num_threshold", "f8"), ("left", "i4"), ("right", "i4")]
    nodes = np.array(
        [(2, 0.5, 1, 2, False, 0.0), (0, 0, 0, 0, True, -1.0), (3, 7.0, 3, 4, False, 0.0),
         (0, 0, 0, 0, True, 2.0), (0, 0, 0, 0, True, 3.0)],
        dtype=[*kind, ("is_leaf", "?"), ("value", "f8")],
    )  # fmt: skip
    booster = SimpleNamespace(
        _predictors=[[SimpleNamespace(nodes=nodes)]], _baseline_prediction=np.zeros((1, 1))
    )
    trees = export(booster)
    table = np.array([[0, 0, 0.4, 9], [0, 0, 0.6, 6], [0, 0, 0.6, 8]], np.float32)
    odds = np.log(1 / (1 / trees.probability(table) - 1))
    assert odds == pytest.approx([-1, 2, 3], abs=1e-4)


def test_gradients_agree_with_differences() -> None:
    rng = np.random.default_rng(3)
    weights = {k: w.astype(np.float64) for k, w in first_weights(rng, 5).items()}
    inputs, target = rng.normal(size=(7, 3, INPUTS)), (rng.random((7, 3)) < 0.5).astype(float)
    counts = np.ones((7, 3))
    _, slope = gradients(weights, inputs, target, counts)  # type: ignore[arg-type]
    for name, w in weights.items():
        at = tuple(int(rng.integers(0, n)) for n in w.shape)
        losses = []
        for step in (1e-2, -1e-2):
            moved = {**weights, name: w.copy()}
            moved[name][at] += step
            losses.append(gradients(moved, inputs, target, counts)[0])  # type: ignore[arg-type]
        assert slope[name][at] == pytest.approx((losses[0] - losses[1]) / 2e-2, rel=0.03, abs=2e-4)


def test_the_network_learns_and_the_same_seed_gives_the_same_weights() -> None:
    rng = np.random.default_rng(5)
    voice = np.repeat(rng.random((32, 8)) < 0.5, 5, axis=1)
    inputs = (rng.normal(size=(32, 40, INPUTS)) * 0.3).astype(np.float16)
    inputs[..., 3] += voice
    lengths = np.full(32, 40, np.int32)
    weights = train_voice(inputs, voice, lengths, seed=1, epochs=60)
    network, rows, right = VoiceNetwork(32, weights), np.arange(32), []
    for t in range(40):
        heard = network.step(rows, inputs[:, t].astype(np.float32)) > 0.5
        if t >= 10:
            right.append((heard == voice[:, t - DELAY_FRAMES]).mean())
    assert np.mean(right) > 0.8
    again = train_voice(inputs, voice, lengths, seed=1, epochs=60)
    assert all(np.array_equal(weights[k], again[k]) for k in weights)


def test_rules_and_model_both_end_a_call_without_sound() -> None:
    for rules_only in (True, False):
        engine = Engine(1, rules_only=rules_only)
        slot = engine.open()
        found = []
        for _ in range(330):
            engine.push(slot, ULAW_SILENCE_FRAME)
            found += engine.tick()
        assert len(found) == 1


def test_the_shipped_model_passes_a_hello() -> None:
    detector = Detector()
    found = [v for v in map(detector.feed, frames(silence(0.6), speech(0.5), silence(5))) if v]
    assert not found[0].is_machine
