"""minkpp = mean of the k smallest z_t = (l_t - mu_t) / sigma_t, K = 20%. Zhang et al. 2024 (2404.02936).

mu and sigma are moments of log p under p itself; an unweighted vocabulary mean is a known slip.
"""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.view import View


def minkpp(view: View) -> float:
    return view.minkpp


SCORE = Method("minkpp", minkpp, ("logprob", "moments"), "Zhang et al. 2024, arXiv:2404.02936")
