"""How many documents a set takes on each side: n = 2 (z_alpha + z_power)^2 / d^2, one-sided, equal variances.

d is the difference of the means in standard deviations: Hedges' g where the mean is tested. For normal scores
AUC = Phi(d / sqrt 2), so where ranks are tested d = sqrt 2 Phi^-1(AUC). At .01 and power .9, d = .05 (AUC .514) takes
10,414, d = .2 (.556) 651 and d = .5 (.638) 105. Where another test decides, d is what a test of means would show
at its p-value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from probe.audit.metrics import Figure

POWER = 0.9
_NORMAL = NormalDist()
_CERTAIN = 1 - 1e-9  # an AUC of 1 was measured on few documents; d is infinite there


@dataclass(frozen=True, slots=True)
class Sizes:
    """Documents per side for this alpha and power, given the difference measured and the ends of its interval; None
    where it is 0 or less, which no number of documents turns into a finding.
    """

    alpha: float
    power: float
    needed: int | None
    at_best: int | None
    at_worst: int | None


def documents(difference: float, alpha: float, power: float = POWER) -> int:
    """Returns the documents per side for a difference of so many standard deviations."""
    z = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(power)
    return max(2, math.ceil(2 * (z / difference) ** 2))


def difference_of(auc: Figure) -> Figure:
    """Returns d = sqrt 2 Phi^-1(AUC), with its interval."""
    found = [
        math.sqrt(2) * _NORMAL.inv_cdf(min(max(one, 1 - _CERTAIN), _CERTAIN)) for one in (auc.value, auc.low, auc.high)
    ]
    return Figure(*found)


def difference_behind(p_value: float, each: int) -> Figure:
    """Returns the difference at which a test of means of so many documents on each side has this p-value."""
    unit = math.sqrt(2 / each)  # of which a z-score is a multiple
    z = -_NORMAL.inv_cdf(min(max(p_value, 1e-300), _CERTAIN))
    return Figure(unit * z, unit * (z - 1.96), unit * (z + 1.96))


def sizes(difference: Figure, alpha: float, power: float = POWER, level: float | None = None) -> Sizes:
    """Returns the sizes for a difference in standard deviations; level: the p-value for the claim, else alpha."""
    ends = difference.value, difference.high, difference.low
    level = alpha if level is None else level
    return Sizes(alpha, power, *(documents(one, level, power) if one > 0 else None for one in ends))
