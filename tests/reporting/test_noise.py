"""The noise has the distribution that its docstring gives, and comes from a secure source."""

from __future__ import annotations

import inspect
import math
import random
import secrets
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.reporting.noise import discrete_laplace, probability, radius

scales = st.fractions(min_value=Fraction(1, 3), max_value=50, max_denominator=9)


def test_the_source_is_secure_unless_a_test_brings_another() -> None:
    assert inspect.signature(discrete_laplace).parameters["draw"].default is secrets.randbelow


def test_one_draw_by_hand() -> None:
    # rest 0, kept; e^-1 once: 1/1, 1/2 hold, 1/3 fails (odd: yes), then 1/1 holds, 1/2 fails (even: no); minus
    script: Iterator[tuple[int, int]] = iter(
        [(1, 0), (1, 0), (1, 0), (2, 0), (3, 1), (1, 0), (2, 1), (2, 1)],
    )

    def draw(below: int) -> int:
        expected, value = next(script)
        assert below == expected
        return value

    assert discrete_laplace(Fraction(1), draw) == -1
    assert next(script, None) is None


@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(1), Fraction(5, 3), Fraction(7)])
def test_the_distribution(scale: Fraction) -> None:
    count = 20_000
    dice = random.Random(1)
    found = Counter(discrete_laplace(scale, dice.randrange) for _ in range(count))
    for value in range(-20, 21):
        expected = count * probability(value, scale)
        assert abs(found[value] - expected) <= 4.5 * math.sqrt(expected) + 1, value


@given(scales)
def test_probabilities_add_up_and_fall_by_one_factor(scale: Fraction) -> None:
    reach = 60 * math.ceil(scale)
    assert sum(probability(value, scale) for value in range(-reach, reach + 1)) == pytest.approx(1)
    assert probability(3, scale) == probability(-3, scale)
    assert probability(3, scale) / probability(4, scale) == pytest.approx(math.exp(1 / scale))


@given(scales)
def test_the_radius_is_the_least_that_holds_enough(scale: Fraction) -> None:
    found = radius(scale)
    within = [sum(probability(value, scale) for value in range(-r, r + 1)) for r in (found - 1, found)]
    assert within[1] >= 0.95 - 1e-12 and (found == 0 or within[0] < 0.95)
