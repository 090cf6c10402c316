"""Scores -> verdicts: the score that a verdict rests on, its place in the calibration, the gates; arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from probe.calibration.calibration import Calibration
from probe.calibration.conformal import q_values
from probe.calibration.gates import Place, check
from probe.calibration.verdict import decide, uncalibrated
from probe.scores import TABLE, score_all
from probe.scores.view import EZ_SMOOTHING, View
from probe.types import Default, Evidence, Result, Score, Text, TokenStats, Unscored, Verdict

_PREFERENCE = ("ref", "ref_bytes", "minkpp", "loss")
_UNCALIBRATED = "No calibration is named, so no score can be called high. Make one: memprobe calibrate."


def judge(
    index: int, text: Text, evidence: Evidence, calibration: Calibration | None, chosen: frozenset[str], alpha: float
) -> Result:
    """Returns the result of the text with this number, without a q-value."""
    if isinstance(evidence.target, Unscored):
        return Result(index, text.id, None, None, {}, error=f"Cannot score: {evidence.target.reason}.")
    view = View(evidence, calibration.smoothing if calibration else EZ_SMOOTHING)
    scores = score_all(view, chosen)
    default, verdict = _verdict(view, scores, calibration, alpha)
    reference = evidence.reference if isinstance(evidence.reference, TokenStats) else None
    warnings = evidence.target.tokens.warnings + (reference.tokens.warnings if reference else ())
    return Result(
        index, text.id, verdict, default, scores, evidence.target, reference, warnings=tuple(dict.fromkeys(warnings))
    )


def _verdict(
    view: View, scores: Mapping[str, Score], calibration: Calibration | None, alpha: float
) -> tuple[Default | None, Verdict]:
    """Rests on the default score, whether it was asked for or not."""
    name = calibration.score if calibration else default_score(view)
    known = scores[name] if scores[name].value is not None else TABLE[name].of(view)
    if known.value is None:
        return None, uncalibrated(f"The score {name} is missing: {known.reason}.")
    if calibration is None:
        return Default(name, known.value), uncalibrated(_UNCALIBRATED)
    length, difficulty = len(view.target.logprob), difficulty_of(view.evidence)
    calibrated, as_member = calibration.calibrated(known.value, length, difficulty)
    claim = calibration.claim(alpha)
    gates = check(calibration, claim, view.text, Place(length, difficulty, variety_of(view.target)))
    return Default(name, known.value, calibrated), decide(calibration, claim, calibrated, as_member, gates)


def with_q_values(results: Sequence[Result]) -> list[Result]:
    """Returns the results with q-values over all that were tested."""
    found = list(results)
    tested = [i for i, result in enumerate(found) if result.verdict and result.verdict.p_value is not None]
    p_values = [float(v.p_value) for i in tested if (v := found[i].verdict) and v.p_value is not None]
    for i, q_value in zip(tested, q_values(p_values), strict=True):
        found[i] = replace(found[i], q_value=q_value)
    return found


def default_score(view: View) -> str:
    """Returns the score that a verdict rests on: ref, else bits per byte, else Min-K%++, else the loss."""
    return next((name for name in _PREFERENCE if TABLE[name].of(view).value is not None), _PREFERENCE[-1])


def difficulty_of(evidence: Evidence) -> float:
    """Returns the reference loss in nats per token, 0 without a reference."""
    return evidence.reference.loss if isinstance(evidence.reference, TokenStats) else 0.0


def variety_of(stats: TokenStats) -> float:
    """Returns the share of distinct tokens among those scored."""
    ids = stats.tokens.ids[1:]
    return len(np.unique(ids)) / len(ids)
