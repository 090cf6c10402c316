"""The learned score: stored trees say what scikit-learn's say, every text is scored by models that did not see it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

from probe.calibration.learn import FEWEST, KINDS, Learned, learn
from probe.calibration.trees import of_boosting, of_histogram_boosting
from probe.scores.combination import Vector
from probe.scores.features import NAMES


def rows(count: int, shift: float, seed: int) -> Vector:
    """Features of which the first two bring half the evidence each, and some are missing."""
    found = np.random.default_rng(seed).normal(size=(count, len(NAMES)))
    found[:, :2] += shift
    found[::7, 3] = np.nan
    found[:, 5] = np.nan  # that no text has
    return found


def test_trees_are_scikit_learns() -> None:
    data, labels = rows(400, 0.0, 0)[:, :3], np.arange(400) % 2
    data[labels == 1, 0] += 1
    fresh = rows(50, 0.0, 1)[:, :3]
    plain = GradientBoostingClassifier(n_estimators=20, max_depth=3, random_state=0).fit(data, labels)
    assert of_boosting(plain)(fresh) == pytest.approx(plain.decision_function(fresh), abs=1e-9)
    binned = HistGradientBoostingClassifier(max_iter=20, max_leaf_nodes=7, random_state=0).fit(data, labels)
    assert of_histogram_boosting(binned)(fresh) == pytest.approx(binned.decision_function(fresh), abs=1e-9)


@pytest.fixture(scope="module")
def learned() -> Learned:
    found = learn(rows(300, 1.0, 0), rows(400, 0.0, 1), seed=0)
    assert found is not None
    return found


def test_it_tells_what_one_feature_tells_less_well(learned: Learned) -> None:
    members, others = rows(500, 1.0, 2), rows(500, 0.0, 3)
    values = [np.array([learned.combination(row) for row in group]) for group in (members, others)]
    found = (values[0][:, None] > values[1]).mean()
    best = (members[:, :1] > others[:, 0]).mean()
    assert found > best + 0.05
    assert all(np.isfinite(group).all() for group in values)


def test_its_own_texts_are_scored_like_strangers(learned: Learned) -> None:
    """The mean of its out-of-fold log-odds lies where that of fresh texts lies, not where a fit to them would."""
    assert len(learned.members) == 300 and len(learned.nonmembers) == 400
    fresh = np.mean([learned.combination(row) for row in rows(1000, 1.0, 4)])
    own = np.mean([learned.combination(row) for row in rows(300, 1.0, 0)])
    assert abs(learned.members.mean() - fresh) < 0.25 < own - fresh or learned.combination.kind == "logistic"


def test_the_kind_that_finds_most_members_is_kept(learned: Learned) -> None:
    assert set(learned.power) == set(KINDS)
    assert learned.power[learned.combination.kind] == max(learned.power.values())


def test_labels_without_meaning_find_nothing() -> None:
    found = learn(rows(200, 0.0, 5), rows(200, 0.0, 6), seed=0)
    assert found is not None
    auc = (found.members[:, None] > found.nonmembers).mean()
    assert abs(auc - 0.5) < 0.12


def test_the_same_seed_learns_the_same() -> None:
    one, other = (learn(rows(120, 1.0, 0), rows(120, 0.0, 1), seed=3) for _ in range(2))
    assert one is not None and other is not None
    assert list(one.members) == list(other.members) and list(one.combination.weights) == list(other.combination.weights)


def test_too_few_labelled_texts_teach_nothing() -> None:
    assert learn(rows(FEWEST - 1, 1.0, 0), rows(200, 0.0, 1)) is None
