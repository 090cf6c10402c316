"""minkpp = mean of the k smallest z_t = (l_t - mu_t) / sigma_t, K = 20%. Zhang et al. 2024 (2404.02936).

mu and sigma are moments of log p under p itself; an unweighted vocabulary mean is a known slip.
"""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method, View, lowest
from probe.types import TokenStats

SHARE = 0.2
_FLAT = 1e-6  # a next-token distribution with one possible token has sigma 0


def minkpp(view: View) -> float:
    return minkpp_of(view.target)


def minkpp_of(stats: TokenStats) -> float:
    """Returns the score of one model's statistics, which must hold moments."""
    assert stats.mu is not None and stats.sigma is not None
    distance = stats.logprob.astype(np.float64) - stats.mu
    return float(lowest(distance / np.maximum(stats.sigma, _FLAT), SHARE).mean())


SCORE = Method("minkpp", minkpp, ("logprob", "moments"), "Zhang et al. 2024, arXiv:2404.02936")
