"""rmia = share of population texts z with ratio_x / ratio_z >= 1, ratio_x = p_target(x) / p(x).

p(x) is the mean over the models that were not trained on x, of length-normalised probabilities exp(phi); population
texts are those that neither the target nor any shadow saw, so its values are discrete in 1 / |Z| (Zarifzadeh et al.
2024, arXiv:2312.03262). The offline correction of p(x) multiplies it for x and z alike and cancels.
"""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method
from probe.scores.lira import FEW
from probe.scores.shadowed import APART, FEWEST, Shadowed, log_mean
from probe.scores.view import View
from probe.types import Unscored

_NO_POPULATION = Unscored("the shadow fleet keeps no population of known non-members (`nonmembers` of its recipe)")


def lacking(found: Shadowed) -> Unscored | None:
    """Returns why a text cannot be held against the population, or None."""
    if len(found.outs) < FEWEST:
        return FEW
    return APART if found.apart else None


def rmia(view: View) -> float | Unscored:
    found = view.shadowed
    if why := lacking(found):
        return why
    if not len(found.background):
        return _NO_POPULATION
    ratio = -view.target.loss - log_mean(found.outs)
    return float(np.searchsorted(found.background, ratio, side="right")) / len(found.background)


SCORE = Method("rmia", rmia, ("logprob", "shadows"), "Zarifzadeh et al. 2024, arXiv:2312.03262")
