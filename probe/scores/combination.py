"""A learned membership score as plain arrays: a logistic model, boosted trees, or the mean of both.

value = mean over the members of log-odds; missing features are filled by the training median. Nothing here knows how
it was learned (calibration/learn.py) or what the features are (features.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Boosted regression trees, node after node, [nodes] each but roots [trees]; log-odds = start + sum of leaves.

    A leaf is its own left and right child. right and left are places in these arrays; a row goes left where
    feature <= threshold. depth: the steps from a root after which every row has reached its leaf.
    """

    roots: Integers
    left: Integers
    right: Integers
    feature: Integers
    threshold: Vector
    value: Vector
    start: float
    depth: int

    def __call__(self, row: Vector) -> float:
        """Returns the log-odds of one row [features]."""
        place = self.roots
        for _ in range(self.depth):
            place = np.where(row[self.feature[place]] <= self.threshold[place], self.left[place], self.right[place])
        return self.start + float(self.value[place].sum())


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
            found.append(self.trees(whole))
        return sum(found) / len(found)
