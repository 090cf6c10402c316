"""Bounds on epsilon: known answers, agreement with what is known of a mechanism, and no claim without evidence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from probe.audit.metrics import rate
from probe.audit.one_run import one_run, one_run_bound, one_run_p
from probe.audit.privacy import allowed, by_rates, epsilon_of, gaussian
from probe.errors import InputError


@pytest.mark.parametrize(("guesses", "right", "bound"), [(100, 100, 3.47), (1000, 900, 2.02)])
def test_the_one_run_bound_has_the_published_values(guesses: int, right: int, bound: float) -> None:
    assert one_run_bound(1000, guesses, right, 1e-5) == pytest.approx(bound, abs=0.01)


def test_without_delta_the_p_value_is_the_binomial_tail() -> None:
    assert one_run_p(10, 3, 3, 0.0, 0.0) == pytest.approx(1 / 8)
    assert one_run_p(10, 2, 1, math.log(3), 0.0) == pytest.approx(1 - 1 / 16)  # right with a chance of 3/4 each
    # delta: beta + 2 m delta max((P[>= v - i] - beta) / i); of 2 guesses, both right, at eps 0: i=1 adds 1/2, i=2 3/8
    assert one_run_p(10, 2, 2, 0.0, 0.001) == pytest.approx(0.25 + 2 * 10 * 0.001 * 0.5)


@given(st.integers(20, 400), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_more_right_guesses_show_more(texts: int, seed: int) -> None:
    guesses = int(np.random.default_rng(seed).integers(2, texts))
    found = [one_run_bound(texts, guesses, right, 1e-5) for right in range(0, guesses + 1, max(1, guesses // 5))]
    assert found == sorted(found) and found[0] == 0


def test_chance_shows_nothing_and_a_sure_attack_much() -> None:
    dice = np.random.default_rng(0)
    scores, shown = dice.normal(size=2000), 0
    for _ in range(100):
        member = dice.random(2000) < 0.5
        shown += one_run(scores, member, 1e-5) > 0
    assert shown <= 8  # of 100 at an error of 5%: 8 or fewer in 94% of such tests, and the seed is fixed
    assert one_run(np.where(member, 1.0, 0.0) + 0.1 * scores, member, 1e-5) > 5


def test_the_bound_by_rates_is_that_of_its_counts() -> None:
    # 40 of 100 members and 1 of 100 non-members above; the halves are alike but for the one
    members, nonmembers = np.repeat([1.0, 0.0], [400, 600]), np.zeros(1000)
    expected = math.log((rate(200, 500).low - 1e-5) / rate(0, 500).high)
    found = [by_rates(members, nonmembers, 1e-5, seed) for seed in range(5)]
    assert np.median(found) == pytest.approx(expected, rel=0.05)
    flipped = by_rates(-nonmembers, -members, 1e-5)  # sure of who is out: the other side of the bound
    assert flipped == pytest.approx(expected, rel=0.1)


def test_what_is_shown_of_a_gaussian_mechanism_is_true_and_not_far_off() -> None:
    dice, mu = np.random.default_rng(1), 2.0
    shown = [gaussian(dice.normal(mu, 1, 4000), dice.normal(0, 1, 4000), seed) for seed in range(20)]
    assert float(np.median(shown)) > 1.4 and sum(one > mu for one in shown) <= 2
    assert gaussian(np.zeros(50), np.zeros(50)) == 0


@pytest.mark.parametrize("mu", [0.3, 1.0, 4.0])
def test_epsilon_of_mu_solves_its_equation(mu: float) -> None:
    epsilon = epsilon_of(mu, 1e-5)
    delta = norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu)
    assert delta == pytest.approx(1e-5, rel=1e-3)
    assert epsilon_of(0.0, 1e-5) == 0 and epsilon_of(mu, 0.0) == math.inf


@given(st.floats(0.01, 20), st.floats(0, 0.1))
def test_the_allowed_curve_lies_above_chance_and_meets_its_corners(epsilon: float, delta: float) -> None:
    fpr = np.linspace(0, 1, 101)
    curve = allowed(fpr, epsilon, delta)
    assert (curve >= fpr - 1e-12).all() and (np.diff(curve) >= -1e-12).all()
    assert curve[0] == pytest.approx(min(delta, 1), abs=1e-9) and curve[-1] == 1
    # symmetric: (fpr, tpr) is allowed where (1 - tpr, 1 - fpr) is
    inner = (curve < 1) & (curve > delta)
    assert np.allclose(allowed(1 - curve[inner], epsilon, delta), 1 - fpr[inner], atol=1e-6)


def test_a_promise_as_good_as_none_allows_everything() -> None:
    assert allowed(np.array([1e-6, 0.5]), 1e4, 0.0).tolist() == [1.0, 1.0]


def test_too_few_texts_are_refused() -> None:
    with pytest.raises(InputError, match="four texts"):
        by_rates(np.zeros(3), np.zeros(9), 1e-5)
