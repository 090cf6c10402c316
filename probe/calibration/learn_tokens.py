"""From labelled tuning texts to a model of single tokens (scores/tokenwise.py).

The usual gain of a token id is its mean over the non-members, drawn towards the mean of all tokens, that of a pair of
tokens drawn towards its second's. The trees learn from gains that are usual in other folds of the non-members, for
members too: a text's own tokens would look more usual than those of any text to come, and what leaves out one text for
non-members only tells the two apart by itself. Every text gets the value of a model that did not see it: what is
learned further on (learn.py) takes those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from probe.calibration.trees import of_histogram_boosting
from probe.errors import CalibrationError
from probe.scores.token_model import Keys, TokenModel, Usual, pairs_of
from probe.scores.tokenwise import NEEDS, features, odds
from probe.scores.trees import Vector
from probe.scores.view import View, mean
from probe.types import Ints

FEWEST = 100  # tuning texts of each kind that have per-token differences
FOLDS = 5
PULL = 5.0  # tokens of the mean gain that each id is given beside its own
PULL_PAIR = 2.0  # tokens of its second's usual gain that each pair is given
_AGREE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class LearnedTokens:
    """members, nonmembers: mean log-odds by models that did not see the text, NaN where it lacks what they take."""

    model: TokenModel
    members: Vector
    nonmembers: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """Sum and number of the gains of each id, [ids], and of each pair of tokens, [keys]."""

    total: Vector
    count: Vector
    keys: Keys
    pair_total: Vector
    pair_count: Vector

    @classmethod
    def of(cls, views: Sequence[View], size: int) -> Gains:
        ids = np.concatenate([view.target.tokens.ids[1:] for view in views])
        gains = np.concatenate([view.d for view in views])
        keys, place = np.unique(
            np.concatenate([pairs_of(view.target.tokens.ids) for view in views]), return_inverse=True
        )
        return cls(_sum(ids, gains, size), _sum(ids, None, size), keys, _sum(place, gains), _sum(place))

    @property
    def usual(self) -> Usual:
        mean = float(self.total.sum() / max(self.count.sum(), 1.0))
        single = np.append((self.total + PULL * mean) / (self.count + PULL), mean)
        alone = single[self.keys & 0xFFFFFFFF]
        return Usual(single, self.keys, (self.pair_total + PULL_PAIR * alone) / (self.pair_count + PULL_PAIR))


def _sum(places: npt.NDArray[np.int64] | Ints, values: Vector | None = None, size: int = 0) -> Vector:
    return np.bincount(places, values, size).astype(np.float64)


def learn_tokens(members: Sequence[View], nonmembers: Sequence[View], seed: int = 0) -> LearnedTokens | None:
    """Returns None where fewer than FEWEST of a kind have what the model takes."""
    sides = [_Side.of(group, seed) for group in (members, nonmembers)]
    if min(len(side.places) for side in sides) < FEWEST:
        return None
    for fold in range(FOLDS):
        model = _fit(sides[0].without(fold), sides[1].without(fold), seed)
        for side in sides:
            for i in side.places[fold::FOLDS]:
                side.values[i] = mean(odds(side.views[i], model))
    whole = _fit(sides[0].without(None), sides[1].without(None), seed)
    return LearnedTokens(whole, sides[0].values, sides[1].values)


def for_another(model: TokenModel, nonmembers: Sequence[View]) -> TokenModel:
    """Returns the model for another target, by whose gains the tuning non-members are seen here. What the first target
    gains as a rule it has of its own training texts: under a placebo, texts with their words would seem to gain less.
    """
    usable = [view for view in nonmembers if _is_usable(view)]
    return replace(model, usual=Gains.of(usable, _size(usable)).usual) if usable else model


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Texts of one kind; places: of those that have what the model takes, shuffled."""

    views: Sequence[View]
    places: npt.NDArray[np.int64]
    values: Vector

    @classmethod
    def of(cls, views: Sequence[View], seed: int) -> _Side:
        usable = [i for i, view in enumerate(views) if _is_usable(view)]
        return cls(views, np.random.default_rng(seed).permutation(usable).astype(np.int64), np.full(len(views), np.nan))

    def without(self, fold: int | None) -> list[View]:
        """Returns the texts of all folds but this one."""
        places = self.places if fold is None else np.delete(self.places, np.s_[fold::FOLDS])
        return [self.views[i] for i in places]


def _is_usable(view: View) -> bool:
    return not any(view.missing(need) for need in NEEDS)


def _size(views: Sequence[View]) -> int:
    return 1 + max(int(view.target.tokens.ids.max()) for view in views)


def _fit(members: Sequence[View], nonmembers: Sequence[View], seed: int) -> TokenModel:
    """Raises CalibrationError where the trees as arrays do not say what scikit-learn's say."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    size = _size([*members, *nonmembers])
    usual = [
        Gains.of([view for number, view in enumerate(nonmembers) if number % FOLDS != fold], size).usual
        for fold in range(FOLDS)
    ]
    rows = [
        features(view, *usual[number % FOLDS](view.target.tokens.ids))
        for group in (members, nonmembers)
        for number, view in enumerate(group)
    ]
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
    return TokenModel(Gains.of(nonmembers, size).usual, trees)
