"""What the residual must remove (length and difficulty, in location and scale) and must keep (order, units)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.calibration.residual import FEWEST, Residual, fit

Vector = npt.NDArray[np.float64]
LOCATION, LOG_SCALE = (0.5, -0.3, 0.02, 0.2), (0.4, -0.5, 0.03, 0.25)


def null(count: int, seed: int) -> tuple[Vector, Vector, Vector]:
    """Scores, tokens and difficulties of texts whose score depends on both, in mean and in spread."""
    dice = np.random.default_rng(seed)
    tokens = np.exp(dice.uniform(np.log(10), np.log(500), count)).round()
    difficulty = dice.uniform(2, 5, count)
    x = np.stack([np.ones(count), np.log(tokens), np.log(tokens) ** 2, difficulty], axis=1)
    return x @ LOCATION + np.exp(x @ LOG_SCALE) * dice.standard_normal(count), tokens, difficulty


@pytest.fixture(scope="module")
def residual() -> Residual:
    return fit(*null(20_000, seed=0))


def test_the_fit_finds_location_and_scale(residual: Residual) -> None:
    """Level, slope and square trade off against each other, so they are compared where texts are."""
    for size in (10, 20, 50, 100, 200, 500):
        for difficulty in (2.0, 3.5, 5.0):
            x = np.array([1.0, np.log(size), np.log(size) ** 2, difficulty])
            assert x @ residual.location == pytest.approx(x @ LOCATION, abs=0.05)
            assert x @ residual.log_scale == pytest.approx(x @ LOG_SCALE, abs=0.1)


def test_new_nonmembers_come_out_standard_whatever_their_length_and_difficulty(residual: Residual) -> None:
    scores, tokens, difficulty = null(20_000, seed=1)
    calibrated = residual(scores, tokens, difficulty)
    for column in (tokens, difficulty):
        for part in np.array_split(np.argsort(column), 8):
            assert scores[part].std() > 0
            assert calibrated[part].mean() == pytest.approx(0, abs=0.08)
            assert calibrated[part].std() == pytest.approx(1, abs=0.08)


def test_one_threshold_then_serves_short_and_long_texts(residual: Residual) -> None:
    scores, tokens, difficulty = null(100_000, seed=2)
    short = tokens < np.median(tokens)
    raw, freed = (values > np.quantile(values, 0.99) for values in (scores, residual(scores, tokens, difficulty)))
    assert raw[short].mean() > 5 * raw[~short].mean()
    assert freed[short].mean() == pytest.approx(freed[~short].mean(), rel=0.25)


def test_the_formula() -> None:
    residual = Residual((1.0, 2.0, 0.5, 3.0), (0.5, -1.0, 0.1, 0.25))
    found = residual(np.array([10.0]), np.array([np.e**2]), np.array([4.0]))
    assert found == pytest.approx([(10 - (1 + 4 + 2 + 12)) / np.exp(0.5 - 2 + 0.4 + 1)])


@given(
    coefficients=st.tuples(*[st.floats(-2, 2)] * 6 + [st.floats(-0.2, 0.2)] * 2),
    tokens=st.integers(1, 5000),
    difficulty=st.floats(0, 15),
    low=st.floats(-50, 50),
    step=st.floats(1e-3, 50),
)
def test_a_text_s_calibrated_score_rises_with_its_score(
    coefficients: tuple[float, ...], tokens: int, difficulty: float, low: float, step: float
) -> None:
    residual = Residual(
        (*coefficients[:2], coefficients[6], coefficients[2]), (*coefficients[3:5], coefficients[7], coefficients[5])
    )
    calibrated = residual(np.array([low, low + step]), np.full(2, float(tokens)), np.full(2, difficulty))
    assert calibrated[0] < calibrated[1] or calibrated == pytest.approx(calibrated[0], rel=1e-9)
    assert np.isfinite(calibrated).all()


@settings(max_examples=20)
@given(factor=st.floats(0.01, 100), shift=st.floats(-100, 100))
def test_the_score_s_units_do_not_matter(factor: float, shift: float) -> None:
    scores, tokens, difficulty = null(200, seed=3)
    other = scores * factor + shift
    expected = fit(scores, tokens, difficulty)(scores, tokens, difficulty)
    assert fit(other, tokens, difficulty)(other, tokens, difficulty) == pytest.approx(expected, abs=1e-3)


def test_too_few_texts_leave_the_score_as_it_is() -> None:
    scores, tokens, difficulty = null(FEWEST, seed=4)
    fewer = fit(scores[1:], tokens[1:], difficulty[1:])
    assert fewer == Residual()
    assert fewer(scores, tokens, difficulty).tolist() == scores.tolist()
    assert fit(scores, tokens, difficulty) != Residual()


@pytest.mark.parametrize("constant", ["tokens", "difficulty", "both"])
def test_a_constant_length_or_no_reference_can_still_be_fitted(constant: str) -> None:
    scores, tokens, difficulty = null(5000, seed=5)
    scores = np.random.default_rng(6).normal(3, 2, len(scores))
    if constant != "difficulty":
        tokens = np.full_like(tokens, 128)
    if constant != "tokens":
        difficulty = np.zeros_like(difficulty)
    calibrated = fit(scores, tokens, difficulty)(scores, tokens, difficulty)
    assert (calibrated.mean(), calibrated.std()) == pytest.approx((0, 1), abs=0.06)


def test_coefficients_are_plain_numbers_that_json_can_hold(residual: Residual) -> None:
    assert {type(value) for value in residual.location + residual.log_scale} == {float}


def test_what_is_noise_in_five_hundred_texts_of_like_length_is_not_divided_by() -> None:
    spreads = []
    for seed in range(20):
        dice = np.random.default_rng(seed)
        tokens, difficulty = dice.integers(77, 129, 500).astype(np.float64), dice.normal(4, 0.4, 500)
        found = fit(dice.normal(0, 1, 500), tokens, difficulty)
        one, other = (found(np.full(500, score), tokens, difficulty) for score in (0.0, 1.0))
        spreads.append(np.log(other - one).std())  # of the scale; least squares alone gives .08
    assert np.mean(spreads) < 0.04


@pytest.mark.parametrize("seed", range(40))
def test_texts_of_like_length_have_a_residual_that_holds(seed: int) -> None:
    """Their length and its square are nearly one: coefficients may be in the hundreds, what they add up to is not."""
    dice = np.random.default_rng(seed)
    tokens, difficulty = np.exp(dice.normal(3.6, 0.05, 57)).round(), dice.uniform(2, 5, 57)
    scores = dice.standard_normal(57)
    found = fit(scores, tokens, difficulty)
    assert found.holds(tokens, difficulty) and np.isfinite(found(scores, tokens, difficulty)).all()
    assert np.isfinite(found(scores[:2], np.array([1.0, 1e6]), difficulty[:2])).all()
    assert 0.7 < found(scores, tokens, difficulty).std() < 1.5
