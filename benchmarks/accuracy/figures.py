"""What is asked of the default score and whether it holds, what was answered, and what a sibling gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.accuracy.judge import Judged
from benchmarks.figures import Row, outside
from probe.scores.combined import SCORE
from probe.types import Call


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
    out = outside(judged.scores)
    return [f"AUC of {len(judged.scores)} scores, outside their interval: {'; '.join(out) or 'none'}"] + [
        f"false positives at {alpha:g}: {found}" for alpha, found in judged.alarms.items()
    ]
