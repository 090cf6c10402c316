"""Dataset inference: valid where nothing was seen, powerful where scores differ, blind to what is merely harder."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from probe.collections.evalue import e_value
from probe.collections.inference import FEWEST, ORIENTED, Inference, infer
from probe.scores.features import NAMES
from probe.types import Unscored

PLACES = [NAMES.index(name) for name in ORIENTED]


def features(dice: np.random.Generator, documents: int, shift: float = 0.0) -> np.ndarray:
    """Correlated features [documents, NAMES]; three of them shifted."""
    rows = dice.normal(size=(documents, len(NAMES))) + dice.normal(size=(documents, 1))
    rows[:, PLACES[:3]] += shift
    rows[:, PLACES[-1]] = np.nan  # one that this evidence does not give
    return np.asarray(rows)


def p_value(found: Inference | Unscored) -> float:
    assert isinstance(found, Inference)
    return found.p_value


def test_valid_under_the_null() -> None:
    dice = np.random.default_rng(0)
    p_values = [p_value(infer(features(dice, 40), features(dice, 60), splits=10, seed=run)) for run in range(200)]
    assert sum(p <= 0.05 for p in p_values) <= binom(200, 0.05).ppf(0.99)
    assert sum(p <= 0.5 for p in p_values) <= binom(200, 0.5).ppf(0.99)


def test_finds_a_shift_and_names_what_showed_it() -> None:
    dice = np.random.default_rng(1)
    found = infer(features(dice, 80, 1.5), features(dice, 80))
    assert isinstance(found, Inference) and found.p_value < 1e-4 and found.e_value > 20
    best = sorted(found.weights, key=lambda name: -found.weights[name])[:3]
    assert set(best) == set(ORIENTED[:3])


def test_lower_scores_are_no_membership() -> None:
    dice = np.random.default_rng(2)
    assert p_value(infer(features(dice, 80, -1.5), features(dice, 80))) > 0.05


def test_the_p_value_is_twice_the_median_over_the_splits_and_the_e_value_the_mean() -> None:
    dice = np.random.default_rng(6)
    sides = features(dice, 60, 0.8), features(dice, 60)
    one, two = (infer(*sides, splits=splits) for splits in (1, 2))  # the first split is the same
    assert isinstance(one, Inference) and isinstance(two, Inference) and max(one.p_value, two.p_value) < 1
    first = one.p_value / 2
    second = two.p_value - first
    assert one.e_value == pytest.approx(e_value(first))
    assert two.e_value == pytest.approx((e_value(first) + e_value(second)) / 2)


def test_one_wild_document_does_not_hide_the_others() -> None:
    dice = np.random.default_rng(5)
    suspect, controls = features(dice, 80, 1.5), features(dice, 80)
    controls[0, PLACES[:-1]] = 1e6
    assert p_value(infer(suspect, controls)) < 1e-4


def test_too_few_documents() -> None:
    rows = features(np.random.default_rng(0), FEWEST)
    few = infer(rows[:-1], rows)
    assert isinstance(few, Unscored) and f"takes {FEWEST}" in few.reason


def test_the_same_seed_says_the_same() -> None:
    dice = np.random.default_rng(3)
    one, other = features(dice, 30), features(dice, 30)
    assert infer(one, other, seed=5) == infer(one, other, seed=5) != infer(one, other, seed=6)
