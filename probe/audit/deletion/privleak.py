"""PrivLeak = (AUC_after - AUC_retrained) / AUC_retrained, AUC of deleted against unseen texts (MUSE: Shi et al. 2024,
2407.06460); means over models where there are several.

The score is Min-K at 40%, as in MUSE's code, with this project's sign: higher is likelier a member, so that above 0 is
traces and below 0 is over-forgotten (MUSE scores by loss, which turns both round). The interval is the delta method's
on DeLong's placements (1988): the AUCs of all models are of the same texts, so their errors go together, and most of
them cancel. It takes the source as the unit where texts name theirs. No bootstrap, no seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from probe.audit.deletion.by_model import ByModel
from probe.audit.deletion.effect import Units
from probe.audit.figures import FEWEST, Measured, tpr
from probe.audit.metrics import Figure, Vector, auc, placements
from probe.scores.shadowed import Flags
from probe.types import Unscored

FPR = 0.01


@dataclass(frozen=True, slots=True)
class Leak:
    """How well one model tells deleted from unseen texts, by Min-K at 40%."""

    auc: Measured
    tpr: Measured


def leaks(mink: ByModel, deleted: Flags, confidence: float) -> list[Leak]:
    """Returns a Leak per model: before, those after, those retrained."""
    rows = [mink.before, *mink.after, *mink.retrained]
    few = _few(deleted)
    return [
        Leak(few or auc(row[deleted], row[~deleted], confidence), tpr(row[deleted], row[~deleted], FPR, confidence))
        for row in rows
    ]


def privleak(mink: ByModel, deleted: Flags, units: Units, confidence: float) -> Measured:
    if few := _few(deleted):
        return few
    (after, *mine), (retrained, *theirs) = (_means(rows, deleted) for rows in (mink.after, mink.retrained))
    if not retrained:
        return Unscored("cannot be divided by an AUC of 0")
    # of after / retrained - 1: d = d after / retrained - after d retrained / retrained^2
    parts = [one / retrained - after * other / retrained**2 for one, other in zip(mine, theirs, strict=True)]
    variance = sum(_variance(part, units[group]) for part, group in zip(parts, (deleted, ~deleted), strict=True))
    value, spread = after / retrained - 1, NormalDist().inv_cdf((1 + confidence) / 2) * variance**0.5
    return Figure(value, value - spread, value + spread)


def _few(deleted: Flags) -> Unscored | None:
    counts = int(deleted.sum()), int((~deleted).sum())
    if min(counts) >= FEWEST:
        return None
    return Unscored(f"takes at least {FEWEST} deleted and as many unseen texts; there are {counts[0]} and {counts[1]}")


def _means(rows: Sequence[Vector] | Vector, deleted: Flags) -> tuple[float, Vector, Vector]:
    """Returns the models' mean AUC, and the means of their placements, of deleted and of unseen texts."""
    found = [placements(row[deleted], row[~deleted]) for row in rows]
    above, below = (np.mean([pair[number] for pair in found], axis=0) for number in (0, 1))
    return float(above.mean()), above, below


def _variance(influence: Vector, units: Units) -> float:
    """Returns the variance of a mean over texts of which those of one unit go together; influence has the mean 0."""
    sums = np.bincount(np.unique(units, return_inverse=True)[1], influence)
    return float((sums**2).sum()) / len(influence) ** 2 * len(sums) / max(1, len(sums) - 1)
