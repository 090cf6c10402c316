"""What a score is: a pure function of token statistics, with what it needs and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from probe.types import Evidence, Score, TokenStats, Unscored

Need = Literal["logprob", "moments", "lowercase", "reference", "reference_moments", "same_tokenizer"]
Vector = npt.NDArray[np.float64]
EZ_SMOOTHING = 1.0  # nats; a calibration brings its own


@dataclass(frozen=True, slots=True)
class View:
    """Evidence whose needs were checked. l, r: float64 [tokens], nats, under target and reference."""

    text: str
    target: TokenStats
    lowercase: TokenStats | None
    other: TokenStats | None
    smoothing: float = EZ_SMOOTHING

    @property
    def l(self) -> Vector:  # noqa: E743 - the formulas' own letter
        return self.target.logprob.astype(np.float64)

    @property
    def reference(self) -> TokenStats:
        assert self.other is not None
        return self.other

    @property
    def r(self) -> Vector:
        return self.reference.logprob.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the score table. Higher values mean a likelier member."""

    id: str
    function: Callable[[View], float | Unscored]
    needs: tuple[Need, ...]
    paper: str

    def __call__(self, evidence: Evidence, smoothing: float = EZ_SMOOTHING) -> Score:
        """Returns the score, or the reason why this evidence does not give it."""
        for need in self.needs:
            if missing := _missing(evidence, need):
                return Score(reason=missing.reason)
        if isinstance(evidence.target, Unscored):
            return Score(reason=evidence.target.reason)
        value = self.function(
            View(evidence.text, evidence.target, _known(evidence.lowercase), _known(evidence.reference), smoothing)
        )
        if isinstance(value, Unscored):
            return Score(reason=value.reason)
        return Score(value=float(value)) if math.isfinite(value) else Score(reason="the value is not a finite number")


def lowest(values: Vector, share: float) -> Vector:
    """Returns the k = max(1, floor(share * n)) smallest values (methods' convention for "lowest K%")."""
    k = max(1, int(share * len(values)))
    return np.partition(values, k - 1)[:k]


def _known(stats: TokenStats | Unscored) -> TokenStats | None:
    return None if isinstance(stats, Unscored) else stats


def _missing(evidence: Evidence, need: Need) -> Unscored | None:
    stats = (
        evidence.lowercase if need == "lowercase" else evidence.reference if "reference" in need else evidence.target
    )
    if need == "same_tokenizer":
        return _unlike(evidence)
    if isinstance(stats, Unscored):
        return stats
    if "moments" in need and stats.mu is None:
        return Unscored("this engine gives no full-vocabulary moments")
    return None


def _unlike(evidence: Evidence) -> Unscored | None:
    """Per-token differences exist only where both models read the same ids in the same places."""
    target, reference = evidence.target, evidence.reference
    if isinstance(target, Unscored):
        return target
    if isinstance(reference, Unscored):
        return reference
    same = evidence.same_tokenizer and np.array_equal(target.tokens.ids, reference.tokens.ids)
    return None if same else Unscored("the reference has another tokenizer, so per-token differences do not exist")
