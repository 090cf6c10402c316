"""Features of the loss curve against their definitions, and the p-values that camia makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from probe.scores import TABLE, camia, curve
from probe.scores.fitted import Fitted
from probe.scores.view import View
from probe.types import Evidence, Tokens, TokenStats, Unscored
from tests.scores.test_scores import R, stats

NONE = Unscored("none")
LETTERS = dict(zip("abcde", (0.05, 0.5, 1.0, 3.0, 5.0), strict=True))  # a loss in each of the five bands
losses = arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 12))


@given(losses)
def test_the_slope_is_that_of_least_squares(loss: np.ndarray) -> None:
    if len(loss) > 1:
        wanted = np.polyfit(np.arange(len(loss)) / (len(loss) - 1), loss, 1)[0]
        assert curve.slope(loss) == pytest.approx(wanted, abs=1e-8)
    else:
        assert curve.slope(loss) == 0


def test_shares_by_hand() -> None:
    """Mean 3: two of five lie below. Means of the past 4, 3, 2.67, 3.5 before 2, 2, 6, 1: three of four lie below."""
    loss = np.array([4.0, 2.0, 2.0, 6.0, 1.0])
    assert curve.below_mean(loss) == 3 / 5
    assert curve.below_past(loss) == 3 / 4
    assert curve.below_past(loss[:1]) == 0


def approximate_entropy(loss: np.ndarray, m: int = 2, r: float = 0.8) -> float:
    """Pincus 1991: phi(m) - phi(m + 1), phi(m) = mean_i log(#{j : max_k |u(i+k) - u(j+k)| <= r} / (N - m + 1))."""

    def phi(m: int) -> float:
        runs = [loss[i : i + m] for i in range(len(loss) - m + 1)]
        return sum(math.log(sum(max(abs(a - b)) <= r for b in runs) / len(runs)) for a in runs) / len(runs)

    return phi(m) - phi(m + 1)


@settings(max_examples=40)
@given(losses)
def test_irregularity_is_the_approximate_entropy(loss: np.ndarray) -> None:
    if len(loss) > 2:
        assert curve.irregularity(loss) == pytest.approx(approximate_entropy(loss), abs=1e-9)
    else:
        assert curve.irregularity(loss) == 0


@pytest.mark.parametrize(
    ("letters", "phrases"),
    [
        ("abababa", 4),  # a, b, ab, aba
        ("ababa", 4),  # a, b, ab, and a that was there before
        ("aaaaaa", 3),  # a, aa, aaa
        ("abcde", 5),
        ("e", 1),
    ],
)
def test_patterns_are_phrases_of_lempel_and_ziv(letters: str, phrases: int) -> None:
    loss = np.array([LETTERS[letter] for letter in letters])
    assert curve.patterns(loss) == pytest.approx(phrases * math.log(len(loss) + 1) / len(loss))


def test_reading_again_helps_a_stranger_more() -> None:
    """Loss alone 3 and behind itself 1: 2 nats were gained."""
    assert curve.again_lost(np.array([2.0, 4.0]), np.array([-1.0, -1.0])) == -2
    assert math.isnan(curve.again_lost(np.array([2.0]), np.array([])))


def test_features_are_named_in_their_order_and_higher_for_a_member() -> None:
    """A member's loss falls from 2 nats to almost none; a stranger's jumps about and rises."""
    place, rng = np.arange(60), np.random.default_rng(0)
    member, stranger = -2.0 * 0.7**place, -rng.uniform(0, 8, 60) - place / 20
    known, unknown = curve.features(member, member), curve.features(stranger, stranger / 5)
    assert curve.NAMES[:2] == ("level", "fall") and curve.NAMES[-1] == "no_gain" and len(known) == len(curve.NAMES)
    assert known[0] == pytest.approx(member.mean()) and known[1] == pytest.approx(-curve.slope(-member))
    assert (known > unknown).all(), dict(zip(curve.NAMES, known - unknown, strict=True))


def twice(first: list[float], again: list[float]) -> Evidence:
    """A text of one character per token, and itself behind itself with a space between."""
    n = len(first)
    start = np.arange(2 * n, dtype=np.int32) + (np.arange(2 * n) >= n)
    tokens = Tokens(np.arange(2 * n + 1, dtype=np.int32), start.astype(np.int32), (start + 1).astype(np.int32), True)
    both = TokenStats(tokens, np.array(first + again, np.float32), np.ones(2 * n, np.int32))
    return Evidence("abcdefghij"[:n], stats(first), NONE, {"repeated": [both]})


def test_only_the_second_reading_counts_as_one() -> None:
    found = camia.features(View(twice([-2.0, -4.0], [-1.0, -0.5])))
    assert found[-1] == pytest.approx(0.75 - 3)


def test_camia_is_the_mean_of_one_sided_p_values() -> None:
    """Per feature how many of 4 known non-members lie at or above it: 4, 0, 2 (one a tie), and so on."""
    made = twice([-2.0, -4.0], [-1.0, -0.5])
    own = camia.features(View(made))
    above = [4, 0, 2, 1, 3, 4, 0]
    columns = [
        np.array([value - 1] * (4 - n) + [value] * min(n, 1) + [value + 1] * (n - 1))
        for value, n in zip(own, above, strict=True)
    ]
    found = TABLE["camia"](made, Fitted(curves=np.stack(columns, axis=1)))
    assert found.value == pytest.approx(-np.mean([(1 + n) / 5 for n in above]))
    assert "name a calibration" in str(TABLE["camia"](made).reason)
    assert TABLE["camia"](Evidence("ab", stats(R), NONE)).reason == "not requested"


def test_a_member_has_the_higher_camia() -> None:
    known = np.sort(np.random.default_rng(0).normal(size=(60, 7)) * 3, axis=0)
    easy, hard = twice([-0.1] * 6, [-0.1] * 6), twice([-1.0, -2.0, -6.0, -7.0, -8.0, -9.0], [-0.1] * 6)
    values = [TABLE["camia"](made, Fitted(curves=known)).value for made in (easy, hard)]
    assert -1 <= values[1] < values[0] < 0  # type: ignore[operator]
