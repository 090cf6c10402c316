"""quantile = (phi - q50(x)) / (q90(x) - q50(x)): how far the target's phi lies above that of texts like x that it never
saw, in units of their spread.

q50 and q90 are quantiles of phi given x, regressed on known non-members (the fleet's population) under this target
(Bertran et al. 2023, arXiv:2307.03694; for language models 2409.14513). Features of x: what models that did not see it
say, and its length. None of them is trained for it: one target, and texts that it did not see.
"""

from __future__ import annotations

import math

import numpy as np

from probe.scores.base import Method
from probe.scores.rmia import lacking
from probe.scores.shadowed import Vector, log_mean
from probe.scores.view import View
from probe.types import Unscored

LEVELS = (0.5, 0.9)
_NARROW = 1e-3  # nats; quantiles that meet or cross say nothing of the spread
_NO_QUANTILES = Unscored("the shadow fleet's population of known non-members (`nonmembers` of its recipe) is too small")


def features(usual: float, tokens: int) -> Vector:
    """usual: log-mean of exp(phi) over models that did not see the text, nats per token."""
    return np.array([1.0, usual, usual**2, math.log(tokens), 1 / math.sqrt(tokens)])


def quantile(view: View) -> float | Unscored:
    found = view.shadowed
    if why := lacking(found):
        return why
    if found.quantiles is None:
        return _NO_QUANTILES
    middle, upper = (float(one) for one in found.quantiles @ features(log_mean(found.outs), len(view.l)))
    return (-view.target.loss - middle) / max(upper - middle, _NARROW)


SCORE = Method("quantile", quantile, ("logprob", "shadows"), "Bertran et al. 2023, arXiv:2307.03694; arXiv:2409.14513")
