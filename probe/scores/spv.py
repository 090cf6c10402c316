"""spv = (mean_j L(x~_j) - L(x)) under the target - the same under the reference, over the same neighbours (2311.06062).

Fu et al. 2023 call it the difference of probabilistic variations: what a wording costs any model is taken off. Their
reference is one fine-tuned on text that the target generated. Here it is the reference that is given, so the score is
theirs in full only where that one was made so.
"""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.copies import NEIGHBOURS
from probe.scores.neighbour import NO_WORDS, drop
from probe.scores.view import View
from probe.types import Unscored


def spv(view: View) -> float | Unscored:
    copies = view.copies(NEIGHBOURS.name)
    if not copies:
        return NO_WORDS
    return drop(view.target, copies) - drop(view.reference, view.reference_copies(NEIGHBOURS.name))


SCORE = Method(
    "spv", spv, ("logprob", "same_tokenizer"), "after Fu et al. 2023, arXiv:2311.06062", NEIGHBOURS, compared=True
)
