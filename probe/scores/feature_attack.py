"""feature_attack = log-odds of membership by a classifier over all that target and reference say of a text, trained on
shadow models alone: each shadow stands in for the target once, with the texts that it was trained on as members.

The strongest published form learns over per-token statistics of both models and transfers to targets that it never saw
(Ilić et al. 2026, arXiv:2604.03199). Beside the features of `combined`, with its model of single tokens, it sees what
the target alone is sure of (shokri.py) and the norm of its head's gradient.
"""

from __future__ import annotations

import numpy as np

from probe.scores import features, gradnorm, shokri
from probe.scores.base import Method
from probe.scores.fitted import Fitted
from probe.scores.shadowed import Vector
from probe.scores.token_model import TokenModel
from probe.scores.view import View
from probe.types import Unscored

_EXTRA = shokri.NAMES[shokri.NAMES.index("loss_q05") :]
NAMES = (*features.NAMES, *_EXTRA, "gradnorm")


def row(view: View) -> Vector:
    """Returns the features of a text, float64 [NAMES]; the view holds what is learned of tokens."""
    gradient = gradnorm.SCORE.of(view).value
    return np.array([
        *features.row(view), *shokri.row(view)[-len(_EXTRA) :], np.nan if gradient is None else gradient,
    ])  # fmt: skip


def seen_by(view: View, tokens: TokenModel | None) -> View:
    """Returns the text as the attack sees it, with what it learned of tokens in place of a calibration's."""
    return View(view.evidence, Fitted(tokens=tokens))


def feature_attack(view: View) -> float | Unscored:
    attacks = view.shadowed.attacks
    if attacks is None:
        return shokri.UNLEARNED
    return attacks.features(row(seen_by(view, attacks.tokens)))


SCORE = Method("feature_attack", feature_attack, ("logprob", "shadows"), "after Ilić et al. 2026, arXiv:2604.03199")
