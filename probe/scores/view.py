"""Evidence as the formulas read it, and the arithmetic that several of them share."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import numpy as np

from probe.scores.fitted import UNFITTED, Fitted, Vector
from probe.scores.shadowed import Shadowed
from probe.types import Evidence, Score, TokenStats, Unscored

Need = Literal[
    "logprob", "moments", "frequencies", "reference", "reference_moments", "same_tokenizer", "gradient", "generate",
    "shadows",
]  # fmt: skip
Role = Literal["nonmembers", "members"]  # of the texts in a prefix
MINKPP_SHARE = 0.2
_NO_FREQUENCIES = Unscored("no token frequencies of a corpus are at hand: make them with memprobe frequencies FILES")
NOT_ASKED = Unscored("not requested")
_NO_MOMENTS = Unscored("this engine gives no full-vocabulary moments")
_NO_GRADIENT = Unscored(
    "this engine gives no gradients: they take the local one (a hub id or folder) and a plain output head"
)
_NO_COLUMN = {"moments": _NO_MOMENTS, "reference_moments": _NO_MOMENTS, "gradient": _NO_GRADIENT}
_FLAT = 1e-6  # a next-token distribution with one possible token has sigma 0


class View:
    """Evidence as the formulas read it: what several of them need is computed once, what is missing is a reason."""

    def __init__(self, evidence: Evidence, fitted: Fitted = UNFITTED) -> None:
        self.evidence, self.text, self.fitted = evidence, evidence.text, fitted
        self.known: dict[str, Score] = {}  # scores that were computed already
        self._missing: dict[Need, Unscored | None] = {}

    @property
    def target(self) -> TokenStats:
        assert isinstance(self.evidence.target, TokenStats)
        return self.evidence.target

    @property
    def reference(self) -> TokenStats:
        assert isinstance(self.evidence.reference, TokenStats)
        return self.evidence.reference

    def copies(self, name: str) -> list[TokenStats]:
        """Statistics of the copies of this name (copies.py), all of which were scored."""
        return [stats for stats in self.evidence.copies[name] if isinstance(stats, TokenStats)]

    def reference_copies(self, name: str) -> list[TokenStats]:
        """The same under the reference."""
        return [stats for stats in self.evidence.reference_copies[name] if isinstance(stats, TokenStats)]

    @property
    def continuations(self) -> Sequence[str]:
        """What the target wrote behind the first half of the text."""
        assert not isinstance(self.evidence.continuations, Unscored)
        return self.evidence.continuations

    @property
    def shadowed(self) -> Shadowed:
        """What shadow models say of the text."""
        assert not isinstance(self.evidence.shadows, Unscored)
        return self.evidence.shadows

    def behind(self, role: Role) -> TokenStats:
        """Statistics of the text behind the prefix of this role."""
        stats = self.evidence.behind[role]
        assert isinstance(stats, TokenStats)
        return stats

    @cached_property
    def l(self) -> Vector:  # noqa: E743 - the formulas' own letter
        """float64 [tokens], nats, under the target."""
        return self.target.logprob.astype(np.float64)

    @cached_property
    def r(self) -> Vector:
        """The same under the reference."""
        return self.reference.logprob.astype(np.float64)

    @cached_property
    def d(self) -> Vector:
        """l - r."""
        return self.l - self.r

    @property
    def rarity(self) -> Vector:
        """log(1/f), nats, f = the token's share of a corpus (data/frequencies.py)."""
        assert self.evidence.rarity is not None
        return self.evidence.rarity

    @cached_property
    def ascending(self) -> Vector:
        """l from the least likely token to the likeliest."""
        return np.sort(self.l)

    @cached_property
    def compressed(self) -> int:
        return compressed(self.text)

    @cached_property
    def minkpp(self) -> float:
        return minkpp_of(self.target)

    @cached_property
    def unlike(self) -> Unscored | None:
        """Per-token differences exist only where both models read the same ids in the same places."""
        target, reference = self.evidence.target, self.evidence.reference
        if isinstance(target, Unscored):
            return target
        if isinstance(reference, Unscored):
            return reference
        one, other = target.tokens, reference.tokens
        same = self.evidence.same_tokenizer and (one is other or np.array_equal(one.ids, other.ids))
        return None if same else Unscored("the reference has another tokenizer, so per-token differences do not exist")

    def missing(self, need: Need) -> Unscored | None:
        """Returns why this evidence lacks what a formula needs, or None."""
        if need not in self._missing:
            self._missing[need] = self._lacks(need)
        return self._missing[need]

    def _lacks(self, need: Need) -> Unscored | None:
        evidence = self.evidence
        if need == "same_tokenizer":
            return self.unlike
        if need == "frequencies":
            return _NO_FREQUENCIES if evidence.rarity is None else None
        if need == "shadows":
            return evidence.shadows if isinstance(evidence.shadows, Unscored) else None
        if need == "generate":
            return evidence.continuations if isinstance(evidence.continuations, Unscored) else None
        stats = evidence.reference if need in ("reference", "reference_moments") else evidence.target
        if isinstance(stats, Unscored):
            return stats
        missing = (stats.mu is None and "moments" in need) or (stats.gradient is None and need == "gradient")
        return _NO_COLUMN[need] if missing else None

    def lacks(self, copies: str | None, prefixes: Sequence[Role], compared: bool = False) -> Unscored | None:
        """Returns why copies of this name, or the text behind these prefixes, cannot be used, or None."""
        sets = [self.evidence.copies, *([self.evidence.reference_copies] if compared else [])] if copies else []
        made = [stats for group in sets for stats in group.get(copies or "", [NOT_ASKED])]
        behind = [self.evidence.behind.get(role, NOT_ASKED) for role in prefixes]
        return next((stats for stats in (*made, *behind) if isinstance(stats, Unscored)), None)


def compressed(text: str) -> int:
    """Returns the bytes of the UTF-8 text under zlib's level 6, which the peers use; half a surrogate pair is one."""
    return len(zlib.compress(text.encode(errors="replace"), 6))


def mean(values: Vector) -> float:
    """What ndarray.mean gives, in a fourth of its time on short texts."""
    return float(np.add.reduce(values)) / len(values)


def minkpp_of(stats: TokenStats) -> float:
    """Returns Min-K%++ (minkpp.py) of one model's statistics, which must hold moments."""
    assert stats.mu is not None and stats.sigma is not None
    distance = stats.logprob.astype(np.float64) - stats.mu
    return mean(lowest(np.sort(distance / np.maximum(stats.sigma, _FLAT)), MINKPP_SHARE))


def lowest(ascending: Vector, share: float) -> Vector:
    """Returns the k = max(1, floor(share * n)) smallest of sorted values (methods' convention for "lowest K%")."""
    return ascending[: max(1, int(share * len(ascending)))]
