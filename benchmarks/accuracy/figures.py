"""From judged texts to the table: every score's AUC and TPR over seeds, and what the verdicts were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.judge import Judged, Vector
from probe.audit.metrics import Figure, auc, tpr_at_fpr
from probe.errors import InputError
from probe.scores.combined import SCORE
from probe.types import Call


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


def rows(seeds: Sequence[Judged]) -> list[Row]:
    found = []
    for name in seeds[0].scores:
        pairs = [judged.scores[name] for judged in seeds]
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


def bars(typical: Sequence[Row], mildest: Sequence[Row], seeds: Sequence[Judged]) -> list[str]:
    """Returns what is asked for, what was found, and whether it holds; seeds: of the typical target."""
    default, mild = typical[0], mildest[0]
    low = default.pooled.low if default.pooled else 0.0
    rates = {row.name: row.pooled.value for row in mildest if row.pooled}
    best = max((name for name in rates if name not in (mild.name, SCORE.id)), key=lambda name: rates[name], default="")
    return [
        f"- AUC of the default score >= .99: {_held(np.mean(default.auc), 0.99)}",
        f"- its TPR at FPR 1% >= .90: {_held(np.mean(default.tpr), 0.9)}",
        f"- the lower bound of its pooled TPR at FPR .1% >= .45: {_held(low, 0.45)}",
        f"- members called member at alpha .01 >= .70, at every seed: {_held(min(map(_found, seeds)), 0.7)}",
        f"- at the mildest setting above the best single score, {best}: "
        + _held(rates.get(mild.name, 0.0), rates.get(best, 1.0)),
    ]


def _found(judged: Judged) -> float:
    return judged.calls[0][Call.MEMBER] / judged.calls[0].total()


def _held(found: float, asked: float) -> str:
    return f"{found:.4f}, {'holds' if found >= asked else 'missed'}"


def verdicts(judged: Judged) -> str:
    """Returns what was answered on members and non-members."""
    said = [", ".join(f"{calls[call] / calls.total():.1%} {call}" for call in Call) for calls in judged.calls]
    return "; ".join([f"members: {said[0]}", f"non-members: {said[1]}", *judged.failed])


def placebo(judged: Judged) -> list[str]:
    """Returns what a sibling in the target's place gives: simultaneous 99% intervals round .5, and its false alarms."""
    level = 1 - 0.01 / len(judged.scores)
    areas = {name: auc(*pair, level) for name, pair in judged.scores.items()}
    out = [f"{name} {area:.3f}" for name, area in areas.items() if not area.low <= 0.5 <= area.high]
    return [f"AUC of {len(areas)} scores, outside their interval: {'; '.join(out) or 'none'}"] + [
        f"false positives at {alpha:g}: {found}" for alpha, found in judged.alarms.items()
    ]


def _spread(found: Sequence[float]) -> str:
    return f"{np.mean(found):.4f} ({min(found):.4f} to {max(found):.4f})"
