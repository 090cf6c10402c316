"""dcpdd = mean over first occurrences of min(p_t log(1/f_t), 0.01), p_t = exp l_t (Zhang et al., EMNLP 2024).

f_t = (n + 1) / (N + V): how often the token occurs in a corpus, smoothed and normalised. With raw counts in its place,
as in a public version, the logarithm turns the method round. A token counts where it first occurs in the text.
"""

from __future__ import annotations

import numpy as np

from probe.scores.base import Method
from probe.scores.view import View

CEILING = 0.01


def dcpdd(view: View) -> float:
    _, first = np.unique(view.target.tokens.ids[1:], return_index=True)
    return float(np.minimum(np.exp(view.l[first]) * view.rarity[first], CEILING).mean())


SCORE = Method("dcpdd", dcpdd, ("logprob", "frequencies"), "Zhang et al. 2024, arXiv:2409.14781")
