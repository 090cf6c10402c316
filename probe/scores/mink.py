"""mink = mean of the k smallest l_t, K = 20%. Shi et al. 2023 (2310.16789)."""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.view import View, lowest, mean

SHARE = 0.2


def mink(view: View) -> float:
    return mean(lowest(view.ascending, SHARE))


SCORE = Method("mink", mink, ("logprob",), "Shi et al. 2023, arXiv:2310.16789")
