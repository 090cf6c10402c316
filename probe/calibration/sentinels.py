"""Known texts that are scored again where versions, engine or device differ from those of a calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probe.calibration.calibration import Calibration, Sentinel, Vector
from probe.errors import FingerprintMismatch
from probe.judge import difficulty_of
from probe.scores import TABLE
from probe.types import Evidence, Unscored

TOLERANCE = 0.01  # standard deviations of the known non-members: far below what they know of a p-value themselves


def check_sentinels(calibration: Calibration, measured: Sequence[Evidence]) -> None:
    """Compares calibrated scores, as verdicts do: a raw one may be of any unit, and one that trees give moves by a leaf
    where a rounding puts a token on the other side of a threshold. Raises FingerprintMismatch.
    """
    spread = _spread(calibration.nonmembers)
    for sentinel, evidence in zip(calibration.sentinels, measured, strict=True):
        gap = _gap(calibration, sentinel, evidence)
        if not gap <= TOLERANCE * spread:
            raise FingerprintMismatch(
                f"This machine scores calibration {calibration.name}'s sentinel texts differently, by {gap:.3g} where "
                f"{TOLERANCE * spread:.3g} may be rounding, {TOLERANCE:g} standard deviations of its non-members. "
                f"Calibrate again here, or use its versions: {calibration.fingerprint.versions}."
            )


def _spread(scores: Vector) -> float:
    """Returns the standard deviation as the middle two thirds have it: a few that stand out do not widen it."""
    low, high = np.quantile(scores, (0.1587, 0.8413))
    return float(high - low) / 2


def _gap(calibration: Calibration, sentinel: Sentinel, evidence: Evidence) -> float:
    """Returns how far a calibrated score is from what it was, infinity where there is none any more. Older calibrations
    do not hold how difficult a sentinel was.
    """
    target, score = evidence.target, TABLE[calibration.score]
    if isinstance(target, Unscored) or (value := score(evidence, calibration.fitted).value) is None:
        return float("inf")
    difficulty = difficulty_of(evidence)
    before = difficulty if sentinel.difficulty is None else sentinel.difficulty
    pairs = ((value, difficulty), (sentinel.value, before))
    now, then = (calibration.calibrated(raw, len(target.logprob), hard)[0] for raw, hard in pairs)
    return abs(now - then)
