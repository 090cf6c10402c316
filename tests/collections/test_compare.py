"""The tests of a difference, their null and their known answers; sizes and e-values."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from probe.audit.metrics import Figure
from probe.collections.compare import compare, hedges, permutation, rank_sum, welch
from probe.collections.evalue import average, e_value, enough, multiply
from probe.collections.sample_size import difference_of, documents, sizes
from probe.errors import InputError

HIGH, LOW = np.array([3.1, 2.9, 4.2, 5.0, 3.3]), np.array([1.0, 2.5, 3.0, 2.2])
values = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=3, max_size=12).map(np.array)


@given(values, values)
def test_welch_is_scipy_s(one: np.ndarray, other: np.ndarray) -> None:
    if min(one.var(), other.var()) < 1e-6:  # scipy warns
        assert 0 <= welch(one, other) <= 1
        return
    expected = stats.ttest_ind(one, other, equal_var=False, alternative="greater").pvalue
    assert welch(one, other) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_known_answers() -> None:
    assert rank_sum(HIGH, LOW) == pytest.approx(2 / 126)  # of 9 choose 5 orders, this and the one better
    permuted = permutation(HIGH, LOW)
    sums = np.array([sum(chosen) for chosen in combinations([*HIGH, *LOW], 5)])
    assert permuted == pytest.approx((sums >= HIGH.sum() - 1e-9).mean(), abs=0.002)
    pooled = math.sqrt((4 * HIGH.var(ddof=1) + 3 * LOW.var(ddof=1)) / 7)
    g = (1 - 3 / 27) * (HIGH.mean() - LOW.mean()) / pooled
    assert hedges(HIGH, LOW).value == pytest.approx(g)
    assert hedges(HIGH, LOW).high - g == pytest.approx(1.959964 * math.sqrt(9 / 20 + g**2 / 18), rel=1e-6)


def test_what_does_not_vary_shows_nothing() -> None:
    same = np.ones(5)
    found = compare(same, same)
    assert (found.welch, found.permutation, found.rank_sum, found.effect.value) == (1, 1, 1, 0)
    assert compare(same + 1, same).mean == 1  # a constant score is no score
    with pytest.raises(InputError, match="at least two"):
        compare(same, same[:1])


def test_the_mean_keeps_its_level_where_welch_alone_does_not() -> None:
    dice = np.random.default_rng(0)
    pairs = [(np.exp(dice.normal(size=200)), np.exp(dice.normal(size=10))) for _ in range(200)]
    most = stats.binom(200, 0.05).ppf(0.999)
    assert sum(welch(*pair) <= 0.05 for pair in pairs) > most
    assert sum(permutation(*pair, seed=number) <= 0.05 for number, pair in enumerate(pairs)) <= most


def test_e_values() -> None:
    assert e_value(0.01) == 5 and e_value(1) == 0.5 and math.isfinite(e_value(0))
    assert average([5, 1]) == 3 and multiply([5, 20]) == 100 == enough(0.01)
    assert math.isfinite(multiply([1e200, 1e200]))
    grid = (np.arange(1_000_000) + 0.5) / 1_000_000
    assert np.mean(1 / (2 * np.sqrt(grid))) == pytest.approx(1, abs=1e-3)  # no more than 1 expected where p is uniform


@pytest.mark.parametrize(("difference", "auc", "needed"), [(0.05, 0.514, 10414), (0.2, 0.556, 651), (0.5, 0.638, 105)])
def test_the_published_sizes(difference: float, auc: float, needed: int) -> None:
    assert documents(difference, 0.01, 0.9) == needed
    assert stats.norm.cdf(difference / math.sqrt(2)) == pytest.approx(auc, abs=5e-4)
    assert difference_of(Figure(auc, 0.5, 1.0)).value == pytest.approx(difference, rel=0.01)
    assert math.isfinite(difference_of(Figure(auc, 0.0, 1.0)).high)


def test_the_size_gives_the_power() -> None:
    n, runs, dice = documents(0.5, 0.01, 0.9), 2000, np.random.default_rng(0)
    found = sum(welch(dice.normal(0.5, size=n), dice.normal(size=n)) <= 0.01 for _ in range(runs))
    assert stats.binom(runs, 0.9).ppf(0.001) <= found <= stats.binom(runs, 0.9).ppf(0.999)


def test_no_number_of_documents_where_there_is_no_difference() -> None:
    found = sizes(Figure(-0.1, -0.3, 0.1), 0.01)
    assert found.needed is None and found.at_worst is None and found.at_best == documents(0.1, 0.01)
