"""From labelled tuning texts to a model of single tokens (scores/tokenwise.py).

The usual gain of a token id is its mean over the non-members, drawn towards the mean of all tokens; for a text that it
is learned from, the text's own tokens are left out, or they would look more usual than those of any text to come. Every
text gets the value of a model that did not see it: what is learned further on (learn.py) takes those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.calibration.trees import of_histogram_boosting
from probe.errors import CalibrationError
from probe.scores.token_model import TokenModel
from probe.scores.tokenwise import NEEDS, features
from probe.scores.trees import Vector
from probe.scores.view import View

FEWEST = 100  # tuning texts of each kind that have per-token differences
FOLDS = 5
PULL = 5.0  # tokens of the mean gain that each id is given beside its own
_AGREE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LearnedTokens:
    """members, nonmembers: mean log-odds by models that did not see the text, NaN where it lacks what they take."""

    model: TokenModel
    members: Vector
    nonmembers: Vector


@dataclass(frozen=True, slots=True, eq=False)
class _Gains:
    """Sum and number of the gains of each id, [ids]."""

    total: Vector
    count: Vector

    @classmethod
    def of(cls, views: Sequence[View], size: int) -> _Gains:
        ids = np.concatenate([view.target.tokens.ids[1:] for view in views])
        gains = np.concatenate([view.d for view in views])
        return cls(
            np.bincount(ids, gains, size).astype(np.float64), np.bincount(ids, minlength=size).astype(np.float64)
        )

    def usual(self, without: View | None = None) -> Vector:
        """Returns the usual gain of each id, and last that of one never met, [ids + 1]."""
        total, count = self.total, self.count
        if without is not None:
            own = _Gains.of([without], len(total))
            total, count = total - own.total, count - own.count
        mean = float(total.sum() / max(count.sum(), 1.0))
        return np.append((total + PULL * mean) / (count + PULL), mean)


def learn_tokens(members: Sequence[View], nonmembers: Sequence[View], seed: int = 0) -> LearnedTokens | None:
    """Returns None where fewer than FEWEST of a kind have what the model takes."""
    sides = [_Side.of(group, seed) for group in (members, nonmembers)]
    if min(len(side.places) for side in sides) < FEWEST:
        return None
    for fold in range(FOLDS):
        model = _fit(sides[0].without(fold), sides[1].without(fold), seed)
        for side in sides:
            for i in side.places[fold::FOLDS]:
                side.values[i] = _value(model, side.views[i])
    whole = _fit(sides[0].without(None), sides[1].without(None), seed)
    return LearnedTokens(whole, sides[0].values, sides[1].values)


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Texts of one kind; places: of those that have what the model takes, shuffled."""

    views: Sequence[View]
    places: npt.NDArray[np.int64]
    values: Vector

    @classmethod
    def of(cls, views: Sequence[View], seed: int) -> _Side:
        usable = [i for i, view in enumerate(views) if not any(view.missing(need) for need in NEEDS)]
        return cls(views, np.random.default_rng(seed).permutation(usable).astype(np.int64), np.full(len(views), np.nan))

    def without(self, fold: int | None) -> list[View]:
        """Returns the texts of all folds but this one."""
        places = self.places if fold is None else np.delete(self.places, np.s_[fold::FOLDS])
        return [self.views[i] for i in places]


def _value(model: TokenModel, view: View) -> float:
    return float(model.trees(features(view, model.usual_of(view.target.tokens.ids))).mean())


def _fit(members: Sequence[View], nonmembers: Sequence[View], seed: int) -> TokenModel:
    """Raises CalibrationError where the trees as arrays do not say what scikit-learn's say."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    size = 1 + max(int(view.target.tokens.ids.max()) for view in (*members, *nonmembers))
    gains = _Gains.of(nonmembers, size)
    usual = gains.usual()
    rows = [features(view, usual[view.target.tokens.ids]) for view in members]
    rows += [features(view, gains.usual(view)[view.target.tokens.ids]) for view in nonmembers]
    labels = np.repeat([1, 0], [sum(len(view.l) for view in group) for group in (members, nonmembers)])
    table = np.concatenate(rows)
    boosted = HistGradientBoostingClassifier(
        max_iter=100, learning_rate=0.06, max_depth=4, max_leaf_nodes=16, min_samples_leaf=40, l2_regularization=1.0,
        early_stopping=False, random_state=seed,
    ).fit(table, labels)  # fmt: skip
    trees = of_histogram_boosting(boosted)
    if np.abs(trees(table[:500]) - boosted.decision_function(table[:500])).max() > _AGREE:
        raise CalibrationError(
            "This scikit-learn keeps its trees in another form, so nothing can be learned of tokens; install "
            "scikit-learn 1.8."
        )
    return TokenModel(usual, trees)
