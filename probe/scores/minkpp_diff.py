"""minkpp_diff = minkpp(target) - minkpp(reference): Min-K%++ freed of what any model would find easy."""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.view import View, minkpp_of


def minkpp_diff(view: View) -> float:
    return view.minkpp - minkpp_of(view.reference)


SCORE = Method(
    "minkpp_diff", minkpp_diff, ("logprob", "moments", "same_tokenizer", "reference_moments"), "after arXiv:2404.02936"
)
