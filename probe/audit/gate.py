"""Bars that a figure must not exceed, for CI: `[SCORE/]METRIC:BAR`, of auc, tpr@fpr=X, balanced_accuracy, advantage.

An audit fails where the measured figure is above the bar, not only where its whole interval is: a model that leaks must
not be let out because too few texts were brought to be sure of it. Without a SCORE the highest of all scores counts,
which errs to the same side. A bar that cannot be tested, for want of texts, is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probe.audit.evaluate import CALIBRATED, Evaluation
from probe.audit.figures import FPRS, Figures, Measured
from probe.audit.metrics import Figure
from probe.errors import InputError
from probe.types import Unscored

EXIT_CODE = 3
_NUMBER = r"\d*\.?\d+(?:e-?\d+)?"
_BAR = re.compile(
    rf"(?:(?P<score>[a-z][a-z0-9_]*)/)?(?P<metric>auc|balanced_accuracy|advantage|tpr@fpr=(?P<fpr>{_NUMBER})):(?P<bar>{_NUMBER})"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """The most that a metric may be. fpr: of a TPR; score: None for the highest of all."""

    metric: str
    bar: float
    score: str | None = None
    fpr: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a bar is kept, and why in a sentence."""

    kept: bool
    reason: str


def parse(text: str) -> Bar:
    """Reads `tpr@fpr=0.01:0.05`, or `ref/auc:0.6` for one score. Raises InputError."""
    found = _BAR.fullmatch(text.strip())
    if not found:
        raise InputError(
            f"{text} is no bar: write [SCORE/]METRIC:BAR with the METRIC auc, tpr@fpr=X, balanced_accuracy or "
            "advantage, such as tpr@fpr=0.01:0.05 or ref/auc:0.6.", "fail_above",
        )  # fmt: skip
    fpr, bar = float(found["fpr"]) if found["fpr"] else None, float(found["bar"])
    if not bar < 1 or (fpr is not None and not 0 < fpr < 1):
        raise InputError(f"{text}: a bar and an FPR lie between 0 and 1.", "fail_above")
    return Bar(found["metric"].partition("@")[0], bar, found["score"], fpr)


def check_names(bars: Iterable[Bar], scores: Iterable[str]) -> None:
    """Raises InputError where a bar names a score that is not computed."""
    known = {*scores, CALIBRATED}
    for bar in bars:
        if bar.score and bar.score not in known:
            raise InputError(f"A bar names {bar.score}, which is not computed: name it in --scores too.", "fail_above")


def rates(bars: Iterable[Bar]) -> tuple[float, ...]:
    """Returns the FPRs that are measured as a rule, and those that bars ask for."""
    return tuple(dict.fromkeys([*FPRS, *(bar.fpr for bar in bars if bar.fpr is not None)]))


def judge(bars: Sequence[Bar], found: Evaluation) -> list[Outcome]:
    """Returns one outcome per bar."""
    return [_judge(bar, found) for bar in bars]


def _judge(bar: Bar, found: Evaluation) -> Outcome:
    label = bar.metric if bar.fpr is None else f"TPR at FPR {bar.fpr:g}"
    figures = {name: _figure(bar, row) for name, row in found.figures.items()}
    name = bar.score or found.highest(figures)
    figure = figures.get(name) if name else next(iter(figures.values()), None)
    if name is None or not isinstance(figure, Figure):
        why = figure.reason if isinstance(figure, Unscored) else "there is no such score"
        return Outcome(False, f"{bar.score or 'any score'}: {label} cannot be held to {bar.bar:g}: {why}")
    kept = figure.value <= bar.bar
    sure = "" if kept or figure.low > bar.bar else ", though its interval reaches below"
    which = "" if bar.score else " (the highest of all scores)"
    return Outcome(kept, f"{name}: {label} {figure}{which} is {'within' if kept else 'above'} {bar.bar:g}{sure}")


def _figure(bar: Bar, figures: Figures) -> Measured:
    if bar.fpr is not None:
        return figures.tpr.get(bar.fpr, Unscored("it was not measured at this FPR"))
    return {
        "auc": figures.auc, "balanced_accuracy": figures.balanced_accuracy, "advantage": figures.advantage
    }[bar.metric]  # fmt: skip
