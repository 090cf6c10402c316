"""A learned membership score as plain arrays: a logistic model, boosted trees, or the mean of both.

value = mean over the members of log-odds; missing features are filled by the training median. Nothing here knows how
it was learned (calibration/learn.py) or what the features are (features.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probe.scores.trees import Trees, Vector


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """names: of the features; fill: what stands for a missing one; center, scale, weights: of the logistic model.

    scale is 1 where a feature never varied. kind: which of the two speak. All float64 [features].
    """

    names: tuple[str, ...]
    kind: str  # "logistic", "boosted" or "both"
    fill: Vector
    center: Vector
    scale: Vector
    weights: Vector
    bias: float
    trees: Trees

    def __call__(self, row: Vector) -> float:
        """Returns the log-odds of one row of features, NaN where one is missing."""
        whole = np.where(np.isnan(row), self.fill, row)
        found = []
        if self.kind != "boosted":
            found.append(float(((whole - self.center) / self.scale) @ self.weights) + self.bias)
        if self.kind != "logistic":
            found.append(float(self.trees(whole[None])[0]))
        return sum(found) / len(found)
