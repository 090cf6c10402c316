"""Scores -> verdicts: the score that a verdict rests on, its place in the calibration, the gates; arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from probe.calibration.blind import bag
from probe.calibration.calibration import Calibration
from probe.calibration.gates import Place, check
from probe.calibration.verdict import decide, uncalibrated
from probe.data.odd import oddities
from probe.scores import TABLE, score_all
from probe.scores.fitted import UNFITTED
from probe.scores.view import View
from probe.types import Default, Evidence, Result, Score, Text, TokenStats, Unscored, Verdict

_PREFERENCE = ("lira", "bavaria_offline", "combined", "ref", "ref_bytes", "minkpp", "loss")
_UNCALIBRATED = "No calibration is named, so no score can be called high. Make one: memprobe calibrate."


def judge(
    index: int, text: Text, evidence: Evidence, calibration: Calibration | None, chosen: frozenset[str], alpha: float
) -> Result:
    """Returns the result of the text with this number, without a q-value."""
    if isinstance(evidence.target, Unscored):
        return Result(index, text.id, None, None, {}, error=f"Cannot score: {evidence.target.reason}.")
    view = View(evidence, calibration.fitted if calibration else UNFITTED)
    scores = score_all(view, chosen)
    default, verdict = _verdict(view, scores, calibration, alpha)
    reference = evidence.reference if isinstance(evidence.reference, TokenStats) else None
    warnings = (
        evidence.target.tokens.warnings + (reference.tokens.warnings if reference else ()) + oddities(text.text.strip())
    )
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
    words = bag(view.text)
    bars = calibration.bars(alpha, words)
    place = Place(length, difficulty, variety_of(view.target), words)
    gates = check(calibration, [bar.claim for bar in bars], view.text, place)
    return Default(name, known.value, calibrated), decide(calibration, bars, calibrated, as_member, gates)


def default_score(view: View) -> str:
    """Returns the score that a verdict rests on: where shadow models are named LiRA, for a text that none of them saw
    BaVarIA offline; else the learned one, ref, bits per byte, Min-K%++ or the loss.
    """
    return next((name for name in _PREFERENCE if TABLE[name].of(view).value is not None), _PREFERENCE[-1])


def difficulty_of(evidence: Evidence) -> float:
    """Returns the reference loss in nats per token, 0 without a reference."""
    return evidence.reference.loss if isinstance(evidence.reference, TokenStats) else 0.0


def variety_of(stats: TokenStats) -> float:
    """Returns the share of distinct tokens among those scored."""
    ids = stats.tokens.ids[1:]
    return len(np.unique(ids)) / len(ids)
