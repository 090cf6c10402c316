"""Ranks among alternatives, and one p-value of several ranks.

    rank = 1 + #{alternatives that score at least as high},  p = rank / size,  size = alternatives + 1
    exposure = log2 size - log2 rank, in bits (Carlini et al. 2019, 1802.08232)

The planted text was drawn by chance, so where the model did not read it each rank has the same chance, whatever model
and score: P(p <= a) <= a, exactly; ties only raise p. Several are combined by Fisher's statistic, the sum of -ln p. Its
chi-square law is for continuous p-values and gives away nearly all of what few alternatives can show, so each term is
rounded down to a grid, and the sum has its exact distribution under equal chances, by convolution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from probe.types import Unscored

Value = float | Unscored
_FINEST, _COARSEST = 256.0, 8.0  # steps per nat of -ln p
_STEPS = 20_000  # of the whole sum, about
_LEAST = 1e-300  # what is smaller is told as this, never as 0


@dataclass(frozen=True, slots=True)
class Ranked:
    """A canary among its alternatives. value: score of the planted text, nats; lost: alternatives without a score."""

    id: str
    rank: int
    size: int
    value: float
    lost: int = 0

    @property
    def p_value(self) -> float:
        return self.rank / self.size

    @property
    def exposure(self) -> float:
        """Bits."""
        return math.log2(self.size / self.rank)


@dataclass(frozen=True, slots=True)
class Needed:
    """What would let a p-value reach alpha at all: so many canaries more, or so many alternatives to each."""

    canaries: int
    alternatives: int


def rank(name: str, values: Sequence[Value], drawn: int) -> Ranked | Unscored:
    """Ranks the drawn one among those that have a score: which these are does not depend on the draw."""
    own = values[drawn]
    if isinstance(own, Unscored):
        return own
    there = [value for value in values if not isinstance(value, Unscored)]
    if len(there) < 2:
        return Unscored("none of its alternatives can be scored")
    return Ranked(name, sum(value >= own for value in there), len(there), own, len(values) - len(there))


def p_value_of(ranked: Sequence[Ranked]) -> float:
    """Returns the one p-value of several canaries, one or more."""
    return combined([one.rank for one in ranked], [one.size for one in ranked])


def combined(ranks: Sequence[int], sizes: Sequence[int]) -> float:
    """Returns P(sum >= sum observed) where each rank is 1 to its size with equal chances.

    The grid depends on the sizes alone. Sizes are 2 or more.
    """
    steps, tail = _law(tuple(sorted(sizes)))
    observed = sum(int(steps[size][rank - 1]) for rank, size in zip(ranks, sizes, strict=True))
    return min(1.0, max(_LEAST, float(tail[observed])))


def smallest(sizes: Sequence[int]) -> float:
    """Returns the p-value where each comes first among its alternatives, below which there is none."""
    return max(_LEAST, math.exp(-sum(math.log(size) for size in sizes)))


def needed(sizes: Sequence[int], alpha: float) -> Needed | None:
    """Returns what is missing for a p-value of alpha; None where nothing is."""
    short = -math.log(alpha) - sum(math.log(size) for size in sizes)
    if short <= 1e-9:
        return None
    usual = float(np.median(sizes))
    return Needed(math.ceil(short / math.log(usual) - 1e-9), math.ceil(alpha ** (-1 / len(sizes)) - 1e-9) - 1)


@lru_cache(maxsize=8)
def _law(sizes: tuple[int, ...]) -> tuple[dict[int, npt.NDArray[np.int64]], npt.NDArray[np.float64]]:
    """Returns -ln(rank / size) of each rank in whole steps, int64 [size] by size, and P(sum >= s), float64 [s]."""
    fine = min(_FINEST, max(_COARSEST, _STEPS / sum(math.log(size) for size in sizes)))
    steps = {size: np.floor(fine * np.log(size / np.arange(1, size + 1))).astype(np.int64) for size in set(sizes)}
    law = np.ones(1)
    for size in sizes:
        law = np.convolve(law, np.bincount(steps[size]) / size)
    return steps, law[::-1].cumsum()[::-1]
