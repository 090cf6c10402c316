"""lira_sequence = log N(l; mu_in, S_in) - log N(l; mu_out, S_out) over the vector of token log-likelihoods.

The covariance S is structured, for models are few and tokens many (arXiv:2506.05126): tokens' standard deviations are
pooled by how likely the OUT models find a token, deviations of neighbours correlate by one pooled figure (a
Gauss-Markov chain), and the uncertainty of a mean of n models adds 1/n of the variance.
"""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method
from probe.scores.lira import online
from probe.scores.shadowed import Pooled, Vector
from probe.scores.view import View
from probe.types import Unscored


def lira_sequence(view: View) -> float | Unscored:
    found = view.shadowed
    if why := online(found):
        return why
    ins, outs = found.tokens(True), found.tokens(False)
    sd = token_sd(outs.mean(0), found.pooled)
    return _log_density(view.l, ins, sd, found.pooled) - _log_density(view.l, outs, sd, found.pooled)


def token_sd(usual: Vector, pooled: Pooled) -> Vector:
    """Returns the standard deviation of each token over models, by its usual log-likelihood, [tokens]."""
    return pooled.token_sd[np.searchsorted(pooled.edges, usual)]


def _log_density(values: Vector, models: Vector, sd: Vector, pooled: Pooled) -> float:
    """Of a chain with e_1 = z_1, e_t = r e_(t-1) + sqrt(1 - r^2) z_t in standard deviations."""
    z = (values - models.mean(0)) / (sd * np.sqrt(1 + 1 / len(models)))
    r = pooled.correlation
    fresh = np.concatenate([z[:1], (z[1:] - r * z[:-1]) / np.sqrt(1 - r * r)])
    return float(-0.5 * (fresh**2).sum() - len(z) * 0.5 * np.log(1 + 1 / len(models)))


SCORE = Method("lira_sequence", lira_sequence, ("logprob", "shadows"), "arXiv:2506.05126")
