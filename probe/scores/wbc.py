"""wbc: how often a window of w tokens has a lower target than reference loss, averaged over widths (2601.02751).

For w in WIDTHS, w <= T: share of windows with reference loss sum > target loss sum; mean over w. The value is discrete
and bounded, so ties are broken by `ref`, squeezed to less than one step.
"""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method
from probe.scores.view import View, mean

WIDTHS = (2, 3, 4, 6, 9, 13, 18, 25, 32, 40)
_STEP = 1e-6


def wbc(view: View) -> float:
    total = np.concatenate([[0.0], np.cumsum(view.d)])
    widths = [width for width in WIDTHS if width <= len(view.d)] or [1]
    shares = [np.count_nonzero(total[width:] > total[:-width]) / (len(total) - width) for width in widths]
    tie = mean(view.d)
    return sum(shares) / len(shares) + _STEP * tie / (1 + abs(tie))


SCORE = Method("wbc", wbc, ("logprob", "same_tokenizer"), "arXiv:2601.02751")
