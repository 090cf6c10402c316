"""The rank of a true value among fillers, in its context: exposure, and what it takes to extract it.

exposure = log2 |R| - log2 rank, bits, |R| = fillers + 1, rank = 1 + #{fillers at least as likely} (Carlini et al. 2019,
arXiv:1802.08232). Only the value's tokens are scored, behind the text before it; fillers have as many tokens, and the
same tokens before them. What is ranked by a model that learned formats is no proof: the reference's rank stands beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from probe.canaries.rank import Ranked as RankedAmong
from probe.canaries.rank import rank as rank_among
from probe.canaries.score import total
from probe.memorization.extraction import samples
from probe.memorization.pii.fillers import fillers
from probe.memorization.pii.spans import Span
from probe.models.base import Engine, Extras
from probe.types import Ints, Tokens, TokenStats, Unscored

COUNT = 10_000  # fillers, at least where the format has so many
FEWEST = 100
_ROUNDS = 40  # of drawing as many: those of another number of tokens are of no use
_BEFORE = 400  # characters of context


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


def rank(engine: Engine, text: str, span: Span, count: int = COUNT, seed: int = 0) -> Ranked | Unscored:
    """Returns where the true value stands, or why that cannot be told."""
    value, before = text[span.start : span.end], _context(text, span.start)
    placed = _place(engine, before, value)
    if isinstance(placed, Unscored):
        return placed
    alike = _alike(engine, before, value, span.kind, placed, count, seed)
    if len(alike) < FEWEST:
        return Unscored(f"{len(alike)} values of its format have as many tokens; a rank takes {FEWEST}")
    found = _scored(engine, placed.prefix, [placed.ids, *alike])
    if isinstance(found, Unscored):
        return found
    totals, greedy = found
    standing = rank_among(span.kind, totals, 0)
    if isinstance(standing, Unscored):
        return standing
    return Ranked(standing.id, standing.rank, standing.size, standing.value, standing.lost, greedy)


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """prefix: ids of what stands before the value, BOS included; ids: of the value."""

    prefix: Ints
    ids: Ints


def _context(text: str, start: int) -> str:
    """Returns what stands before, from the beginning of a word."""
    if start <= _BEFORE:
        return text[:start]
    cut = text[start - _BEFORE : start]
    return cut[cut.find(" ") + 1 :]


def _place(engine: Engine, before: str, value: str) -> _Placed | Unscored:
    (found,) = engine.tokenize([before + value])
    if isinstance(found, Unscored):
        return found
    lost = len(found.ids) - len(found.start)
    begin = lost + int(np.searchsorted(found.end, len(before), side="right"))  # the first token that reaches into it
    if begin == 0:
        return Unscored("nothing stands before it")
    if 2 * begin > engine.context:
        return Unscored("the text before it is longer than half of the model's context")
    return _Placed(found.ids[:begin], found.ids[begin:])


def _alike(
    engine: Engine, before: str, value: str, kind: str, placed: _Placed, count: int, seed: int
) -> list[Ints]:  # fmt: skip
    """Returns the ids of fillers, each once, that have as many tokens as the value, behind the same ones."""
    drawn, seen, found = fillers(value, kind, seed), {value}, list[Ints]()
    size, begin = len(placed.prefix) + len(placed.ids), len(placed.prefix)
    for _ in range(_ROUNDS):
        fresh = [one for one in dict.fromkeys(islice(drawn, count)) if one not in seen]
        seen.update(fresh)
        entries = engine.tokenize([before + one for one in fresh])
        alike = [one.ids for one in entries if isinstance(one, Tokens) and len(one.ids) == size]
        found += [ids[begin:] for ids in alike if np.array_equal(ids[:begin], placed.prefix)]
        if len(found) >= count or len(fresh) < count / 10:  # enough, or the format has no more
            break
    return found[:count]


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
