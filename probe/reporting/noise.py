"""The discrete Laplace distribution on the integers, drawn exactly.

P(Z = z) = (1 - a) / (1 + a) a^|z|, a = e^(-1/scale). Algorithms 1 and 2 of Canonne, Kamath and Steinke (2004.00010):
whole numbers from a secure source, and no floating point, whose low-order bits would give away what the noise was added
to (Mironov 2012).
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from fractions import Fraction

Draw = Callable[[int], int]  # n -> a whole number of [0, n), each as likely


def discrete_laplace(scale: Fraction, draw: Draw = secrets.randbelow) -> int:
    """Returns one draw; its standard deviation is about sqrt(2) scale."""
    top, bottom = scale.numerator, scale.denominator
    while True:
        rest = draw(top)
        if not _happens(Fraction(rest, top), draw):
            continue
        whole = 0
        while _happens(Fraction(1), draw):
            whole += 1
        size, negative = (rest + top * whole) // bottom, draw(2)
        if size or not negative:  # else 0 would be drawn twice as often
            return -size if negative else size


def probability(value: int, scale: Fraction) -> float:
    """Returns P(Z = value)."""
    return math.tanh(1 / (2 * float(scale))) * math.exp(-abs(value) / float(scale))


def radius(scale: Fraction, level: float = 0.95) -> int:
    """Returns the least r with P(|Z| <= r) >= level; P(|Z| > r) = 2 a^(r + 1) / (1 + a)."""
    beyond = (1 - level) * (1 + math.exp(-1 / float(scale))) / 2
    return max(0, math.ceil(-float(scale) * math.log(beyond)) - 1)


def _happens(gamma: Fraction, draw: Draw) -> bool:
    """True with probability e^-gamma, for gamma of [0, 1]: the first k that fails at odds gamma/k is odd so often."""
    k = 1
    while draw(gamma.denominator * k) < gamma.numerator:
        k += 1
    return k % 2 == 1
