"""All deleted texts together: how much more the model after makes of them than retrained ones, and is that nothing?

effect = mean over deleted texts of (phi_after - mean phi_retrained) - the same over unseen texts, nats per token. The
unit is the text, or the source where texts name theirs: its value is the mean of its texts'. Interval and two-sided
test are Welch's (1947). They are conditional on the models at hand: deleted and unseen texts are drawn, models are
not.

Equivalence is Schuirmann's two one-sided tests (1987): at alpha, effect < margin and effect > -margin. The margin is
in nats, or a share of the effect that the texts had before the deletion. That is measured on the same texts, so a
share is tested as the contrasts after - share * before < 0 and after + share * before > 0 (Sasabuchi 1988; Hauschke et
al. 1999), which hold their level whatever the error of the effect before; both fail where that is not above 0.

Figures for planning use the normal law. The least effect that is found with this power: (z_(1-alpha/2) + z_power) se.
Texts to show that nothing is left, if nothing is, with this power: as many times more as se (z_(1-alpha) +
z_((1+power)/2)) / margin, squared; these are enough to find an effect as large as the margin too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from probe.audit.deletion.margin import Margin
from probe.audit.metrics import Figure, Vector
from probe.scores.shadowed import Flags

POWER = 0.8
FEWEST = 10  # units of a group: Student's t needs means that are about normal
_LEAST = 1e-9  # nats; where nothing varies
_NORMAL = NormalDist()
Units = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference of two means, its standard error, nats, and Welch's degrees of freedom."""

    value: float
    se: float
    freedom: float

    def above(self, least: float = 0.0) -> float:
        """Returns the p-value of the claim that it is above this."""
        from scipy.special import stdtr

        return float(stdtr(self.freedom, -(self.value - least) / self.se))

    def below(self, most: float = 0.0) -> float:
        """Returns the p-value of the claim that it is below this."""
        return Contrast(-self.value, self.se, self.freedom).above(-most)

    @property
    def p(self) -> float:
        """Two-sided."""
        return 2 * min(self.above(), self.below())

    def interval(self, confidence: float) -> Figure:
        from scipy.special import stdtrit

        spread = float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.se
        return Figure(self.value, self.value - spread, self.value + spread)


@dataclass(frozen=True, slots=True)
class Equivalence:
    """p: the larger one of both one-sided tests. nats: the margin, None where it is a share of no effect above 0.
    needed: deleted and unseen units that would show it, None where no number would.
    """

    p: float
    nats: float | None
    needed: tuple[int, int] | None


def contrast(values: Vector, deleted: Flags, units: Units) -> Contrast:
    """values: [texts]; at least two units of a group."""
    one, other = (_means(values[side], units[side]) for side in (deleted, ~deleted))
    a, b = max(one.var(ddof=1) / len(one), _LEAST**2), max(other.var(ddof=1) / len(other), _LEAST**2)
    freedom = (a + b) ** 2 / (a**2 / (len(one) - 1) + b**2 / (len(other) - 1))
    return Contrast(float(one.mean() - other.mean()), math.sqrt(a + b), float(freedom))


def equivalence(
    after: Vector, before: Vector, margin: Margin, deleted: Flags, units: Units, alpha: float
) -> Equivalence:
    """after, before: what the models make of texts beyond the retrained ones, [texts]."""
    if margin.nats is None:
        upper, lower = (contrast(after + sign * margin.share * before, deleted, units) for sign in (-1, 1))
        found = contrast(before, deleted, units).value
        p, nats = max(upper.below(), lower.above()), margin.share * found if found > 0 else None
    else:
        upper = lower = contrast(after, deleted, units)
        p, nats = max(upper.below(margin.nats), lower.above(-margin.nats)), margin.nats
    counts = [len(np.unique(units[side])) for side in (deleted, ~deleted)]
    needed = _needed(max(upper.se, lower.se) / nats, counts, alpha) if nats else None
    return Equivalence(p, nats, needed)


def detectable(found: Contrast, alpha: float) -> float:
    """Returns the least effect that such texts show with POWER, nats."""
    return found.se * (_NORMAL.inv_cdf(1 - alpha / 2) + _NORMAL.inv_cdf(POWER))


def _needed(ratio: float, counts: list[int], alpha: float) -> tuple[int, int]:
    times = (ratio * (_NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf((1 + POWER) / 2))) ** 2
    deleted, unseen = (max(FEWEST, math.ceil(times * count)) for count in counts)
    return deleted, unseen


def _means(values: Vector, units: Units) -> Vector:
    _, place, sizes = np.unique(units, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(place, values) / sizes)
