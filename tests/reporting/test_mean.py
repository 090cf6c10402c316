"""A noised mean: what one text can move, what it costs, and how wide the interval is."""

from __future__ import annotations

import inspect
import math
import random
import secrets
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import InputError
from probe.reporting import aggregate
from probe.reporting.mean import STEPS, Range, steps

numbers = st.floats(-50, 50) | st.sampled_from([float("inf"), float("-inf"), 0.0, 1e300])
ranges = st.tuples(st.floats(-20, 20), st.floats(0.001, 40)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def test_the_source_is_secure_unless_a_test_brings_another() -> None:
    assert inspect.signature(aggregate).parameters["draw"].default is secrets.randbelow
    values = {aggregate([1.0] * 50, (0, 10), 1).value for _ in range(20)}
    assert len(values) == 20


@given(st.lists(numbers, min_size=1, max_size=20), numbers, st.integers(0), ranges)
def test_one_text_moves_the_sum_by_its_range_at_most(
    values: list[float], other: float, place: int, clip: Range
) -> None:
    changed = list(values)
    changed[place % len(values)] = other
    sums = [sum(steps(value, clip) for value in each) for each in (values, changed)]
    assert abs(sums[0] - sums[1]) <= STEPS
    same_noise = [aggregate(each, clip, 1, random.Random(7).randrange).value for each in (values, changed)]
    assert abs(same_noise[0] - same_noise[1]) <= (clip[1] - clip[0]) / len(values) * (1 + 1e-9) + 1e-9


@given(
    st.integers(-(10**8), 10**8), st.integers(-STEPS, STEPS),
    st.fractions(min_value=Fraction(1, 1000), max_value=20, max_denominator=1000),
)  # fmt: skip
def test_no_answer_is_likelier_by_more_than_e_to_the_epsilon(told: int, moved: int, epsilon: Fraction) -> None:
    scale = STEPS / epsilon  # log P(Z = z) is -|z| / scale and a constant, in exact fractions
    assert abs(told - moved) / scale - abs(told) / scale <= epsilon
    assert abs(told) / scale - abs(told - moved) / scale <= epsilon


def test_the_interval_holds_the_mean_of_the_clipped_values_in_95_of_100() -> None:
    values = [random.Random(3).uniform(-2, 14) for _ in range(60)]
    true = sum(min(max(value, 0.0), 10.0) for value in values) / len(values)
    dice = random.Random(5)
    found = [aggregate(values, (0, 10), 0.5, dice.randrange) for _ in range(3000)]
    assert 0.935 < sum(one.low <= true <= one.high for one in found) / len(found) < 0.965
    assert sum(one.value for one in found) / len(found) == pytest.approx(true, abs=0.04)
    assert found[0].scale == pytest.approx(10 / (60 * 0.5)) and found[0].epsilon == 0.5


def test_the_best_attack_finds_what_epsilon_allows_and_no_more() -> None:
    """Whoever knows all other values calls a text a member above a threshold; at FPR 1% e of 100 members are found."""
    count, others, dice = 5000, [0.0] * 30 + [1.0] * 19, random.Random(11)
    found = {own: [aggregate([*others, own], (0, 1), 1, dice.randrange) for _ in range(count)] for own in (0.0, 1.0)}
    threshold = 19 / 50 + found[0.0][0].scale * math.log(50)  # noise exceeds it once in a hundred
    rates = [sum(one.value > threshold for one in found[own]) / count for own in (0.0, 1.0)]
    assert rates == [pytest.approx(0.01, abs=0.005), pytest.approx(0.01 * math.e, abs=0.008)]


def test_epsilon_is_taken_as_it_is_written() -> None:
    assert aggregate([0.0], (0, 1), 0.1).scale == pytest.approx(10)
    assert aggregate([0.0], (0, 1), Fraction(1, 3)).scale == pytest.approx(3)


@pytest.mark.parametrize(
    ("values", "clip", "epsilon"),
    [
        ([], (0, 1), 1),
        ([float("nan")], (0, 1), 1),
        ([0.5], (1, 1), 1),
        ([0.5], (2, 1), 1),
        ([0.5], (0, float("inf")), 1),
        ([0.5], (0, float("nan")), 1),
        ([0.5], (0, 1), 0),
        ([0.5], (0, 1), -1),
        ([0.5], (0, 1), float("inf")),
        ([0.5], (0, 1), float("nan")),
    ],
)
def test_what_cannot_be_told(values: list[float], clip: Range, epsilon: float) -> None:
    with pytest.raises(InputError):
        aggregate(values, clip, epsilon)
