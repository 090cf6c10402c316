"""The rank of a true value among fillers, in its context: exposure, and what it takes to extract it.

exposure = log2 |R| - log2 rank, bits, |R| = fillers + 1, rank = 1 + #{fillers at least as likely} (Carlini et al. 2019,
arXiv:1802.08232). Only the value's tokens are scored, behind the text before it; fillers have as many tokens, and the
same tokens before them. What is ranked by a model that learned formats is no proof: the reference's rank stands beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probe.canaries.rank import Ranked as RankedAmong
from probe.canaries.rank import rank as rank_among
from probe.canaries.score import total
from probe.memorization.extraction import samples
from probe.memorization.pii.lineup import Lineup
from probe.models.base import Engine, Extras
from probe.types import Ints, Tokens, TokenStats, Unscored


@dataclass(frozen=True, slots=True)
class Ranked(RankedAmong):
    """id: the kind of the value. greedy: every token of it is the likeliest."""

    greedy: bool = False

    @property
    def log_p(self) -> float:
        """Of the value's tokens, nats."""
        return self.value

    @property
    def most(self) -> float:
        """What so many fillers can show at most."""
        return math.log2(self.size)

    def samples(self, chance: float) -> float:
        return samples(self.log_p, chance)


def rank(engine: Engine, among: Lineup) -> Ranked | Unscored:
    """Returns where the true value stands, or why that cannot be told."""
    found = _scored(engine, among.prefix, among.values)
    if isinstance(found, Unscored):
        return found
    totals, greedy = found
    standing = rank_among(among.kind, totals, 0)
    if isinstance(standing, Unscored):
        return standing
    return Ranked(standing.id, standing.rank, standing.size, standing.value, standing.lost, greedy)


def _scored(engine: Engine, prefix: Ints, values: Sequence[Ints]) -> tuple[list[float], bool] | Unscored:
    """Returns the log-likelihood of each value behind the prefix [values], and whether the first is greedy."""
    texts = [Tokens(np.concatenate([prefix[:1], one]), one, one, has_bos=True) for one in values]
    found = engine.score(texts, Extras(prefix=tuple(prefix.tolist())))
    totals: list[float] = []
    for one in map(total, found):
        if isinstance(one, Unscored):
            return one
        totals.append(one)
    first = found[0]
    return totals, isinstance(first, TokenStats) and bool((first.rank == 0).all())
