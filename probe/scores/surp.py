"""surp = mean l_t over surprising tokens: among the lowest 40% of l_t, those of entropy under 2.0 nats (2407.21248)."""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method, View, lowest
from probe.types import Unscored

SHARE, ENTROPY = 0.4, 2.0


def surp(view: View) -> float | Unscored:
    assert view.target.mu is not None
    logprob = view.l
    chosen = (logprob <= lowest(logprob, SHARE).max()) & (-view.target.mu < ENTROPY)
    if not chosen.any():
        return Unscored("no token is both surprising and confidently predicted")
    return float(np.mean(logprob[chosen]))


SCORE = Method("surp", surp, ("logprob", "moments"), "Zhang & Wu 2024, arXiv:2407.21248")
