"""bavaria = log t_in(phi) - log t_out(phi): LiRA whose variances are the text's own as far as its few models can tell.

A Normal-Inverse-Gamma prior pooled over the fleet's texts and the text's n models give a Student t predictive with
2 a_n degrees of freedom, location m_n and squared scale b_n (k_n + 1) / (a_n k_n), where k_n = k0 + n,
m_n = (k0 m0 + n mean) / k_n, a_n = a0 + n/2, b_n = b0 + sum (phi_i - mean)^2 / 2 + k0 n (mean - m0)^2 / (2 k_n)
(arXiv:2603.11799, for 2 to 16 shadows). bavaria_offline = the predictive's CDF under OUT, as log-odds.
"""

from __future__ import annotations

import math

from probe.scores.base import Method
from probe.scores.lira import FEW, online
from probe.scores.shadowed import FEWEST, Side, Vector
from probe.scores.view import View
from probe.types import Unscored

_PAPER = "arXiv:2603.11799"


def bavaria(view: View) -> float | Unscored:
    found = view.shadowed
    if why := online(found):
        return why
    phi = -view.target.loss
    return _log_density(phi, *predictive(found.ins, found.pooled.ins)) - _log_density(
        phi, *predictive(found.outs, found.pooled.outs)
    )


def offline(view: View) -> float | Unscored:
    from scipy.stats import t

    found = view.shadowed
    if len(found.outs) < FEWEST:
        return FEW
    freedom, place, scale = predictive(found.outs, found.pooled.outs)
    z = (-view.target.loss - place) / scale
    return float(t.logcdf(z, freedom) - t.logsf(z, freedom))


def predictive(models: Vector, side: Side) -> tuple[float, float, float]:
    """Returns the degrees of freedom, location and scale of the next model's phi."""
    n, mean = len(models), float(models.mean())
    k, a = side.k0 + n, side.a0 + n / 2
    place = (side.k0 * side.m0 + n * mean) / k
    b = side.b0 + 0.5 * float(((models - mean) ** 2).sum()) + side.k0 * n * (mean - side.m0) ** 2 / (2 * k)
    return 2 * a, place, math.sqrt(b * (k + 1) / (a * k))


def _log_density(phi: float, freedom: float, place: float, scale: float) -> float:
    z = (phi - place) / scale
    half = (freedom + 1) / 2
    norm = math.lgamma(half) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi) - math.log(scale)
    return norm - half * math.log1p(z * z / freedom)


SCORE = Method("bavaria", bavaria, ("logprob", "shadows"), _PAPER)
OFFLINE = Method("bavaria_offline", offline, ("logprob", "shadows"), _PAPER)
