"""conrecall = (L(x | P_non) - g L(x | P_mem)) / L(x), g = 0.5, L = -mean l_t (2409.03363).

P_non are known non-members, P_mem known members: these cost a member little.
"""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.view import View
from probe.types import Unscored

WEIGHT = 0.5


def conrecall(view: View) -> float | Unscored:
    if view.target.loss <= 0:
        return Unscored("the loss is exactly 0, so the ratio has no bound")
    return (view.behind("nonmembers").loss - WEIGHT * view.behind("members").loss) / view.target.loss


SCORE = Method(
    "conrecall", conrecall, ("logprob",), "Wang et al. 2024, arXiv:2409.03363", prefixes=("nonmembers", "members")
)
