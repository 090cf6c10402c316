"""Scores of members and non-members over seeds -> a table: AUC, TPR at FPR 1%, and TPR at .1% pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from probe.audit.metrics import Figure, Vector, auc, tpr_at_fpr
from probe.errors import InputError

Scores = Mapping[str, tuple[Vector, Vector]]  # by name, of members and of non-members


@dataclass(frozen=True)
class Row:
    """A score over the seeds: AUC and TPR at FPR 1% by seed, TPR at .1% pooled, None where non-members are too few."""

    name: str
    auc: list[float]
    tpr: list[float]
    pooled: Figure | None

    def as_json(self) -> dict[str, object]:
        pooled = None if self.pooled is None else [self.pooled.value, self.pooled.low, self.pooled.high]
        return {"score": self.name, "auc": self.auc, "tpr_at_1%": self.tpr, "tpr_at_0.1%_pooled": pooled}


def rows(seeds: Sequence[Scores]) -> list[Row]:
    found = []
    for name in seeds[0]:
        pairs = [scores[name] for scores in seeds]
        areas, rates = [auc(*pair).value for pair in pairs], [tpr_at_fpr(*pair, 0.01).value for pair in pairs]
        found.append(Row(name, areas, rates, _rate(*(np.concatenate(side) for side in zip(*pairs, strict=True)))))
    return found


def _rate(members: Vector, nonmembers: Vector) -> Figure | None:
    try:
        return tpr_at_fpr(members, nonmembers, 0.001)
    except InputError:
        return None


def lines(table: Sequence[Row]) -> list[str]:
    """Returns a row per score: AUC and TPR at 1% as mean and range over the seeds, TPR at .1% pooled over them."""
    found = ["| score | AUC | TPR at FPR 1% | TPR at FPR .1%, pooled |", "|---|---|---|---|"]
    for row in table:
        pooled = "too few non-members" if row.pooled is None else f"{row.pooled:.3f}"
        found.append(f"| {row.name} | {_spread(row.auc)} | {_spread(row.tpr)} | {pooled} |")
    return found


def outside(scores: Scores, confidence: float = 0.99) -> list[str]:
    """Returns the scores whose AUC is not within simultaneous intervals of .5."""
    areas = {name: auc(*pair, 1 - (1 - confidence) / len(scores)) for name, pair in scores.items()}
    return [f"{name} {area:.3f}" for name, area in areas.items() if not area.low <= 0.5 <= area.high]


def _spread(found: Sequence[float]) -> str:
    return f"{np.mean(found):.4f} ({min(found):.4f} to {max(found):.4f})"
