"""Training of the trees over the cues. Needs scikit-learn (extra `train`), imported only here."""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amd.spectrum import Floats
from amd.trees import Trees

DEPTH = 5
ROUNDS = 250


def train_trees(
    table: Floats, machine: NDArray[np.bool_], weight: Floats, seed: int, rounds: int = ROUNDS
) -> Trees:
    """Boosted trees for the probability of a machine; `table` (n, cues), `machine` and `weight` (n,)."""
    # Only in the extra `train`, which the checks may lack.
    ensemble = import_module("sklearn.ensemble")

    booster = ensemble.HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=0.07,
        max_depth=DEPTH,
        max_leaf_nodes=24,
        min_samples_leaf=150,
        l2_regularization=5.0,
        max_features=0.5,
        early_stopping=False,
        random_state=seed,
    )
    booster.fit(table, machine, sample_weight=weight)
    return export(booster)


def export(booster: Any) -> Trees:
    """The arrays of a fitted HistGradientBoostingClassifier with two classes."""
    predictors = [predictor for (predictor,) in booster._predictors]
    inner = 2**DEPTH - 1
    feature = np.zeros((len(predictors), inner), np.int32)
    threshold = np.full((len(predictors), inner), np.inf, np.float32)
    leaf = np.zeros((len(predictors), inner + 1), np.float32)
    for t, predictor in enumerate(predictors):
        _place(predictor.nodes, 0, 0, feature[t], threshold[t], leaf[t])
    return Trees(feature, threshold, leaf, float(np.ravel(booster._baseline_prediction)[0]))


def _place(nodes: Any, at: int, place: int, feature: Any, threshold: Any, leaf: Any) -> None:
    """Copy the subtree `at` to position `place` of the complete tree; a leaf above the last level fills its branch."""
    node = nodes[at]
    if place >= len(feature):
        leaf[place - len(feature)] = node["value"]
        return
    left = right = at
    if not node["is_leaf"]:
        feature[place] = node["feature_idx"]
        # The trees were split in double precision; the next smaller single keeps every training row on its side.
        split = np.float32(node["num_threshold"])
        threshold[place] = (
            split if split <= node["num_threshold"] else np.nextafter(split, np.float32(-np.inf))
        )
        left, right = node["left"], node["right"]
    _place(nodes, left, 2 * place + 1, feature, threshold, leaf)
    _place(nodes, right, 2 * place + 2, feature, threshold, leaf)
