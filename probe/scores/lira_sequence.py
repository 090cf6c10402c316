"""lira_sequence = log N(l; mu_in, S) - log N(l; mu_out, S) over the vector of token log-likelihoods.

Models are few and tokens many, so what can be is pooled (arXiv:2506.05126): S has the tokens' standard deviations by
how likely the models find a token, and one correlation of neighbours (a Gauss-Markov chain). A token's difference
mu_in - mu_out is drawn towards the usual one of its kind, as if k0 models had shown that: d = (k0 shift + m diff) /
(k0 + m), m = 1 / (1/n_in + 1/n_out); mu_out is then the mean of all models, IN ones freed of d.
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
    place = np.searchsorted(found.pooled.edges, (ins.mean(0) + outs.mean(0)) / 2)
    pull, shift = found.pooled.pull[place], found.pooled.shift[place]
    models = 1 / (1 / len(ins) + 1 / len(outs))
    difference = (pull * shift + models * (ins.mean(0) - outs.mean(0))) / (pull + models)
    usual = (ins.sum(0) + outs.sum(0) - len(ins) * difference) / (len(ins) + len(outs))
    sd = found.pooled.token_sd[place] * np.sqrt(1 + 1 / (len(ins) + len(outs)))
    return _log_density(view.l, usual + difference, sd, found.pooled) - _log_density(view.l, usual, sd, found.pooled)


def _log_density(values: Vector, means: Vector, sd: Vector, pooled: Pooled) -> float:
    """Of a chain with e_1 = z_1, e_t = r e_(t-1) + sqrt(1 - r^2) z_t in standard deviations; constants cancel."""
    z, r = (values - means) / sd, pooled.correlation
    fresh = np.concatenate([z[:1], (z[1:] - r * z[:-1]) / np.sqrt(1 - r * r)])
    return float(-0.5 * (fresh**2).sum())


SCORE = Method("lira_sequence", lira_sequence, ("logprob", "shadows"), "arXiv:2506.05126")
