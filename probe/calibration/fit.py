"""From measured tuning texts to what scores take from known texts, and the score that verdicts will rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from probe.calibration.learn import learn
from probe.calibration.learn_tokens import learn_tokens
from probe.errors import CalibrationError
from probe.judge import default_score, difficulty_of, variety_of
from probe.scores import TABLE, camia
from probe.scores.combined import SCORE as COMBINED
from probe.scores.copies import REPEATED
from probe.scores.ez import parts
from probe.scores.features import NAMES, row
from probe.scores.fitted import EZ_SMOOTHING, Fitted, Vector
from probe.scores.tokenwise import SCORE as TOKENWISE
from probe.scores.view import View
from probe.types import Evidence, Score, TokenStats, Unscored

Group = Sequence[Evidence]
FEWEST_CURVES = 50  # tuning non-members, for camia's p-values


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """score: the one to rest on. tuning, tuning_members: raw scores [texts, 4] (see `table`), by models that did not
    see these texts. power: of each kind of learned score, by cross-fitting (learn.py).
    """

    fitted: Fitted
    score: str
    tuning: Vector
    tuning_members: Vector
    power: dict[str, float]


def fit_scores(tuning: Group, tuning_members: Group, rest: Group, seed: int) -> Fit:
    """Returns the fit; rest: calibrating texts, which only vote on the score. Raises CalibrationError."""
    fitted = Fitted(_smoothing(tuning), _curves(tuning))
    tokens = learn_tokens(views_of(tuning_members, fitted), views_of(tuning, fitted), seed)
    fitted = replace(fitted, tokens=tokens.model if tokens else None)
    members, others = views_of(tuning_members, fitted), views_of(tuning, fitted)
    if tokens:
        _know(members, tokens.members)
        _know(others, tokens.nonmembers)
    learned = learn(_rows(members), _rows(others), seed)
    if learned:
        fitted = replace(fitted, combination=learned.combination)
    score = _choose([*tuning, *rest, *tuning_members], fitted)
    tables = [table(group, score, fitted) for group in (tuning, tuning_members)]
    tuned, tuned_members = (rows[scored(rows)] for rows in tables)
    if learned and score == COMBINED.id:
        tuned[:, 0], tuned_members[:, 0] = learned.nonmembers, learned.members
    return Fit(fitted, score, tuned, tuned_members, learned.power if learned else {})


def table(group: Group, score: str, fitted: Fitted) -> Vector:
    """Returns [texts, 4]: raw score, tokens, difficulty, variety; NaN throughout for a text without the score."""
    return np.array([_table_row(entry, score, fitted) for entry in group], dtype=np.float64).reshape(-1, 4)


def scored(rows: Vector) -> npt.NDArray[np.bool_]:
    """Returns which rows of a `table` have the score [texts]."""
    return ~np.isnan(rows[:, 0])


def _table_row(entry: Evidence, score: str, fitted: Fitted) -> tuple[float, ...]:
    if isinstance(entry.target, Unscored) or (value := TABLE[score](entry, fitted).value) is None:
        return (np.nan,) * 4
    return value, len(entry.target.logprob), difficulty_of(entry), variety_of(entry.target)


def views_of(group: Group, fitted: Fitted) -> list[View]:
    """Returns the texts that the target scores."""
    return [View(entry, fitted) for entry in group if isinstance(entry.target, TokenStats)]


def _know(views: Sequence[View], values: Vector) -> None:
    """Notes of texts that taught the token model what models say that did not see them."""
    for view, value in zip(views, values, strict=True):
        if not np.isnan(value):
            view.known[TOKENWISE.id] = Score(float(value))


def _rows(views: Sequence[View]) -> Vector:
    return np.asarray([row(view) for view in views], dtype=np.float64).reshape(-1, len(NAMES))


def _choose(group: Group, fitted: Fitted) -> str:
    """Returns the default score, chosen once for all known texts."""
    good = [entry for entry in group if isinstance(entry.target, TokenStats)]
    if not good:
        raise CalibrationError("None of the known texts can be scored; are they empty?")
    votes = [default_score(View(entry, fitted)) for entry in good[:100]]
    return max(set(votes), key=votes.count)


def _smoothing(tuning: Group) -> float:
    """Returns a tenth of the median P + N over the tuning texts (see scores/ez.py)."""
    sums = [sum(parts(View(entry))) for entry in tuning if TABLE["ez"](entry).value is not None]
    return 0.1 * float(np.median(sums)) if sums and np.median(sums) > 0 else EZ_SMOOTHING


def _curves(tuning: Group) -> Vector | None:
    views = [View(entry) for entry in tuning]
    name = REPEATED.name
    good = [view for view in views if not (view.missing("logprob") or view.lacks(name, ()))]
    if len(good) < FEWEST_CURVES:
        return None
    return np.sort(np.stack([camia.features(view) for view in good]), axis=0)
