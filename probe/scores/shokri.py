"""shokri = log-odds of membership by a classifier that was trained on shadow models, whose members are known.

It sees what one model alone says of a text: its losses and how sure it is of each token (Shokri et al. 2017,
arXiv:1610.05820). The target's own labels are never used (shadow/attacks.py).
"""

from __future__ import annotations

import numpy as np

from probe.scores import loss, mink, minkpp, surp, zlib
from probe.scores.base import Method
from probe.scores.features import CURVE, QUANTILES, curve_of
from probe.scores.shadowed import Vector
from probe.scores.view import View
from probe.types import Unscored

_SCORES: tuple[Method, ...] = (loss.SCORE, zlib.SCORE, zlib.RATE, mink.SCORE, minkpp.SCORE, surp.SCORE)
NAMES = (
    *(score.id for score in _SCORES), *CURVE, *(f"loss_q{round(100 * share):02}" for share in QUANTILES), "confidence",
    "top_probability", "top_five", "margin",
)  # fmt: skip
UNLEARNED = Unscored("the shadow fleet has learned no attack: train it again (memprobe shadow train)")


def row(view: View) -> Vector:
    """Returns the features of a text, float64 [NAMES], NaN where this evidence does not give one."""
    scores = [score.of(view).value for score in _SCORES]
    return np.array([
        *(np.nan if value is None else value for value in scores), *curve_of(view),
        *np.quantile(-view.l, QUANTILES).tolist(), *confidence(view),
    ])  # fmt: skip


def confidence(view: View) -> list[float]:
    """Returns mean probabilities: of the text's tokens, of the likeliest, of the five likeliest; and the first two's
    mean distance.
    """
    own = float(np.exp(view.l).mean())
    if view.target.top is None:
        return [own, np.nan, np.nan, np.nan]
    top = np.exp(view.target.top.astype(np.float64))
    second = top[:, 1] if top.shape[1] > 1 else 0.0
    return [own, float(top[:, 0].mean()), float(top.sum(1).mean()), float((top[:, 0] - second).mean())]


def shokri(view: View) -> float | Unscored:
    attacks = view.shadowed.attacks
    return UNLEARNED if attacks is None else attacks.shokri(row(view))


SCORE = Method("shokri", shokri, ("logprob", "shadows"), "Shokri et al. 2017, arXiv:1610.05820")
