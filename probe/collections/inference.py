"""LLM Dataset Inference (Maini et al. 2024, 2406.06443): scores weighed on half of the documents, tested on the rest.

Suspect and control documents are each split into A and B. On A, features are filled, clipped to their middle 95%,
standardised and weighed by ridge regression on the side a document is from; on B, Welch's one-sided t of weighed sums.
Splits share documents, so their p-values are not independent: p = min(1, 2 median p_i) holds whatever the dependence
(Ruschendorf 1982; Meinshausen et al. 2009, 0811.2177), and e = the mean of the e-values.
Each split draws as many documents from one side as from the other, which keeps Welch's t right for skewed sums.

One departure: weights are non-negative, over features that are higher for a likelier member. Free weights find any
difference, also that suspect texts are harder than the controls, and would call that membership.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.collections.compare import welch
from probe.collections.evalue import average, e_value
from probe.scores.features import NAMES
from probe.types import Unscored

Vector = npt.NDArray[np.float64]
FEWEST = 20  # documents of each kind; half of them learn, half test
SPLITS = 20
ORIENTED = (
    "loss", "zlib", "zlib_rate", "mink", "minkpp", "surp", "ref", "ref_bytes", "wbc", "ez", "minkpp_diff",
    "argmax_share", "gain_t", "gain_share", "gain_hard", "gain_easy", "gain_q05", "gain_q25", "gain_q50", "gain_q75",
    "gain_q95",
)  # fmt: skip
_COLUMNS = [NAMES.index(name) for name in ORIENTED]
_CLIP = 0.025, 0.975
_RIDGE = 0.1  # times the documents that learn


@dataclass(frozen=True, slots=True)
class Inference:
    """p_value: twice the median over the splits; e_value: mean over them; weights: mean over them, of those above 0."""

    p_value: float
    e_value: float
    splits: int
    weights: dict[str, float]


def infer(suspect: Vector, controls: Vector, splits: int = SPLITS, seed: int = 0) -> Inference | Unscored:
    """Takes features [documents, NAMES], NaN where one is missing."""
    fewest = min(len(suspect), len(controls))
    if fewest < FEWEST:
        return Unscored(f"dataset inference takes {FEWEST} documents on each side; there are {fewest}")
    dice = np.random.default_rng(seed)
    sides = suspect[:, _COLUMNS], controls[:, _COLUMNS]
    found = [_split(*sides, dice) for _ in range(splits)]
    p_values = [p for p, _ in found]
    weights = np.mean([weight for _, weight in found], axis=0)
    return Inference(
        min(1.0, 2 * float(np.median(p_values))), average([e_value(p) for p in p_values]), splits,
        {name: float(weight) for name, weight in zip(ORIENTED, weights, strict=True) if weight > 0},
    )  # fmt: skip


def _split(suspect: Vector, controls: Vector, dice: np.random.Generator) -> tuple[float, Vector]:
    """Returns the p-value on B, and the weights learned on A [ORIENTED]."""
    size = min(len(suspect), len(controls))
    (learn, test), (learn_controls, test_controls) = (_halves(side, size, dice) for side in (suspect, controls))
    rows = np.concatenate([learn, learn_controls])
    fill = _medians(rows)
    low, high = np.quantile(_filled(rows, fill), _CLIP, axis=0)

    def clipped(some: Vector) -> Vector:
        return np.clip(_filled(some, fill), low, high)

    center, spread = clipped(rows).mean(0), clipped(rows).std(0)
    scale = np.where(spread > 0, spread, 1.0)
    sides = np.repeat([1.0, -1.0], len(learn))
    weights = _weigh((clipped(rows) - center) / scale, sides)
    one, other = (((clipped(side) - center) / scale) @ weights for side in (test, test_controls))
    return welch(one, other), weights


def _weigh(rows: Vector, sides: Vector) -> Vector:
    """Returns the non-negative w that minimises |rows w - sides|^2 + ridge |w|^2."""
    from scipy.optimize import nnls

    ridge = np.sqrt(_RIDGE * len(rows)) * np.eye(rows.shape[1])
    weights, _ = nnls(np.concatenate([rows, ridge]), np.concatenate([sides, np.zeros(rows.shape[1])]))
    return np.asarray(weights)


def _halves(side: Vector, size: int, dice: np.random.Generator) -> tuple[Vector, Vector]:
    """Returns two halves of `size` documents of a side."""
    order = dice.permutation(len(side))[:size]
    return side[order[: size // 2]], side[order[size // 2 :]]


def _medians(rows: Vector) -> Vector:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that no document has
        return np.asarray(np.nan_to_num(np.nanmedian(rows, axis=0)))


def _filled(rows: Vector, fill: Vector) -> Vector:
    return np.where(np.isnan(rows), fill, rows)
