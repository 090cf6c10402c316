"""pac = mean over copies of PD(copy) - PD(x), PD = mean of the highest 5% of l_t - mean of the lowest 30% (2405.11930).

Polarised distance: the likeliest and the least likely tokens of a member lie close together, those of its copies, in
which random words are swapped, further apart.
"""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method
from probe.scores.copies import SWAPPED_WORDS
from probe.scores.fitted import Vector
from probe.scores.view import View, lowest, mean
from probe.types import Unscored

HIGHEST, LOWEST = 0.05, 0.3


def pac(view: View) -> float | Unscored:
    copies = view.copies(SWAPPED_WORDS.name)
    if not copies:
        return Unscored("the text has no two different words to swap")
    distances = [distance(np.sort(copy.logprob.astype(np.float64))) for copy in copies]
    return sum(distances) / len(distances) - distance(view.ascending)


def distance(ascending: Vector) -> float:
    """Returns the polarised distance of log-probabilities in ascending order, nats."""
    return mean(ascending[-max(1, int(HIGHEST * len(ascending))) :]) - mean(lowest(ascending, LOWEST))


SCORE = Method("pac", pac, ("logprob",), "Ye et al. 2024, arXiv:2405.11930", SWAPPED_WORDS)
