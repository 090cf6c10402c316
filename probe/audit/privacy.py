"""What a model's training promises, and what an attack shows of it: bounds on epsilon, from above and from below.

Upper: a training that is (epsilon, delta)-private allows TPR <= min(e^eps FPR + delta, 1 - e^-eps (1 - delta - FPR))
(Kairouz et al. 2015), one that is mu-GDP TPR <= Phi(Phi^-1(FPR) + mu) (Dong et al. 2022). Lower: what attackers found
that a private training would not have allowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from probe.audit.metrics import Vector, rate
from probe.audit.one_run import CONFIDENCE, Flags, one_run
from probe.errors import InputError

_LARGE = 500.0  # of which the exponential is still a number
DELTA = 1e-5  # where none was promised


@dataclass(frozen=True)
class Shown:
    """Lower bounds on epsilon: from one training, by rates (as if texts were trained on independently), and of a
    Gaussian mechanism at the same delta.
    """

    one_run: float
    by_rates: float
    gaussian: float


def shown(scores: Vector, member: Flags, delta: float, seed: int = 0) -> Shown:
    """Returns what a score shows of a training. scores: [texts], NaN where there is none; member: by fair coins."""
    there = ~np.isnan(scores)
    sides = scores[there & member], scores[there & ~member]
    return Shown(
        one_run(scores[there], member[there], delta), by_rates(*sides, delta, seed),
        epsilon_of(gaussian(*sides, seed), delta),
    )  # fmt: skip


def allowed(fpr: Vector, epsilon: float, delta: float) -> Vector:
    """Returns the highest TPR at each FPR that an (epsilon, delta)-private training allows."""
    epsilon = min(epsilon, _LARGE)
    above = 1 - math.exp(-epsilon) * (1 - delta - fpr)
    return np.clip(np.minimum(math.exp(epsilon) * fpr + delta, above), 0, 1)


def by_rates(members: Vector, nonmembers: Vector, delta: float, seed: int = 0, confidence: float = CONFIDENCE) -> float:
    """Returns a lower bound on epsilon, ln((TPR_low - delta) / FPR_high), or the same of TNR and FNR; 0 at least.

    The threshold is chosen on a random half of the texts, rates are counted on the other, with Clopper and Pearson's
    ends. Strictly it takes texts that were trained on independently (Jagielski et al. 2020). Raises InputError for
    fewer than four texts of a kind.
    """
    tp, fp, of, others = _counts(members, nonmembers, seed)
    return max(
        0.0, _log_ratio(tp, of, fp, others, delta, confidence),
        _log_ratio(others - fp, others, of - tp, of, delta, confidence),
    )  # fmt: skip


def gaussian(members: Vector, nonmembers: Vector, seed: int = 0, confidence: float = CONFIDENCE) -> float:
    """Returns a lower bound on mu of mu-GDP, Phi^-1(TPR_low) - Phi^-1(FPR_high), as `by_rates` does."""
    from scipy.stats import norm

    tp, fp, of, others = _counts(members, nonmembers, seed)
    low, high = _low(tp, of, confidence), _high(fp, others, confidence)
    return max(0.0, float(norm.ppf(low) - norm.ppf(high)))


def epsilon_of(mu: float, delta: float) -> float:
    """Returns the epsilon at this delta of what is mu-GDP, where delta = Phi(-e/mu + mu/2) - e^e Phi(-e/mu - mu/2)."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    def excess(epsilon: float) -> float:
        return float(norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon + norm.logcdf(-mu / 2 - epsilon / mu)) - delta)

    if not mu or excess(0.0) <= 0:
        return 0.0
    if not delta:
        return math.inf  # a Gaussian's ratio has no bound
    return float(brentq(excess, 0.0, mu * mu / 2 + mu * 10 + 1))


def _counts(members: Vector, nonmembers: Vector, seed: int) -> tuple[int, int, int, int]:
    """Returns members and non-members above the threshold, and how many of either were counted."""
    if min(len(members), len(nonmembers)) < 4:
        raise InputError("A bound on epsilon takes at least four texts of each kind.")
    dice = np.random.default_rng(seed)
    sides = [side[dice.permutation(len(side))] for side in (members, nonmembers)]
    tuning, testing = ([side[half::2] for side in sides] for half in (0, 1))
    threshold = _threshold(*tuning)
    tp, fp = (int((side > threshold).sum()) for side in testing)
    return tp, fp, len(testing[0]), len(testing[1])


def _threshold(members: Vector, nonmembers: Vector) -> float:
    """Returns the threshold that shows most, to judge by the texts that tune."""
    from scipy.stats import beta

    values = np.unique(np.concatenate([members, nonmembers]))
    tp, fp = (len(side) - np.searchsorted(np.sort(side), values, side="right") for side in (members, nonmembers))
    m, n = len(members), len(nonmembers)
    tail = (1 - CONFIDENCE) / 2
    shown = [
        np.nan_to_num(beta.ppf(tail, hits, of - hits + 1))
        / beta.ppf(1 - tail, misses + 1, np.maximum(others - misses, 1e-9))
        for hits, of, misses, others in ((tp, m, fp, n), (n - fp, n, m - tp, m))
    ]  # fmt: skip
    return float(values[np.argmax(np.maximum(*shown))])


def _log_ratio(hits: int, of: int, misses: int, others: int, delta: float, confidence: float) -> float:
    low = _low(hits, of, confidence) - delta
    return math.log(low / _high(misses, others, confidence)) if low > 0 else 0.0


def _low(hits: int, of: int, confidence: float) -> float:
    return rate(hits, of, confidence).low


def _high(hits: int, of: int, confidence: float) -> float:
    return rate(hits, of, confidence).high
