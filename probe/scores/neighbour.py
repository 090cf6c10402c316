"""neighbour = mean_j L(x~_j) - L(x), L = -mean l_t, x~_j = the text with one word exchanged (2305.18462).

A model that only finds the text easy finds its neighbours as easy; one that knows its wording does not. The mean over
neighbours, not the extreme one: that is a known slip. A model of the user's choice proposes the words (neighbours.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from probe.scores.base import Method
from probe.scores.copies import NEIGHBOURS
from probe.scores.view import View
from probe.types import TokenStats, Unscored


def neighbour(view: View) -> float | Unscored:
    copies = view.copies(NEIGHBOURS.name)
    return drop(view.target, copies) if copies else NO_WORDS


def drop(text: TokenStats, copies: Sequence[TokenStats]) -> float:
    """Returns how much less likely a token of the neighbours is than one of the text, nats in the mean."""
    return sum(copy.loss for copy in copies) / len(copies) - text.loss


NO_WORDS = Unscored("no word of the text can be exchanged for another")
SCORE = Method("neighbour", neighbour, ("logprob",), "Mattern et al. 2023, arXiv:2305.18462", NEIGHBOURS)
