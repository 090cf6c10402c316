"""zlib = mean l_t / len(zlib(x, level 6)); zlib_rate = sum l_t / len(zlib(x)), which is free of length.

Carlini et al. 2021 (2012.07805), as MIMIR and Min-K%++ compute it. The standard library's zlib only: zlib-ng and isal
compress to other sizes, so the runtime version is part of a result's provenance.
"""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.view import View, mean


def zlib(view: View) -> float:
    return mean(view.l) / view.compressed


def zlib_rate(view: View) -> float:
    return float(view.l.sum()) / view.compressed


SCORE = Method("zlib", zlib, ("logprob",), "Carlini et al. 2021, arXiv:2012.07805")
RATE = Method("zlib_rate", zlib_rate, ("logprob",), "Carlini et al. 2021, arXiv:2012.07805")
