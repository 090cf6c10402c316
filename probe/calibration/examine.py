"""The set-level gates, decided when a calibration is made: blind, placebo, split. Each says what was found.

blind: words alone must not tell known members from known non-members. placebo: a model that saw neither must not tell
them apart by the same score. split: non-members of every source must exceed the others' threshold about as often as
they should; those of a source that do more often get a threshold of their own (strata.py).
Untestable where the texts or the model for it are not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from probe.audit.metrics import Figure, auc
from probe.calibration.blind import FEWEST, Finding, bag_all, blind
from probe.calibration.calibration import Calibration
from probe.calibration.fit import scored, table, views_of
from probe.calibration.known import Groups
from probe.calibration.learn_tokens import for_another
from probe.calibration.strata import FEWEST as FEWEST_OF_SOURCE
from probe.calibration.strata import Labels, excesses, large, stratum
from probe.errors import CalibrationError
from probe.measure import Progress, measure
from probe.models.base import Engine
from probe.pipeline import Probe
from probe.prepare import prepare
from probe.prepared import Options
from probe.scores.fitted import Fitted, Vector
from probe.scores.tokenwise import NEEDS
from probe.types import Evidence, TokenStats

PLACEBO_BAND = 0.43, 0.57
SAME = 1e-3  # nats


def examine(
    probe: Probe, calibration: Calibration, known: Groups, scores: Vector, placebo: Engine | None,
    progress: Progress | None = None,
) -> Calibration:  # fmt: skip
    """Returns the calibration with its gates, findings and strata. Raises CalibrationError for a placebo that is none.

    scores: calibrated, of known.nonmembers [texts].
    """
    labels = [text.source or "" for text in known.nonmembers]
    divided, names = split(labels, scores)
    found = {
        "blind": blind(bag_all([text.text for text in known.members]), calibration.bags, "the known members"),
        "placebo": _placebo(probe, calibration, known, placebo, progress),
        "split": divided,
    }
    return replace(
        calibration,
        gates={name: gate for name, (gate, _) in found.items()},
        findings={name: why for name, (_, why) in found.items()},
        strata=tuple(stratum(name, labels, calibration.bags.each, scores) for name in names),
    )


def _placebo(
    probe: Probe, calibration: Calibration, known: Groups, placebo: Engine | None, progress: Progress | None
) -> Finding:
    if placebo is None:
        return "untestable", "no placebo model is named (--placebo; `placebo` over HTTP)"
    own = [probe.target.identity.model, probe.reference.identity.model if probe.reference else ""]
    if placebo.identity.model in own:
        raise CalibrationError("The placebo is the target or the reference itself; name a third model.")
    if len(known.members) < FEWEST:
        return "untestable", f"{len(known.members)} known members; a placebo takes {FEWEST}"
    setup = replace(probe.setup, target=placebo)
    groups = (known.tuning, known.members, known.nonmembers)
    prepared = [prepare(setup, texts, Options(scores=frozenset())) for texts in groups]
    tuning, *measured = measure(setup, prepared, progress)
    if _says_the_same(measured[1]):
        raise CalibrationError("The placebo gives every token the reference's likelihood; name a third model.")
    if why := _lacks(calibration.fitted, measured[1]):
        return "untestable", f"the placebo does not give what the score is learned from: {why}"
    calibration = replace(calibration, fitted=_under_placebo(calibration.fitted, tuning))
    members, nonmembers = (_calibrated(calibration, group) for group in measured)
    if min(len(members), len(nonmembers)) < FEWEST:
        return "untestable", f"the placebo does not give the score {calibration.score} for {FEWEST} texts of each kind"
    return placebo_gate(auc(members, nonmembers))


def _says_the_same(group: Sequence[Evidence]) -> bool:
    """True for the reference under another name: of a ratio that is 0 by construction nothing can be told."""
    pairs = [
        (one.target.logprob, one.reference.logprob)
        for one in group
        if isinstance(one.target, TokenStats) and isinstance(one.reference, TokenStats) and one.same_tokenizer
    ]
    return bool(pairs) and all(len(a) == len(b) and np.abs(a - b).max() < SAME for a, b in pairs)


def _lacks(fitted: Fitted, group: Sequence[Evidence]) -> str:
    """Returns what a placebo of another kind of engine or tokenizer lacks of what the target gave; "" for nothing."""
    views = views_of(group, fitted) if fitted.tokens else []
    missing = [found for view in views for need in NEEDS if (found := view.missing(need))]
    return missing[0].reason if len(missing) > len(views) / 2 else ""


def _under_placebo(fitted: Fitted, tuning: Sequence[Evidence]) -> Fitted:
    """Returns what the scores take from known texts, as the placebo sees these."""
    if fitted.tokens is None:
        return fitted
    return replace(fitted, tokens=for_another(fitted.tokens, views_of(tuning, fitted)))


def placebo_gate(found: Figure) -> Finding:
    low, high = PLACEBO_BAND
    said = f"a model that saw none of the texts tells them apart with AUC {found:.3f}"
    if low <= found.low and found.high <= high:
        return "pass", said
    if found.low <= 0.5 <= found.high:
        return "untestable", f"{said}, an interval too wide for {low} to {high}; bring more known members"
    return "fail", said


def split(labels: Labels, scores: Vector) -> tuple[Finding, list[str]]:
    """Decides the split gate, and names the sources that get a threshold of their own; both arguments are [texts]."""
    sources = large(labels)
    if len(sources) < 2:
        why = f"fewer than two sources with {FEWEST_OF_SOURCE} known non-members each are named (--source-column)"
        return ("untestable", why), []
    found = excesses(labels, scores)
    said = "; ".join(map(str, found))
    if 2 * sum(excess.texts for excess in found) > len(labels):
        return ("fail", f"known non-members have no threshold in common ({said})"), []
    why = f"non-members of {len(sources)} sources exceed the others' threshold about as often as they should"
    if found:
        why += f", but for those that are held against their own as well ({said})"
    return ("pass", why), [excess.name for excess in found]


def _calibrated(calibration: Calibration, group: Sequence[Evidence]) -> Vector:
    rows = table(group, calibration.score, calibration.fitted)
    return calibration.residual(*rows[scored(rows)].T[:3])
