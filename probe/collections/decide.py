"""From the tests of a set and its gates to one answer, with its reason in plain sentences.

Which test a claim rests on is chosen before: the mean's (compare.py), the rank sum, or dataset inference
(inference.py). A failed gate, or a blind gate that too few documents leave untestable, makes the answer inconclusive.
There is no `not_member`: that a set does not stand out is no proof that nothing of it was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from probe.calibration.blind import Finding
from probe.collections.compare import Comparison
from probe.collections.evalue import e_value, enough, multiply
from probe.collections.gates import grade, least
from probe.collections.inference import FEWEST as SPLIT
from probe.collections.inference import Inference
from probe.collections.sample_size import Sizes, difference_behind, difference_of, sizes
from probe.errors import InputError
from probe.prepared import ALPHA
from probe.scores import choose
from probe.types import Call, Unscored, Verdict

By = Literal["mean", "ranks", "inference"]
_NAMES = {"mean": "the difference of means", "ranks": "the rank sum", "inference": "dataset inference"}


@dataclass(frozen=True, slots=True)
class Options:
    """score: its id, else the calibration's or the default; by: the test that a claim rests on; random_split: suspect
    and controls are random parts of one set; earlier: the e-value of earlier batches, of other documents and controls.
    """

    alpha: float = ALPHA
    score: str | None = None
    by: By = "mean"
    random_split: bool = False
    earlier: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise InputError(f"alpha must lie between 0 and 0.5, not {self.alpha}.", "alpha")
        if self.by not in get_args(By):
            raise InputError(f"No test named {self.by}; there are: {', '.join(get_args(By))}.", "by")
        if self.earlier is not None and not 0 < self.earlier < math.inf:
            raise InputError("The e-value of earlier batches must be a number above 0.", "earlier")
        if self.score is not None:
            choose([self.score])


DEFAULTS = Options()


def decide(
    p_value: float | Unscored, evidence: float | None, gates: dict[str, Finding], size: Sizes, options: Options
) -> Verdict:
    """Returns `member`, members are among them, or `inconclusive`. After earlier batches only the e-value may speak."""
    results = {name: gate for name, (gate, _) in gates.items()}
    plain = Verdict(Call.INCONCLUSIVE, "", gates=results, evidence=grade(results, options.random_split))
    if isinstance(p_value, Unscored):
        return replace(plain, reason=f"No claim: {p_value.reason}.")
    assert evidence is not None
    found = replace(plain, p_value=p_value)
    if blocked := [why for gate, why in gates.values() if gate != "pass"]:
        return replace(found, reason=f"No claim: {'; '.join(blocked)}.")
    alone = options.earlier is None
    figure = f"p = {p_value:.2g} by {_NAMES[options.by]}" if alone else f"e = {evidence:.3g} with the earlier batches"
    if p_value <= options.alpha if alone else evidence >= enough(options.alpha):
        grounds = (
            "they and the controls are random parts of one set, so members are among them"
            if options.random_split
            else "as members among them would; the controls were chosen afterwards and passed the gates"
        )
        said = f"The suspect documents score higher than the controls ({figure}): {grounds}."
        return replace(found, call=Call.MEMBER, reason=said)
    short = f"above {options.alpha:g}" if alone else f"below {enough(options.alpha):g}"
    return replace(found, reason=f"{figure} is {short}. {takes(size)}")


def takes(size: Sizes) -> str:
    """Says how many documents the difference that was measured takes."""
    if size.needed is None:
        best = (
            "" if size.at_best is None else f"; at the upper end of its interval it takes {size.at_best:,} on each side"
        )
        return f"The suspect documents do not score higher than the controls{best}."
    worst = "any number may not do" if size.at_worst is None else f"{size.at_worst:,}"
    return (
        f"A difference as measured here takes {size.needed:,} documents on each side for power {size.power:g} at "
        f"{size.alpha:g} ({size.at_best:,} at the upper end of its interval, {worst} at the lower)."
    )


def p_value_of(comparison: Comparison, inference: Inference | Unscored, by: By) -> float | Unscored:
    """Returns the p-value that a claim rests on."""
    if by == "inference":
        return inference if isinstance(inference, Unscored) else inference.p_value
    return comparison.mean if by == "mean" else comparison.rank_sum


def e_value_of(p_value: float | Unscored, inference: Inference | Unscored, options: Options) -> float | None:
    """Returns the e-value of this batch times that of the earlier ones; dataset inference brings its own."""
    if isinstance(p_value, Unscored):
        return None
    now = e_value(p_value) if options.by != "inference" or isinstance(inference, Unscored) else inference.e_value
    return now if options.earlier is None else multiply([options.earlier, now])


def sizes_for(
    comparison: Comparison, inference: Inference | Unscored, suspect: int, controls: int, options: Options
) -> Sizes:  # fmt: skip
    """Returns the documents that the test takes which the claim rests on, at the level at which it may be made."""
    level = options.alpha / (2 if options.by == "inference" else 1)  # of the median over splits, which counts twice
    if options.earlier is not None:  # e = 1 / (2 sqrt(p)) has to make up what the earlier ones leave
        level = min(0.5, (options.earlier / (2 * enough(options.alpha))) ** 2)
    if options.by == "inference" and not isinstance(inference, Unscored):
        difference = difference_behind(inference.p_value / 2, min(suspect, controls))
        return sizes(difference, options.alpha, level=level)
    difference = difference_of(comparison.auc) if options.by == "ranks" else comparison.effect
    return sizes(difference, options.alpha, level=level)


def fewest(options: Options) -> int:
    """Returns the documents on each side below which no claim is made."""
    return max(least(options.random_split), SPLIT if options.by == "inference" else 0)


def missing(size: Sizes, suspect: int, controls: int, options: Options) -> tuple[int, int] | None:
    """Returns the documents still needed, suspect and control; None where no number will do."""
    if size.needed is None:
        return None
    wanted = max(size.needed, fewest(options))
    return max(0, wanted - suspect), max(0, wanted - controls)
