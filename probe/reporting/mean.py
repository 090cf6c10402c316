"""A mean over a group, with noise that hides any one of its values.

Each value is clipped to a range and rounded to whole steps of it, STEPS to the range. Where one value is replaced by
another, the sum of n values moves by at most STEPS, so discrete Laplace noise of scale STEPS / epsilon makes what is
released epsilon-differentially private under that replacement (Dwork et al. 2006; 2004.00010 for the discrete noise).
n is not hidden.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from probe.errors import InputError
from probe.reporting.noise import Draw, discrete_laplace, radius

STEPS = 1_000_000
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Noised:
    """A mean that may be told. scale: of its noise, range / (n epsilon), in the values' unit. low, high: hold the mean
    of the clipped values in 95% of releases. value may lie outside the clip range: cut off, it would not be unbiased.
    """

    value: float
    scale: float
    low: float
    high: float
    clip: Range
    epsilon: float


def aggregate(
    values: Sequence[float], clip: Range, epsilon: float | Decimal | Fraction, draw: Draw = secrets.randbelow
) -> Noised:
    """Returns the noised mean of the clipped values. draw: where the noise comes from, a secure source by default.

    Raises InputError for no values, one that is no number, an empty range, or an epsilon that is not above 0.
    """
    exact = Fraction(str(epsilon)) if math.isfinite(epsilon) else Fraction(0)
    low, high = check_clip(clip)
    if not values or any(math.isnan(value) for value in values) or exact <= 0:
        raise InputError("A noised mean takes values that are numbers, one at least, and an epsilon above 0.", "values")
    scale, step = STEPS / exact, (high - low) / (STEPS * len(values))
    total = sum(steps(value, clip) for value in values) + discrete_laplace(scale, draw)
    mean, half = low + step * total, step * (radius(scale) + len(values) / 2)  # rounding moves a value by half a step
    return Noised(
        mean, (high - low) / (len(values) * float(exact)), mean - half, mean + half, (low, high), float(exact)
    )


def steps(value: float, clip: Range) -> int:
    """Returns the value as whole steps above the lower end of the range, of [0, STEPS]."""
    low, high = clip
    return round((min(max(value, low), high) - low) / (high - low) * STEPS)


def check_clip(clip: Range) -> Range:
    """Returns the range. Raises InputError for an empty or infinite one."""
    low, high = clip
    if not (low < high and math.isfinite(high - low)):
        raise InputError(f"A clip range needs a lower and a higher end, not {low} and {high}.", "clip")
    return low, high
