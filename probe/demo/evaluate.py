"""The figures of the embedded pair on test texts: power, false positives, and the sibling in the target's place."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from probe.audit.metrics import auc, false_positive_band, rate, tpr_at_fpr
from probe.demo.passages import shorten
from probe.demo.records import LEVELS, planted, strangers
from probe.demo.roles import Length, Roles
from probe.pipeline import Probe
from probe.types import Call, Result

ALPHAS = (0.05, 0.01, 0.001)


def evaluate(target: Probe, records: Probe, sibling: Probe, roles: Roles, length: Length, seed: int) -> dict[str, str]:
    """Returns named figures with their 95% intervals (99% for those that must be chance), ready to print.

    target and records are the target with its two calibrations, sibling is the placebo with its own.
    """
    members, nonmembers = ([passage.text for passage in kind["test"]] for kind in (roles.members, roles.nonmembers))
    dice = random.Random(seed)
    short = [[shorten(text, length, dice) for text in texts] for texts in (members, nonmembers)]
    found = _power("passages", target(members), target(nonmembers))
    found |= _power("10-23 tokens", target(short[0]), target(short[1]))
    positive, negative = sibling(members), sibling(nonmembers)
    found["sibling: AUC of default score (99%)"] = str(auc(calibrated(positive), calibrated(negative), 0.99))
    for alpha in ALPHAS:
        found[f"sibling: false positives at {alpha:g}"] = false_positives(sibling, [*positive, *negative], alpha)
    found |= _records(records, seed)
    return found


def _power(label: str, positive: Sequence[Result], negative: Sequence[Result]) -> dict[str, str]:
    known, others = calibrated(positive), calibrated(negative)
    figures = {
        "AUC of default score": auc(known, others),
        "TPR at FPR 1%": tpr_at_fpr(known, others, 0.01),
        "AUC of loss": auc(values(positive, "loss"), values(negative, "loss")),
        "members called member": rate(count(positive), len(positive)),
        "non-members called member": rate(count(negative), len(negative)),
        "members called not_member": rate(count(positive, Call.NOT_MEMBER), len(positive)),
        "non-members called not_member": rate(count(negative, Call.NOT_MEMBER), len(negative)),
    }
    return {f"{label}: {name}": str(figure) for name, figure in figures.items()}


def _records(probe: Probe, seed: int) -> dict[str, str]:
    """Returns how many planted and never planted records are called member."""
    people = planted(seed)
    found = {}
    for level in LEVELS[1:]:
        results = probe([record.text for record in people if record.times == level])
        found[f"records planted {level} times: called member"] = f"{count(results)} of {len(results)}"
    results = probe([record.text for record in people if not record.times] + strangers(seed)["test"])
    found["records never planted: called member"] = str(rate(count(results), len(results)))
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
