"""From judged texts to the table: every score's AUC and TPR over seeds, and what the verdicts were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.audit.metrics import auc, false_positive_band, tpr_at_fpr
from probe.demo.evaluate import calibrated, count, values
from probe.errors import InputError
from probe.pipeline import Probe
from probe.types import Call, Result

Vector = npt.NDArray[np.float64]
DEFAULT = "default (calibrated)"
ALPHAS = (0.05, 0.01, 0.001)


@dataclass(frozen=True)
class Judged:
    """Results of one target on test members and non-members."""

    probe: Probe
    members: Sequence[Result]
    nonmembers: Sequence[Result]

    def scores(self, name: str) -> tuple[Vector, Vector]:
        """Values of members and of non-members, in standard deviations of the non-members: seeds can be pooled."""
        read = calibrated if name == DEFAULT else lambda results: values(results, name)
        positive, negative = read(self.members), read(self.nonmembers)
        if not len(negative):
            return positive, negative
        center, scale = negative.mean(), negative.std() or 1.0
        return (positive - center) / scale, (negative - center) / scale

    @property
    def names(self) -> list[str]:
        return [DEFAULT, *(name for name in self.members[0].scores if all(map(len, self.scores(name))))]


def lines(seeds: Sequence[Judged]) -> list[str]:
    """Returns a row per score: AUC and TPR at 1% as mean and range over the seeds, TPR at .1% pooled over them."""
    found = ["| score | AUC | TPR at FPR 1% | TPR at FPR .1%, pooled |", "|---|---|---|---|"]
    for name in seeds[0].names:
        pairs = [judged.scores(name) for judged in seeds]
        pooled = _rate(*(np.concatenate(side) for side in zip(*pairs, strict=True)), 0.001)
        areas, rates = [auc(*pair).value for pair in pairs], [tpr_at_fpr(*pair, 0.01).value for pair in pairs]
        found.append(f"| {name} | {_spread(areas)} | {_spread(rates)} | {pooled} |")
    return found


def _rate(members: Vector, nonmembers: Vector, fpr: float) -> str:
    try:
        return f"{tpr_at_fpr(members, nonmembers, fpr):.3f}"
    except InputError:
        return f"{len(nonmembers)} non-members are too few"


def verdicts(judged: Judged) -> str:
    """Returns what was answered on members and non-members."""
    said = [
        ", ".join(f"{count(results, call) / len(results):.1%} {call}" for call in Call)
        for results in (judged.members, judged.nonmembers)
    ]
    return f"members: {said[0]}; non-members: {said[1]}"


def placebo(judged: Judged) -> list[str]:
    """Returns what a sibling in the target's place gives: simultaneous 99% intervals round .5, and its false alarms."""
    level = 1 - 0.01 / len(judged.names)
    areas = {name: auc(*judged.scores(name), level) for name in judged.names}
    out = [f"{name} {area:.3f}" for name, area in areas.items() if not area.low <= 0.5 <= area.high]
    every = [*judged.members, *judged.nonmembers]
    return [f"AUC of {len(areas)} scores, outside their interval: {'; '.join(out) or 'none'}"] + [
        f"false positives at {alpha:g}: {_alarms(judged.probe, every, alpha)}" for alpha in ALPHAS
    ]


def _alarms(probe: Probe, results: Sequence[Result], alpha: float) -> str:
    assert probe.calibration is not None
    claim = probe.calibration.claim(alpha)
    if not claim.k:
        return f"{claim.nonmembers} non-members allow no claim"
    hits = int((calibrated(results) > probe.calibration.nonmembers[-claim.k]).sum())
    low, high = false_positive_band(len(results), claim.k, claim.nonmembers)
    return f"{hits} of {len(results)}, band {low} to {high}"


def _spread(found: Sequence[float]) -> str:
    return f"{np.mean(found):.4f} ({min(found):.4f} to {max(found):.4f})"
