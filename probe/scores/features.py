"""What the learned score looks at: the scores of one pass of each model, and how losses and differences are spread.

NaN stands for what this evidence does not give (no reference, no moments); the combination fills it.
"""

from __future__ import annotations

import numpy as np

from probe.scores import curve, ez, loss, mink, minkpp, minkpp_diff, ref, surp, tokenwise, wbc, zlib
from probe.scores.base import Method
from probe.scores.fitted import Vector
from probe.scores.view import View, lowest

_SCORES: tuple[Method, ...] = (
    loss.SCORE, zlib.SCORE, zlib.RATE, mink.SCORE, minkpp.SCORE, surp.SCORE, ref.SCORE, ref.BYTES, wbc.SCORE, ez.SCORE,
    minkpp_diff.SCORE, tokenwise.SCORE,
)  # fmt: skip
CURVE = ("log_tokens", "entropy", "mean_log_rank", "argmax_share", "spread", "fall", "below_mean", "below_past")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_DIFFERENCE = (
    "reference_loss", "gain_t", "gain_share", "gain_hard", "gain_easy", "gain_spread",
    *(f"gain_q{round(100 * share):02}" for share in QUANTILES),
)  # fmt: skip
HARD = 0.4  # share of the tokens that the reference finds hardest
NAMES = (*(score.id for score in _SCORES), "tokenwise_root", *CURVE, *_DIFFERENCE)
_FLAT = 1e-6


def row(view: View) -> Vector:
    """Returns the features of a text, float64 [NAMES]."""
    values = [score.of(view).value for score in _SCORES]
    rest = _differences(view) if view.unlike is None else [np.nan] * len(_DIFFERENCE)
    found = [np.nan if value is None else value for value in values]
    evidence = found[_SCORES.index(tokenwise.SCORE)] * np.sqrt(len(view.l))  # grows with length as its scatter does
    return np.array([*found, evidence, *curve_of(view), *rest])


def curve_of(view: View) -> list[float]:
    """Returns the features of CURVE: what the target alone says of the tokens, and how their losses run."""
    target, values = view.target, -view.l
    entropy = np.nan if target.mu is None else -float(target.mu.mean(dtype=np.float64))
    return [
        float(np.log(len(values))), entropy, float(np.log1p(target.rank).mean()), float((target.rank == 0).mean()),
        float(values.std()), -curve.slope(values), curve.below_mean(values), curve.below_past(values),
    ]  # fmt: skip


def _differences(view: View) -> list[float]:
    """Of d_t = l_t - r_t: its t statistic, and its mean where the reference finds the tokens hard, and where easy."""
    d, r = view.d, view.r
    hard = r <= lowest(np.sort(r), HARD)[-1]
    easy = d[~hard] if not hard.all() else d
    spread = float(d.std())
    return [
        -float(r.mean()), float(d.mean()) / max(spread, _FLAT) * float(np.sqrt(len(d))), float((d > 0).mean()),
        float(d[hard].mean()), float(easy.mean()), spread, *np.quantile(d, QUANTILES).tolist(),
    ]  # fmt: skip
