"""p-values, the rank that a claim allows, and q-values, against the figures that they must give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control

from probe.calibration.conformal import (
    CONFIDENCE,
    at_least,
    at_most,
    needed,
    p_value,
    q_values,
    smallest_alpha,
    threshold_rank,
)

tied = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=40)  # few values, so that ties abound
alphas = st.floats(1e-4, 0.4)


@pytest.mark.parametrize(("score", "p"), [(0, 1.0), (1, 1.0), (2, 0.8), (2.5, 0.4), (3, 0.4), (3.1, 0.2), (99, 0.2)])
def test_p_value(score: float, p: float) -> None:
    assert p_value(np.array([1.0, 2.0, 2.0, 3.0]), score) == pytest.approx(p)


def test_no_p_value_of_a_thousandth_with_998_nonmembers() -> None:
    assert p_value(np.zeros(998), 1.0) > 0.001
    assert p_value(np.zeros(999), 1.0) == pytest.approx(0.001)


@given(known=tied, score=st.integers(-1, 6).map(float))
def test_counts_include_ties(known: list[float], score: float) -> None:
    ascending = np.sort(known)
    assert at_least(ascending, score) == sum(value >= score for value in known)
    assert at_most(ascending, score) == sum(value <= score for value in known)


@given(values=tied)
def test_p_values_of_exchangeable_texts_are_valid_even_with_ties(values: list[float]) -> None:
    """Each value in turn is the test text and the others are known: at most a share a of them may have p <= a."""
    p = np.array([p_value(np.sort(np.delete(values, place)), values[place]) for place in range(len(values))])
    for rank in range(1, len(values) + 1):
        assert (p <= rank / len(values) + 1e-12).sum() <= rank


@pytest.mark.parametrize(
    ("alpha", "n", "k"),
    [
        (0.001, 2_994, 0), (0.001, 2_995, 1), (0.001, 10_000, 5),
        (0.01, 298, 0), (0.01, 299, 1), (0.01, 1_000, 5), (0.01, 3_000, 21), (0.01, 5_000, 39),
        (0.01, 0, 0), (0.01, 1, 0), (0.4, 6, 1),
    ],
)  # fmt: skip
def test_threshold_rank(alpha: float, n: int, k: int) -> None:
    assert threshold_rank(n, alpha) == k


@given(n=st.integers(1, 20_000), alpha=alphas, confidence=st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_threshold_rank_is_the_largest_that_keeps_the_promise(n: int, alpha: float, confidence: float) -> None:
    """FPR > alpha at rank k exactly where fewer than k of n draws fall in the null's upper alpha: a binomial tail."""
    k = threshold_rank(n, alpha, confidence)
    assert binom.cdf(k - 1, n, alpha) <= 1 - confidence + 1e-9
    assert binom.cdf(k, n, alpha) > 1 - confidence - 1e-9


def test_the_plain_rule_breaks_its_promise_in_42_percent_of_draws() -> None:
    known = np.arange(3000.0)
    plain = sum(p_value(known, score) <= 0.001 for score in known) + 1  # exceeds where fewer than so many are as high
    assert plain == 3
    assert binom.cdf(plain - 1, len(known), 0.001) == pytest.approx(0.42, abs=0.005)
    assert threshold_rank(len(known), 0.001) == 1


@pytest.mark.parametrize(("alpha", "n"), [(0.001, 2995), (0.01, 299), (0.05, 59), (0.1, 29)])
def test_needed(alpha: float, n: int) -> None:
    assert needed(alpha) == n
    assert smallest_alpha(n) <= alpha < smallest_alpha(n - 1)


@given(alpha=alphas)
def test_needed_is_the_first_n_with_a_rank(alpha: float) -> None:
    assert threshold_rank(needed(alpha), alpha) >= 1
    assert threshold_rank(needed(alpha) - 1, alpha) == 0


@given(n=st.integers(1, 20_000))
def test_the_smallest_alpha_is_where_rank_one_begins(n: int) -> None:
    alpha = smallest_alpha(n)
    assert threshold_rank(n, alpha * (1 + 1e-6)) == 1
    assert threshold_rank(n, alpha * (1 - 1e-6)) == 0


def test_without_nonmembers_nothing_can_be_claimed() -> None:
    assert smallest_alpha(0) == 1.0
    assert CONFIDENCE == 0.95


@pytest.mark.parametrize(
    ("p", "q"),
    [
        ([], []),
        ([0.2], [0.2]),
        ([0.01, 0.04, 0.03, 0.005], [0.02, 0.04, 0.04, 0.02]),
        ([0.02, 0.03, 0.5, 0.021, 0.9], [0.05, 0.05, 0.625, 0.05, 0.9]),  # 5 * .02 / 1 = .1 falls to 5 * .03 / 3
        ([0.9, 0.8, 1.0], [1.0, 1.0, 1.0]),
        ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    ],
)
def test_q_values(p: list[float], q: list[float]) -> None:
    assert q_values(p) == pytest.approx(q)


@given(p=st.lists(st.floats(1e-6, 1), min_size=1, max_size=30))
def test_q_values_agree_with_scipy(p: list[float]) -> None:
    assert q_values(p) == pytest.approx(false_discovery_control(p).tolist())


def test_a_lone_member_needs_m_over_q_minus_one_nonmembers() -> None:
    m, q = 100, 0.05
    for n, found in ((1998, False), (1999, True)):
        known = np.arange(float(n))
        p = [p_value(known, score) for score in [n + 1.0, *([-1.0] * (m - 1))]]
        assert (q_values(p)[0] <= q + 1e-12) is found
