"""scikit-learn's boosted trees as arrays (scores/trees.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from probe.scores.trees import Trees

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier


def of_boosting(model: GradientBoostingClassifier) -> Trees:
    trees = [stage[0].tree_ for stage in model.estimators_]
    share = float(model.init_.class_prior_[1])
    columns = [
        (
            tree.children_left,
            tree.children_right,
            tree.feature,
            tree.threshold,
            tree.value[:, 0, 0],
            tree.children_left < 0,
        )
        for tree in trees
    ]
    return _joined(columns, float(np.log(share / (1 - share))), model.max_depth, model.learning_rate)


def of_histogram_boosting(model: HistGradientBoostingClassifier) -> Trees:
    """The nodes stand in a private attribute: `learn` compares what comes out with the model's own answer."""
    trees = [stage[0].nodes for stage in model._predictors]
    columns = [
        (tree["left"], tree["right"], tree["feature_idx"], tree["num_threshold"], tree["value"], tree["is_leaf"] > 0)
        for tree in trees
    ]
    depth = max(int(tree["depth"].max()) for tree in trees)
    return _joined(columns, float(model._baseline_prediction[0, 0]), depth, 1.0)


def _joined(columns: Sequence[tuple[Any, ...]], start: float, depth: int, rate: float) -> Trees:
    """Puts trees one after the other; columns of each: left, right, feature, threshold, value, leaf."""
    parts: list[list[Any]] = []
    roots, begin = [], 0
    for left, right, feature, threshold, value, leaf in columns:
        own = np.arange(len(leaf))
        children = [np.where(leaf, own, side.astype(np.int64)) + begin for side in (left, right)]
        parts.append(
            [*children, np.where(leaf, 0, feature), np.where(leaf, 0.0, threshold), np.where(leaf, value, 0.0) * rate]
        )
        roots.append(begin)
        begin += len(leaf)
    left, right, feature, threshold, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Trees(
        np.array(roots, np.int32), left.astype(np.int32), right.astype(np.int32), feature.astype(np.int32), threshold,
        value, start, depth,
    )  # fmt: skip
