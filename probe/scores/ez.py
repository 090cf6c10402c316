"""ez = (P + c) / (N + c) on the tokens that the target gets wrong (argmax != x_t) (2601.12104).

P = sum max(d, 0), N = sum max(-d, 0), d = l - r, c about a tenth of the median P + N of the calibration. With fewer
than two wrong tokens the same ratio over all tokens: the published code returns 0 there and so ranks the
best-memorised texts last.
"""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method
from probe.scores.view import View

FEWEST = 2


def ez(view: View) -> float:
    gained, given = parts(view)
    c = view.fitted.smoothing
    return (gained + c) / (given + c)


def parts(view: View) -> tuple[float, float]:
    """Returns P and N in nats."""
    wrong = view.target.rank > 0
    chosen = view.d[wrong] if np.count_nonzero(wrong) >= FEWEST else view.d
    gained = float(np.add.reduce(np.maximum(chosen, 0)))
    return gained, gained - float(np.add.reduce(chosen))


SCORE = Method("ez", ez, ("logprob", "same_tokenizer"), "arXiv:2601.12104")
