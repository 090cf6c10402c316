"""lowercase = L(lower(x)) / L(x), L = -mean l_t. Carlini et al. 2021 (2012.07805). One more pass, in the same batch."""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.copies import LOWERCASE
from probe.scores.view import View
from probe.types import Unscored


def lowercase(view: View) -> float | Unscored:
    if view.target.loss <= 0:
        return Unscored("the loss is exactly 0, so the ratio has no bound")
    (copy,) = view.copies(LOWERCASE.name)
    return copy.loss / view.target.loss


SCORE = Method("lowercase", lowercase, ("logprob",), "Carlini et al. 2021, arXiv:2012.07805", LOWERCASE)
