"""recall = L(x | P) / L(x), L = -mean l_t, P = known non-members (2406.15968).

A text of P or like it costs a member more than a stranger: it takes the model away from what it knows. Texts of the
prefix never stand among those that are scored.
"""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.view import View
from probe.types import Unscored


def recall(view: View) -> float | Unscored:
    if view.target.loss <= 0:
        return Unscored("the loss is exactly 0, so the ratio has no bound")
    return view.behind("nonmembers").loss / view.target.loss


SCORE = Method("recall", recall, ("logprob",), "Xie et al. 2024, arXiv:2406.15968", prefixes=("nonmembers",))
