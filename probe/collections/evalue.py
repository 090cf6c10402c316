"""e-values: evidence that may be added to later without spoiling the error rate.

e = 1 / (2 sqrt(p)) turns a p-value into an e-value (Vovk and Wang 2021, 1912.06116: the calibrator k p^(k-1), k = 1/2).
e-values from one set of controls depend on each other: they may be averaged. Those of independent batches, other
documents against other controls, may be multiplied. By Ville's inequality the running product reaches 1 / alpha with
probability alpha at most, whenever one stops looking.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def e_value(p_value: float) -> float:
    """Returns 1 / (2 sqrt(p)), at most 1e150 where p has underflowed."""
    return 1 / (2 * math.sqrt(max(p_value, 1e-300)))


def average(dependent: Sequence[float]) -> float:
    """Returns the e-value of several that share controls or documents."""
    return sum(dependent) / len(dependent)


def multiply(independent: Sequence[float]) -> float:
    """Returns the e-value of batches that share neither documents nor controls, at most 1e300."""
    return min(1e300, math.prod(independent))


def enough(alpha: float) -> float:
    """Returns the e-value from which on a claim at this level may be made, whenever one looks."""
    return 1 / alpha
