"""surp = mean l_t over surprising tokens: among the lowest 40% of l_t, those of entropy under 2.0 nats (2407.21248)."""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.view import View, lowest, mean
from probe.types import Unscored

SHARE, ENTROPY = 0.4, 2.0


def surp(view: View) -> float | Unscored:
    assert view.target.mu is not None
    chosen = view.l[(view.l <= lowest(view.ascending, SHARE)[-1]) & (view.target.mu > -ENTROPY)]
    return mean(chosen) if len(chosen) else Unscored("no token is both surprising and confidently predicted")


SCORE = Method("surp", surp, ("logprob", "moments"), "Zhang & Wu 2024, arXiv:2407.21248")
