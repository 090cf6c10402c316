"""A set's verdict: suspect documents are held against controls that the target cannot have seen.

texts -> documents -> scores -> tests -> gates -> one answer (decide.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probe.audit.metrics import Figure
from probe.collections.aggregate import Values, aggregate, choose_score
from probe.collections.compare import Comparison, compare
from probe.collections.decide import (
    DEFAULTS,
    By,
    Options,
    decide,
    e_value_of,
    fewest,
    missing,
    p_value_of,
    sizes_for,
)  # fmt: skip
from probe.collections.documents import Sets, group, sort_out
from probe.collections.gates import check, check_placebo
from probe.collections.inference import Inference, infer
from probe.collections.sample_size import Sizes
from probe.collections.share import share
from probe.errors import InputError
from probe.measure import Progress
from probe.models.base import Engine
from probe.pipeline import Probe
from probe.types import Text, Unscored, Verdict


@dataclass(frozen=True, slots=True)
class Measured:
    """Documents of each side under the target, and of the two that are compared under a placebo."""

    suspect: Values
    controls: Values
    members: Values
    placebo: Values | None = None
    placebo_controls: Values | None = None


@dataclass(frozen=True, slots=True)
class SetResult:
    """What is said of a set. suspect, controls, members: documents that were scored; e_value: of this batch and the
    earlier ones together; missing: documents still needed, suspect and control, None where no number will do; fewest:
    on each side, below which no claim is made.
    """

    verdict: Verdict
    score: str
    by: By
    suspect: int
    controls: int
    members: int
    comparison: Comparison
    inference: Inference | Unscored
    share: Figure | Unscored
    e_value: float | None
    sizes: Sizes
    missing: tuple[int, int] | None
    fewest: int
    findings: dict[str, str]
    notes: tuple[str, ...] = ()


def judge_set(
    probe: Probe, suspect: Sequence[Text], controls: Sequence[Text], members: Sequence[Text] = (),
    options: Options = DEFAULTS, progress: Progress | None = None, placebo: Engine | None = None,
) -> SetResult:  # fmt: skip
    """Measures all texts and returns the verdict on the suspect ones as a set. members: known ones, for the share;
    placebo: a model of the target's kind that saw none of them.

    Raises InputError where fewer than two documents of a side can be scored.
    """
    sets = sort_out(suspect, controls)
    _refuse_copies(sets)
    score = options.score or choose_score(probe, [*sets.controls, *sets.suspect])
    sides = [sets.suspect, sets.controls, group(members)]
    plan = [(side, None) for side in sides] + [(side, placebo) for side in sides[:2] if placebo]
    counts = [sum(len(document.texts) for document in side) for side, _ in plan]
    found = [
        aggregate(probe, side, score, _shifted(progress, sum(counts[:number]), sum(counts)), model)
        for number, (side, model) in enumerate(plan)
    ]
    return weigh(Measured(*found), score, options, sets.notes)


def weigh(measured: Measured, score: str, options: Options, notes: tuple[str, ...] = ()) -> SetResult:
    """Returns the result from measured documents; arithmetic only. Raises InputError for fewer than two of a side."""
    suspect, controls, members = measured.suspect, measured.controls, measured.members
    _refuse_few(measured, notes)
    comparison, inference, p_value = _test(suspect, controls, options)
    gates = check(suspect.documents, controls.documents, options.random_split)
    if measured.placebo is not None and measured.placebo_controls is not None:
        gates["placebo"] = check_placebo(_test(measured.placebo, measured.placebo_controls, options)[2])
    size = sizes_for(comparison, inference, len(suspect), len(controls), options)
    evidence = e_value_of(p_value, inference, options)
    lost = suspect.lost + controls.lost + members.lost
    return SetResult(
        decide(p_value, evidence, gates, size, options), score, options.by, len(suspect), len(controls), len(members),
        comparison, inference, share(suspect.scores, controls.scores, members.scores, options.seed), evidence, size,
        missing(size, len(suspect), len(controls), options), fewest(options),
        {name: why for name, (_, why) in gates.items()},
        notes + tuple(f"{count:,} texts were left out: {reason}" for reason, count in lost.most_common()),
    )  # fmt: skip


def _refuse_copies(sets: Sets) -> None:
    if sets.copies and len(sets.controls) < 2:
        raise InputError(
            f"{sets.copies:,} controls share a run of words with a suspect text and were left out, for they would be "
            f"members wherever that one is; this leaves {len(sets.controls)} control documents, and a set takes two at "
            "least. Name controls that are not among the suspects, nor quote them (memprobe controls picks such).",
            "controls",
        )


def _refuse_few(measured: Measured, notes: Sequence[str]) -> None:
    sides = {
        "suspect": measured.suspect, "control": measured.controls, "suspect (under the placebo)": measured.placebo,
        "control (under the placebo)": measured.placebo_controls,
    }  # fmt: skip
    for who, side in sides.items():
        if side is not None and len(side) < 2:
            why = "".join(f" ({count:,} texts: {reason})" for reason, count in side.lost.most_common(2))
            raise InputError(
                f"{len(side)} {who} documents can be scored{why}; a set takes two at least. A document is what the "
                f"document column names, or a text that names none.{''.join(f' Note: {note}.' for note in notes)}"
            )


def _test(
    suspect: Values, controls: Values, options: Options
) -> tuple[Comparison, Inference | Unscored, float | Unscored]:
    """Returns both tests, and the p-value of the one that a claim rests on."""
    comparison = compare(suspect.scores, controls.scores, options.seed)
    inference = infer(suspect.features, controls.features, seed=options.seed)
    return comparison, inference, p_value_of(comparison, inference, options.by)


def _shifted(progress: Progress | None, done: int, whole: int) -> Progress | None:
    return None if progress is None else lambda now, _: progress(done + now, whole)
