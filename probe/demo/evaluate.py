"""The figures of the embedded pair on test texts: power, false positives, and the sibling in the target's place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from probe.audit.metrics import auc, false_positive_band, rate, tpr_at_fpr
from probe.pipeline import Probe
from probe.types import Call, Result

ALPHAS = (0.05, 0.01, 0.001)


def evaluate(
    target: Probe, sibling: Probe, members: Sequence[str], nonmembers: Sequence[str],
    short_members: Sequence[str], short_nonmembers: Sequence[str],
) -> dict[str, str]:  # fmt: skip
    """Returns named figures with their 95% intervals (99% for those that must be chance), ready to print."""
    found: dict[str, str] = {}
    for label, positive, negative in (
        ("passages", target(members), target(nonmembers)),
        ("10-23 tokens", target(short_members), target(short_nonmembers)),
    ):
        known, others = calibrated(positive), calibrated(negative)
        found[f"{label}: AUC of default score"] = str(auc(known, others))
        found[f"{label}: TPR at FPR 1%"] = str(tpr_at_fpr(known, others, 0.01))
        found[f"{label}: AUC of loss"] = str(auc(values(positive, "loss"), values(negative, "loss")))
        found[f"{label}: members called member"] = str(rate(count(positive), len(positive)))
        found[f"{label}: non-members called member"] = str(rate(count(negative), len(negative)))
        found[f"{label}: members called not_member"] = str(rate(count(positive, Call.NOT_MEMBER), len(positive)))
        found[f"{label}: non-members called not_member"] = str(rate(count(negative, Call.NOT_MEMBER), len(negative)))
    positive, negative = sibling(members), sibling(nonmembers)
    found["sibling: AUC of default score (99%)"] = str(auc(calibrated(positive), calibrated(negative), 0.99))
    for alpha in ALPHAS:
        found[f"sibling: false positives at {alpha:g}"] = false_positives(sibling, [*positive, *negative], alpha)
    return found


def false_positives(probe: Probe, results: Sequence[Result], alpha: float) -> str:
    """Returns the count of texts over the threshold beside its 95% band, for texts that are all non-members."""
    assert probe.calibration is not None
    claim = probe.calibration.claim(alpha)
    if not claim.k:
        return f"not claimable with {claim.nonmembers} non-members"
    threshold = probe.calibration.nonmembers[-claim.k]
    hits = int((calibrated(results) > threshold).sum())
    low, high = false_positive_band(len(results), claim.k, claim.nonmembers)
    return f"{hits} of {len(results)}, band {low} to {high}"


def calibrated(results: Sequence[Result]) -> npt.NDArray[np.float64]:
    """Returns the calibrated default scores [texts]."""
    return np.array([r.score.calibrated for r in results if r.score and r.score.calibrated is not None])


def values(results: Sequence[Result], name: str) -> npt.NDArray[np.float64]:
    return np.array([value for r in results if r.scores and (value := r.scores[name].value) is not None])


def count(results: Sequence[Result], call: Call = Call.MEMBER) -> int:
    return sum(bool(r.verdict and r.verdict.call is call) for r in results)
