"""combined = log-odds of membership that a model learned from labelled texts gives to the features of this one.

Learned on texts that neither calibrate nor are tested (calibration/learn.py); Ilić et al. 2026 (2604.03199)
learn over such statistics too. Without such texts there is no value, and verdicts rest on ref.
"""

from __future__ import annotations

from probe.scores.base import Method
from probe.scores.features import row
from probe.scores.view import View
from probe.types import Unscored


def combined(view: View) -> float | Unscored:
    if view.fitted.combination is None:
        return Unscored("no combination is learned: name a calibration with tuning members and non-members")
    return view.fitted.combination(row(view))


SCORE = Method("combined", combined, ("logprob",), "after Ilić et al. 2026, arXiv:2604.03199")
