"""lira = log N(phi; mu_in, sd_in) - log N(phi; mu_out, sd_out), the likelihood ratio of the two worlds in which shadow
models were trained with and without the text; lira_offline = (phi - mu_out) / sd_out, which needs the second only.

phi = mean l_t under the target; the means are the text's own, the standard deviations pooled over texts, each from its
own side (Carlini et al. 2022, arXiv:2112.03570; its public code pools sd_out from the IN models, a slip). Only a text
of the shadows' universe has IN models. The mean of n models is itself uncertain, so sd^2 (1 + 1/n).
"""

from __future__ import annotations

import math

from probe.scores.base import Method
from probe.scores.shadowed import FEWEST, Shadowed, Side, Vector
from probe.scores.view import View
from probe.types import Unscored

OUTSIDE = Unscored("no shadow model was trained on it: lira_offline, bavaria_offline and rmia need none that was")
FEW = Unscored(f"fewer than {FEWEST} shadow models on one side")


def online(found: Shadowed) -> Unscored | None:
    """Returns why models on both sides are missing, or None."""
    if not found.known:
        return OUTSIDE
    return FEW if min(len(found.ins), len(found.outs)) < FEWEST else None


def lira(view: View) -> float | Unscored:
    found = view.shadowed
    if why := online(found):
        return why
    phi = -view.target.loss
    return _log_density(phi, found.ins, found.pooled.ins) - _log_density(phi, found.outs, found.pooled.outs)


def offline(view: View) -> float | Unscored:
    found = view.shadowed
    if len(found.outs) < FEWEST:
        return FEW
    return (-view.target.loss - float(found.outs.mean())) / _sd(found.outs, found.pooled.outs)


def _sd(models: Vector, side: Side) -> float:
    return side.sd * math.sqrt(1 + 1 / len(models))


def _log_density(phi: float, models: Vector, side: Side) -> float:
    """Of the normal law; the constant cancels in the ratio."""
    sd = _sd(models, side)
    return -0.5 * ((phi - float(models.mean())) / sd) ** 2 - math.log(sd)


SCORE = Method("lira", lira, ("logprob", "shadows"), "Carlini et al. 2022, arXiv:2112.03570")
OFFLINE = Method("lira_offline", offline, ("logprob", "shadows"), "Carlini et al. 2022, arXiv:2112.03570")
