"""How well a score tells members from non-members, with intervals.

AUC with DeLong's interval (1988), TPR at a fixed FPR with Clopper-Pearson's, and the band that the count of false
positives of a calibrated threshold must fall in (BetaBinomial).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.errors import InputError

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure and its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self:.4f}"

    def __format__(self, spec: str) -> str:
        """Applies a number's format, such as .3f, to all three."""
        spec = spec or ".4f"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


def auc(members: Vector, nonmembers: Vector, confidence: float = 0.95) -> Figure:
    """Returns P(member > non-member) + P(tie) / 2 with DeLong's interval, cut to [0, 1].

    Raises InputError for fewer than two texts of a kind.
    """
    from scipy.stats import norm, rankdata

    m, n = len(members), len(nonmembers)
    if min(m, n) < 2:
        raise InputError(f"An AUC takes at least two texts of each kind; there are {m} members and {n} non-members.")
    ranks = rankdata(np.concatenate([members, nonmembers]))
    above = (ranks[:m] - rankdata(members)) / n  # per member: share of non-members below it
    below = 1 - (ranks[m:] - rankdata(nonmembers)) / m
    value = float(above.mean())
    spread = float(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)) * float(norm.ppf((1 + confidence) / 2))
    return Figure(value, max(0.0, value - spread), min(1.0, value + spread))


def tpr_at_fpr(members: Vector, nonmembers: Vector, fpr: float, confidence: float = 0.95) -> Figure:
    """Returns the TPR at the smallest threshold whose empirical FPR is <= fpr. Raises InputError for n < 1 / fpr."""
    n = len(nonmembers)
    allowed = int(np.floor(n * fpr + 1e-9))
    if not allowed:
        raise InputError(f"TPR at FPR {fpr:g} takes at least {int(np.ceil(1 / fpr)):,} non-members; there are {n:,}.")
    threshold = np.sort(nonmembers)[n - allowed - 1] if allowed < n else -np.inf
    return rate(int((members > threshold).sum()), len(members), confidence)


def rate(hits: int, trials: int, confidence: float = 0.95) -> Figure:
    """Returns hits / trials with Clopper and Pearson's interval. Raises InputError for no trials."""
    from scipy.stats import beta

    if not trials:
        raise InputError("A rate takes at least one text.")
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, trials - hits)) if hits < trials else 1.0
    return Figure(hits / trials, low, high)


def false_positive_band(trials: int, k: int, known: int, confidence: float = 0.95) -> tuple[int, int]:
    """Returns the counts between which the false positives of `trials` texts fall, for the k-th of `known` scores.

    Raises InputError for k = 0, where there is no threshold.
    """
    from scipy.stats import betabinom

    if not k:
        raise InputError(f"{known:,} known non-members allow no threshold at this level; bring more.")
    tail = (1 - confidence) / 2
    law = betabinom(trials, k, known + 1 - k)
    return int(law.ppf(tail)), int(law.ppf(1 - tail))
