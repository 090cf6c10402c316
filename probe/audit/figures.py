"""The figures of one score on labelled texts: how well it tells members from non-members; refused where n is small.

The threshold of the balanced accuracy is tuned on one random half of the texts and tested on the other; the advantage
is 2 (balanced accuracy - 1/2) (Yeom et al. 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from probe.audit.metrics import Figure, Vector, auc, balanced_accuracy, best_threshold, tpr_at_fpr
from probe.errors import InputError
from probe.types import Unscored

FPRS = (0.01, 0.001)
FEWEST = 20  # texts of each kind: DeLong's interval is a limit for many, and half of them tune the threshold
Measured = Figure | Unscored
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """members, nonmembers: those that have the score. tpr: by FPR. threshold: of the balanced accuracy."""

    members: int
    nonmembers: int
    auc: Measured
    tpr: Mapping[float, Measured]
    balanced_accuracy: Measured
    advantage: Measured
    threshold: float | None = None


def measure(values: Vector, member: Flags, tuning: Flags, fprs: Sequence[float], confidence: float) -> Figures:
    """values: [texts], NaN where a text has no score; member, tuning: [texts]."""
    there = ~np.isnan(values)
    positive, negative = values[there & member], values[there & ~member]
    tuned = values[there & member & tuning], values[there & ~member & tuning]
    tested = values[there & member & ~tuning], values[there & ~member & ~tuning]
    m, n = len(positive), len(negative)
    few = Unscored(f"takes at least {FEWEST} members and as many non-members; there are {m} and {n}")
    enough = min(m, n) >= FEWEST and all(map(len, (*tuned, *tested)))
    threshold = best_threshold(*tuned) if enough else None
    balanced = few if threshold is None else balanced_accuracy(*tested, threshold, confidence)
    return Figures(
        m, n,
        auc(positive, negative, confidence) if min(m, n) >= FEWEST else few,
        {fpr: tpr(positive, negative, fpr, confidence) for fpr in fprs},
        balanced, advantage(balanced), threshold,
    )  # fmt: skip


def advantage(balanced: Measured) -> Measured:
    if isinstance(balanced, Unscored):
        return balanced
    return Figure(*(2 * (end - 0.5) for end in (balanced.value, balanced.low, balanced.high)))


def short(figure: Measured) -> str:
    """Returns the figure without its interval."""
    return f"{figure.value:.3f}" if isinstance(figure, Figure) else "not measured"


def as_json(figure: Measured) -> dict[str, Any]:
    """Returns a figure with its interval as plain JSON values, or the reason why there is none."""
    if isinstance(figure, Figure):
        return asdict(figure)
    return {"value": None, "low": None, "high": None, "reason": figure.reason}


def halves(member: Flags, seed: int) -> Flags:
    """Returns which texts tune: [texts], a random half of each kind."""
    dice = np.random.default_rng(seed)
    tuning = np.zeros(len(member), bool)
    for kind in (member, ~member):
        places = dice.permutation(np.flatnonzero(kind))
        tuning[places[: len(places) // 2]] = True
    return tuning


def tpr(members: Vector, nonmembers: Vector, fpr: float, confidence: float) -> Measured:
    """Returns the TPR at this FPR, or why there are too few texts for it."""
    try:
        return tpr_at_fpr(members, nonmembers, fpr, confidence)
    except InputError as error:
        return Unscored(str(error).removeprefix(f"TPR at FPR {fpr:g} ").rstrip("."))
