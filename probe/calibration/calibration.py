"""A calibration: known texts scored once under a frozen fingerprint. Scores and hashes only, but for the sentinels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from probe.calibration.blind import NO_BAGS, Bag, Bags, commonness, familiarities
from probe.calibration.conformal import CONFIDENCE, needed, smallest_alpha, threshold_rank
from probe.calibration.fingerprint import Fingerprint
from probe.calibration.residual import Residual
from probe.calibration.strata import Stratum
from probe.scores.fitted import UNFITTED, Fitted
from probe.types import Claim, Gate

Vector = npt.NDArray[np.float64]

LIKE = 1.5  # lengths are alike up to this ratio
OUTSIDE = 0.02  # share of the known non-members that are left outside of what the others support, for each property


@dataclass(frozen=True, slots=True)
class Sentinel:
    """A text, its raw score and its difficulty, to notice that another machine scores differently."""

    text: str
    value: float
    difficulty: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Bar:
    """scores: ascending, of the known non-members that a text is held against; claim: what exceeding them promises."""

    scores: Vector
    claim: Claim


@dataclass(frozen=True, eq=False)
class Calibration:
    """nonmembers, members: calibrated scores, ascending; tokens, difficulty, variety: of the non-members [texts].

    residual frees scores of length and difficulty as non-members have them, member_residual as members have them: a
    short member scores lower than a long one, and would else be called unlike the members for being short.
    basis: "split" where a known random half was trained on, else "post-hoc". shingles: uint32, sorted, of every known
    text. bags: of the words of each non-member. strata: kinds of them that have a threshold of their own. found: scores
    of the members calibrated as non-members are, ascending: how many exceed a threshold. fitted: what the score takes
    from the tuning texts. gates: those decided when the calibration was made, findings: what decided them, in a
    sentence.
    """

    name: str
    score: str
    fingerprint: Fingerprint
    residual: Residual
    member_residual: Residual
    nonmembers: Vector
    members: Vector
    tokens: Vector
    difficulty: Vector
    variety: Vector
    shingles: npt.NDArray[np.uint32]
    sentinels: tuple[Sentinel, ...] = ()
    fitted: Fitted = UNFITTED
    bags: Bags = NO_BAGS
    strata: tuple[Stratum, ...] = ()
    found: Vector = field(default_factory=lambda: np.zeros(0))
    basis: str = "post-hoc"
    gates: dict[str, Gate] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    created: str = ""
    notes: tuple[str, ...] = ()

    def calibrated(self, raw: float, tokens: int, difficulty: float) -> tuple[float, float]:
        """Returns a raw score in standard deviations of the tuning non-members, and of the tuning members."""
        row = (np.array([raw]), np.array([float(tokens)]), np.array([difficulty]))
        return float(self.residual(*row)[0]), float(self.member_residual(*row)[0])

    def claim(self, alpha: float) -> Claim:
        """Returns what "exceeds the threshold" promises at this level."""
        return self._bar(self.nonmembers, alpha).claim

    def bars(self, alpha: float, words: Bag) -> list[Bar]:
        """Returns what a text of these words must exceed: all non-members, and those of each kind that it is of."""
        kinds = [stratum for stratum in self.strata if stratum.holds(words)]
        return [self._bar(self.nonmembers, alpha), *(self._bar(kind.scores, alpha, kind.name) for kind in kinds)]

    def _bar(self, scores: Vector, alpha: float, kind: str = "") -> Bar:
        n = len(scores)
        k = threshold_rank(n, alpha, CONFIDENCE)
        return Bar(scores, Claim(alpha, CONFIDENCE, n, k, len(self.members), smallest_alpha(n, CONFIDENCE), kind))

    @property
    def power(self) -> str:
        """What it can claim, and what more would take, in a sentence or two."""
        n, smallest = len(self.nonmembers), self.claim(0.01).smallest_alpha
        said = f"With {n:,} known non-members the smallest FPR that can be claimed is {smallest:.2%}"
        more = [f"{alpha:.1%} takes {needed(alpha):,}" for alpha in (0.01, 0.001) if smallest > alpha]
        return said + (f"; {' and '.join(more)}." if more else ".")

    @cached_property
    def lengths(self) -> tuple[int, int]:
        """Shortest and longest known non-member, in scored tokens."""
        return int(self.tokens.min()), int(self.tokens.max())

    def of_like_length(self, tokens: int) -> int:
        """Returns how many known non-members are at most half as long again, or as short."""
        begin = np.searchsorted(self._lengths, tokens / LIKE, side="left")
        return int(np.searchsorted(self._lengths, tokens * LIKE, side="right") - begin)

    @cached_property
    def _lengths(self) -> Vector:
        return np.sort(self.tokens)

    @cached_property
    def commonness(self) -> Vector:
        """Log share of the non-members that have a word (blind.py)."""
        return commonness(self.bags)

    @cached_property
    def familiarity(self) -> float:
        """Mean commonness of its words that a text has to have; minus infinity where no words are kept."""
        return _least(familiarities(self.bags), OUTSIDE) if len(self.bags) > 1 else -math.inf

    @cached_property
    def difficulties(self) -> tuple[float, float]:
        """Least and greatest reference loss that a text may have, nats per token."""
        return _least(self.difficulty, OUTSIDE / 2), -_least(-self.difficulty, OUTSIDE / 2)

    @cached_property
    def least_variety(self) -> float:
        return _least(self.variety, OUTSIDE / 2)


def _least(values: Vector, share: float) -> float:
    """Returns the value that at most this share of the values is below; of few, the least."""
    return float(np.quantile(values, share, method="lower"))
