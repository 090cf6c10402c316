"""ref = mean d_t = log(PPL_reference / PPL_target), d_t = l_t - r_t. Carlini et al. 2021 (2012.07805), 2510.05582.

ref_bytes is the same for models of different tokenizers: bits per UTF-8 byte under the reference minus those under the
target, each over the bytes that the model scored.
"""

from __future__ import annotations

import math

from probe.scores.base import Method
from probe.scores.view import View, mean
from probe.types import TokenStats, Unscored


def ref(view: View) -> float:
    return mean(view.d)


def ref_bytes(view: View) -> float | Unscored:
    target, reference = (bits_per_byte(view.text, stats) for stats in (view.target, view.reference))
    if target is None or reference is None:
        return Unscored("no byte of the text is scored")
    return reference - target


def bits_per_byte(text: str, stats: TokenStats) -> float | None:
    """Returns -sum l_t / (bytes scored * log 2), or None where no byte is scored."""
    span = int(stats.tokens.end[-1] - stats.tokens.start[0])
    size = len(text[len(text) - span :].encode()) if span else 0
    return -float(stats.logprob.sum()) / (size * math.log(2)) if size else None


SCORE = Method("ref", ref, ("logprob", "same_tokenizer"), "Carlini et al. 2021, arXiv:2012.07805")
BYTES = Method("ref_bytes", ref_bytes, ("logprob", "reference"), "Carlini et al. 2021, arXiv:2012.07805")
