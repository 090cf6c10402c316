"""From labelled tuning texts to a learned score: logistic regression, boosted trees, or the mean of their log-odds.

Which of the three is decided by cross-fitting: every text is scored by models that did not see it, and the one that
finds most members at few false alarms is kept. Those scores are also what the residual is fitted on, because a model's
scores on its own training texts are better than any text's it will meet.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from probe.calibration.trees import of_boosting
from probe.scores.combination import Combination
from probe.scores.features import NAMES
from probe.scores.trees import Vector

FEWEST = 100  # tuning texts of each kind
FOLDS = 10
ALARMS = 0.05  # false-positive rate up to which the kinds are compared
KINDS = ("both", "logistic", "boosted")
_STRENGTHS = (0.01, 0.1, 1.0)  # inverse regularisation of the logistic model, chosen within each fold


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """members, nonmembers: log-odds of the tuning texts by models that did not see them; power: of each kind."""

    combination: Combination
    members: Vector
    nonmembers: Vector
    power: dict[str, float]


def learn(
    members: Vector, nonmembers: Vector, seed: int = 0, names: tuple[str, ...] = NAMES, folds: int = FOLDS
) -> Learned | None:  # fmt: skip
    """Learns from features [texts, names] with NaN where one is missing; None for fewer than FEWEST of a kind."""
    from sklearn.model_selection import StratifiedKFold

    if min(len(members), len(nonmembers)) < FEWEST:
        return None
    rows = np.concatenate([members, nonmembers])
    labels = np.repeat([1, 0], [len(members), len(nonmembers)])
    unseen = np.empty((len(KINDS), len(rows)))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(rows, labels):
        model = _fit(rows[train], labels[train], seed, names)
        for number, kind in enumerate(KINDS):
            unseen[number, test] = [_of_kind(model, kind)(row) for row in rows[test]]
    power = {kind: _power(unseen[number], labels) for number, kind in enumerate(KINDS)}
    best = max(KINDS, key=lambda kind: power[kind])
    values = unseen[KINDS.index(best)]
    whole = _of_kind(_fit(rows, labels, seed, names), best)
    return Learned(whole, values[labels == 1], values[labels == 0], power)


def _fit(rows: Vector, labels: Vector, seed: int, names: tuple[str, ...]) -> Combination:
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegressionCV

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a feature that no text has
        fill = np.nan_to_num(np.nanmedian(rows, axis=0))
    whole = np.where(np.isnan(rows), fill, rows)
    center, spread = whole.mean(0), whole.std(0)
    scale = np.where(spread > 0, spread, 1.0)
    logistic = LogisticRegressionCV(
        Cs=_STRENGTHS, cv=5, scoring="neg_log_loss", max_iter=2000, l1_ratios=(0.0,), use_legacy_attributes=False
    ).fit((whole - center) / scale, labels)
    boosted = GradientBoostingClassifier(
        n_estimators=150, learning_rate=0.05, max_depth=3, min_samples_leaf=20, subsample=0.5, max_features=0.5,
        random_state=seed,
    ).fit(whole, labels)  # fmt: skip
    return Combination(
        names, "both", fill, center, scale, np.asarray(logistic.coef_[0]), float(logistic.intercept_[0]),
        of_boosting(boosted),
    )  # fmt: skip


def _of_kind(model: Combination, kind: str) -> Combination:
    return replace(model, kind=kind)


def _power(values: Vector, labels: Vector) -> float:
    """Returns the mean share of members found over false-positive rates up to ALARMS."""
    known = np.sort(values[labels == 0])[::-1]
    most = max(1, int(ALARMS * len(known)))
    return float(np.mean([(values[labels == 1] > known[alarms]).mean() for alarms in range(most)]))
