"""How well a score tells members from non-members, with intervals.

AUC with DeLong's interval (1988), and an exact one where no two texts of the groups overlap; TPR at a fixed FPR with
Clopper-Pearson's, balanced accuracy at a given threshold, the ROC curve, rank correlation of two scores (Spearman
1904), and the band that the count of false positives of a calibrated threshold must fall in (BetaBinomial).
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

    Where the groups do not overlap the interval is that of min(m, n) pairs that are all won, or all lost; where all
    scores are equal it is all of [0, 1], for they tell nothing. Raises InputError for fewer than two texts of a kind.
    """
    from scipy.stats import norm

    m, n = len(members), len(nonmembers)
    if min(m, n) < 2:
        raise InputError(f"An AUC takes at least two texts of each kind; there are {m} members and {n} non-members.")
    if members.min() > nonmembers.max() or members.max() < nonmembers.min():
        # No placement varies, so DeLong's interval would have no width, however few the texts. Pair each text of the
        # smaller group with another of the larger one: the pairs are independent, a member wins each with a probability
        # of AUC at most, and separate groups win them all, which has probability AUC ** pairs at most. That is half the
        # error at low = ((1 - confidence) / 2) ** (1 / pairs): Clopper and Pearson's end for pairs of pairs.
        pairs = min(m, n)
        return rate(pairs if members.min() > nonmembers.max() else 0, pairs, confidence)
    if max(members.max(), nonmembers.max()) == min(members.min(), nonmembers.min()):
        return Figure(0.5, 0.0, 1.0)
    above, below = placements(members, nonmembers)
    value = float(above.mean())
    spread = float(np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)) * float(norm.ppf((1 + confidence) / 2))
    return Figure(value, max(0.0, value - spread), min(1.0, value + spread))


def placements(members: Vector, nonmembers: Vector) -> tuple[Vector, Vector]:
    """Returns the share of non-members below each member, [members], and of members above each non-member,
    [non-members]; ties count half. The mean of either is the AUC.
    """
    from scipy.stats import rankdata

    m, n = len(members), len(nonmembers)
    ranks = rankdata(np.concatenate([members, nonmembers]))
    return (ranks[:m] - rankdata(members)) / n, 1 - (ranks[m:] - rankdata(nonmembers)) / m


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


def best_threshold(members: Vector, nonmembers: Vector) -> float:
    """Returns a threshold above which calling texts members is most accurate, both kinds weighing the same.

    It lies halfway between two neighbouring scores, or at the highest of all.
    """
    values = np.unique(np.concatenate([members, nonmembers]))
    candidates = np.append((values[1:] + values[:-1]) / 2, values[-1])
    called, cleared = (np.searchsorted(np.sort(group), candidates, side="right") for group in (members, nonmembers))
    return float(candidates[np.argmax(cleared / len(nonmembers) - called / len(members))])


def balanced_accuracy(members: Vector, nonmembers: Vector, threshold: float, confidence: float = 0.95) -> Figure:
    """Returns (TPR + TNR) / 2 of calling what scores above a threshold members; tune it on other texts.

    The interval is the mean of Clopper and Pearson's for both rates, each at half the error: rather too wide.
    """
    each = (1 + confidence) / 2
    found = rate(int((members > threshold).sum()), len(members), each)
    cleared = rate(int((nonmembers <= threshold).sum()), len(nonmembers), each)
    ends = (getattr(found, end) + getattr(cleared, end) for end in ("value", "low", "high"))
    return Figure(*(end / 2 for end in ends))


def roc(members: Vector, nonmembers: Vector) -> tuple[Vector, Vector]:
    """Returns FPR and TPR, [thresholds] each, from (0, 0) to (1, 1): one step for every distinct score."""
    thresholds = np.append(np.unique(np.concatenate([members, nonmembers]))[::-1], -np.inf)
    below = [np.searchsorted(np.sort(group), thresholds, side="right") / len(group) for group in (nonmembers, members)]
    return 1 - below[0], 1 - below[1]


def spearman(one: Vector, other: Vector) -> float | None:
    """Returns the correlation of the ranks of two scores of the same texts; None where one of them is constant."""
    from scipy.stats import rankdata

    if len(one) < 2 or not (np.ptp(one) and np.ptp(other)):
        return None
    return float(np.clip(np.corrcoef(rankdata(one), rankdata(other))[0, 1], -1, 1))


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
