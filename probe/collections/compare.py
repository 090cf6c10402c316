"""Do suspect documents score higher than controls? One-sided tests of the mean and of the ranks, and the effect's size.

Welch's t (1947) needs no equal variances, but where one side is far larger than the other and scores are skewed, its
tail is wrong: .05 was exceeded by 20% of lognormal nulls of 500 against 10. A permutation test of the same difference
(Fisher 1935) is exact wherever documents are exchangeable, and cannot go below 1 / (1 + permutations). The p-value of
the mean is therefore the larger of the two. The rank sum (Mann and Whitney 1947) is robust, and blind to a few members
among many: with one in ten, 100 documents a side, it found them in 17% of draws and the mean in 68% (embedded pair).
Hedges' g (1981) is the difference in pooled standard deviations, with the usual large-sample interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from probe.audit.metrics import Figure, auc

FEWEST_DRAWS, MOST_DRAWS = 9_999, 99_999  # permutations
ENOUGH = 500  # of those at least as high: p is known to a twentieth
_WORK, _AT_ONCE = 100_000_000, 200_000  # values permuted in all, and at once
_ROUNDING = 1e-12
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """welch, permutation, rank_sum: one-sided p-values; effect: Hedges' g; auc: P(suspect > control)."""

    welch: float
    permutation: float
    rank_sum: float
    effect: Figure
    auc: Figure

    @property
    def mean(self) -> float:
        """The p-value of the mean."""
        return max(self.welch, self.permutation)


def compare(suspect: Vector, controls: Vector, seed: int = 0) -> Comparison:
    """Takes one value per document. Raises InputError for fewer than two of a kind."""
    found = auc(suspect, controls)  # refuses too few
    return Comparison(
        welch(suspect, controls), permutation(suspect, controls, seed), rank_sum(suspect, controls),
        hedges(suspect, controls), found,
    )  # fmt: skip


def welch(suspect: Vector, controls: Vector) -> float:
    """Returns P(T >= t), t of the means over Welch's degrees of freedom; 1 where nothing varies."""
    from scipy.special import stdtr

    a, b = suspect.var(ddof=1) / len(suspect), controls.var(ddof=1) / len(controls)
    if np.sqrt(a + b) <= _ROUNDING * max(np.abs(suspect).max(), np.abs(controls).max()):
        return 1.0
    freedom = (a + b) ** 2 / (a**2 / (len(suspect) - 1) + b**2 / (len(controls) - 1))
    return float(stdtr(freedom, -(suspect.mean() - controls.mean()) / np.sqrt(a + b)))


def permutation(suspect: Vector, controls: Vector, seed: int = 0) -> float:
    """Returns (1 + #{permutations whose suspect mean is at least as high}) / (1 + permutations).

    Stops at the ENOUGH-th of them, after l permutations: p = ENOUGH / l is valid too (Besag and Clifford 1991).
    """
    values = np.concatenate([suspect, controls])
    values = (values - values.mean()) / (values.std() or 1.0)
    least = float(values[: len(suspect)].sum()) - _ROUNDING * len(values)
    draws = int(np.clip(_WORK // len(values), FEWEST_DRAWS, MOST_DRAWS))
    dice = np.random.default_rng(seed)
    hits = done = 0
    while done < draws:
        rows = min(draws - done, max(1, _AT_ONCE // len(values)))
        table = dice.permuted(np.broadcast_to(values, (rows, len(values))), axis=1)
        found = np.flatnonzero(table[:, : len(suspect)].sum(1) >= least)
        if hits + len(found) >= ENOUGH:
            return ENOUGH / (done + int(found[ENOUGH - hits - 1]) + 1)
        hits += len(found)
        done += rows
    return (1 + hits) / (1 + draws)


def rank_sum(suspect: Vector, controls: Vector) -> float:
    """Returns the p-value of the rank sum, exact for a few documents without ties."""
    from scipy.stats import mannwhitneyu

    if np.ptp(np.concatenate([suspect, controls])) == 0:
        return 1.0
    return float(mannwhitneyu(suspect, controls, alternative="greater").pvalue)


def hedges(suspect: Vector, controls: Vector, confidence: float = 0.95) -> Figure:
    """Returns g = (1 - 3 / (4 df - 1)) (mean difference) / (pooled sd); 0 where nothing varies."""
    n, m = len(suspect), len(controls)
    freedom = n + m - 2
    pooled = float(np.sqrt(((n - 1) * suspect.var(ddof=1) + (m - 1) * controls.var(ddof=1)) / freedom))
    difference = float(suspect.mean() - controls.mean())
    g = (1 - 3 / (4 * freedom - 1)) * difference / pooled if pooled else 0.0
    spread = NormalDist().inv_cdf((1 + confidence) / 2) * float(np.sqrt((n + m) / (n * m) + g**2 / (2 * (n + m))))
    return Figure(g, g - spread, g + spread)
