"""What one's own training shows of its privacy, in a table and in JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from probe.audit.evaluate import Evaluation, as_values
from probe.audit.one_run import CONFIDENCE, Flags
from probe.audit.privacy import Shown, shown
from probe.errors import InputError

_UNFAIR = 0.01  # p-value


@dataclass(frozen=True)
class Audit:
    """score: the one that the bounds rest on, named before it is computed. promised: epsilon, where one is."""

    score: str
    texts: int
    delta: float
    shown: Shown
    promised: float | None

    @property
    def broken(self) -> bool:
        """True where the training gave away more than it promised."""
        return self.promised is not None and self.shown.one_run > self.promised

    def as_json(self) -> dict[str, Any]:
        shown = {name: value if math.isfinite(value) else None for name, value in asdict(self.shown).items()}
        return {"object": "epsilon", **asdict(self), "shown": shown, "confidence": CONFIDENCE, "broken": self.broken}

    def sentences(self) -> list[str]:
        """Returns what was found, a sentence each."""
        said = [
            f"{self.texts:,} texts, taken or not by a fair coin each, by {self.score}: epsilon is at least "
            f"{self.shown.one_run:.2f} at delta {self.delta:g}, with {CONFIDENCE:.0%} confidence.",
            f"No bounds, for texts of one training are not independent: {self.shown.by_rates:.2f} by rates, "
            f"{self.shown.gaussian:.2f} as of a Gaussian mechanism.",
        ]
        if self.broken:
            said.append(f"That is more than the {self.promised:g} that were promised: the training has a bug.")
        elif self.promised is not None:
            said.append(f"That does not contradict the {self.promised:g} that were promised, and does not prove it.")
        return said


def audit(found: Evaluation, delta: float, score: str | None = None, promised: float | None = None) -> Audit:
    """score: by default the one that a verdict would rest on. Raises InputError where it has no values."""
    name = score or found.default
    if name not in found.compared:
        why = found.absent.get(name, "it was not computed")
        raise InputError(f"The score {name} has no values: {why}. Name another with --score.", "score")
    values = as_values(found.scores[name])
    there = ~np.isnan(values)
    _check_fair(name, there, found.member)
    return Audit(name, int(there.sum()), delta, shown(values, found.member, delta, found.seed), promised)


def _check_fair(name: str, there: Flags, member: Flags) -> None:
    """Raises InputError where the score lacks more texts of one side: what is left was not chosen by fair coins."""
    from scipy.stats import fisher_exact

    counts = [[int((there & side).sum()), int((~there & side).sum())] for side in (member, ~member)]
    if fisher_exact(counts).pvalue < _UNFAIR:
        raise InputError(
            f"{name} is lacking for {counts[0][1]:,} of the texts that were trained on and for {counts[1][1]:,} of the "
            "others, so that what is left was not chosen by fair coins. Name a score that all of them have, or train "
            "the shadows on both files as `texts` of their recipe.", "score",
        )  # fmt: skip
