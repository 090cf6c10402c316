"""A calibration: known texts scored once under a frozen fingerprint. Scores and hashes only, but for the sentinels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from probe.calibration.conformal import CONFIDENCE, smallest_alpha, threshold_rank
from probe.calibration.fingerprint import Fingerprint
from probe.calibration.residual import Residual
from probe.types import Claim, Gate

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sentinel:
    """A text and its raw score, to notice that another machine scores differently."""

    text: str
    value: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """nonmembers, members: calibrated scores, ascending; tokens, difficulty, variety: of the non-members [texts].

    residual frees scores of length and difficulty as non-members have them, member_residual as members have them: a
    short member scores lower than a long one, and would else be called unlike the members for being short.
    basis: "split" where a known random half was trained on, else "post-hoc". shingles: uint32, sorted, of every known
    text. gates: those decided when the calibration was made.
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
    smoothing: float = 1.0
    basis: str = "post-hoc"
    gates: dict[str, Gate] = field(default_factory=dict)
    created: str = ""
    notes: tuple[str, ...] = ()

    def calibrated(self, raw: float, tokens: int, difficulty: float) -> tuple[float, float]:
        """Returns a raw score in standard deviations of the tuning non-members, and of the tuning members."""
        row = (np.array([raw]), np.array([float(tokens)]), np.array([difficulty]))
        return float(self.residual(*row)[0]), float(self.member_residual(*row)[0])

    def claim(self, alpha: float) -> Claim:
        """Returns what "exceeds the threshold" promises at this level."""
        n = len(self.nonmembers)
        k = threshold_rank(n, alpha, CONFIDENCE)
        return Claim(alpha, CONFIDENCE, n, k, len(self.members), smallest_alpha(n, CONFIDENCE))

    @cached_property
    def lengths(self) -> tuple[int, int]:
        """Shortest and longest known non-member, in scored tokens."""
        return int(self.tokens.min()), int(self.tokens.max())

    @cached_property
    def difficulties(self) -> tuple[float, float]:
        """Least and greatest reference loss of the known non-members, nats per token."""
        return float(self.difficulty.min()), float(self.difficulty.max())
