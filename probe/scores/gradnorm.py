"""gradnorm = -||(1/T) sum_t (p_t - e_{x_t}) h_t^T||_F: how little the text pulls at the output head (2402.17012).

The gradient of the mean loss by the head's weight alone, h_t what the head reads, in evaluation mode. A model that was
trained on a text has little left to change for it. The head runs over the text again; the body does not.
"""

from __future__ import annotations

import math

import numpy as np

from probe.scores.base import Method
from probe.scores.view import View
from probe.types import Unscored


def gradnorm(view: View) -> float | Unscored:
    assert view.target.gradient is not None
    if view.target.windows > 1:
        return Unscored("the text takes several windows, and a gradient is of one: send passages of it")
    squared = float(view.target.gradient.sum(dtype=np.float64))
    return -math.sqrt(max(0.0, squared)) / len(view.target.gradient)


SCORE = Method("gradnorm", gradnorm, ("logprob", "gradient"), "after Wang et al. 2024, arXiv:2402.17012")
