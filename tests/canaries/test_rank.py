"""Ranks and their p-value: worked by hand, exact over every possible draw, kept in simulation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.canaries.rank import Needed, Ranked, combined, needed, rank, smallest
from probe.types import Unscored

SIZES = st.lists(st.integers(2, 6), min_size=1, max_size=4)


def test_a_rank_by_hand() -> None:
    found = rank("one", [-3.0, -1.0, -2.0, -2.0], 2)
    assert found == Ranked("one", 3, 4, -2.0)  # the equal one counts
    assert isinstance(found, Ranked) and found.p_value == 0.75 and found.exposure == pytest.approx(math.log2(4 / 3))
    assert rank("one", [-3.0, -1.0, Unscored("none")], 1) == Ranked("one", 1, 2, -1.0, lost=1)
    assert rank("one", [Unscored("why"), -1.0], 0) == Unscored("why")
    assert isinstance(rank("one", [-1.0, Unscored("why")], 0), Unscored)
    assert Ranked("one", 1, 1024, 0.0).exposure == 10


def test_a_p_value_by_hand() -> None:
    assert combined([1], [100]) == pytest.approx(0.01) and combined([7], [20]) == pytest.approx(0.35)
    assert combined([1, 2], [2, 2]) == pytest.approx(0.75)  # either comes first
    assert combined([1] * 10, [3] * 10) == pytest.approx(3**-10) == smallest([3] * 10)
    # of the 36 pairs of ranks of six, those whose product is at most 3: 1x1 1x2 1x3 2x1 3x1
    assert combined([1, 3], [6, 6]) == combined([3, 1], [6, 6]) == pytest.approx(5 / 36)
    assert combined([1] * 200, [1000] * 200) == smallest([1000] * 200) == 1e-300


def test_with_many_alternatives_it_is_fishers() -> None:
    from scipy.stats import chi2

    for ranks in ([5, 50, 500], [20, 30, 40], [900, 800, 300], [100] * 12):
        fisher = chi2.sf(-2 * np.log(np.array(ranks) / 1000).sum(), 2 * len(ranks))
        assert combined(ranks, [1000] * len(ranks)) <= fisher * 1.01  # which gives away what ranks leave between them
        many = [100 * rank for rank in ranks]
        assert combined(many, [100_000] * len(ranks)) == pytest.approx(fisher, rel=0.05)


def test_three_ranks_counted_out() -> None:
    products = np.multiply.outer(np.arange(1, 1001), np.arange(1, 1001)).ravel()
    count = sum(int((products <= 20 * 30 * 40 / third).sum()) for third in range(1, 1001))
    assert combined([20, 30, 40], [1000] * 3) == pytest.approx(count / 1e9, rel=0.01)


@given(SIZES)
@settings(max_examples=40)
def test_over_every_draw_it_is_at_most_a_in_a_share_of_a(sizes: list[int]) -> None:
    every = [combined(ranks, sizes) for ranks in product(*(range(1, size + 1) for size in sizes))]
    counts = np.sort(every)
    assert (counts * len(every) >= np.arange(1, len(every) + 1) * (1 - 1e-9)).all()
    assert counts[0] == pytest.approx(smallest(sizes)) and counts[-1] == pytest.approx(1)


@given(SIZES, st.data())
@settings(max_examples=40)
def test_a_better_rank_never_raises_it(sizes: list[int], data: st.DataObject) -> None:
    ranks = [data.draw(st.integers(1, size)) for size in sizes]
    better = [data.draw(st.integers(1, rank)) for rank in ranks]
    assert combined(better, sizes) <= combined(ranks, sizes) * (1 + 1e-9)


def test_simulated_false_positives() -> None:
    dice, sizes = np.random.default_rng(5), np.array([100] * 6 + [3] * 10)
    found = [combined(dice.integers(1, sizes + 1).tolist(), sizes.tolist()) for _ in range(1500)]
    for alpha, most in ((0.2, 357), (0.05, 106), (0.01, 31)):  # more has probability 1e-4
        assert sum(p <= alpha for p in found) <= most
    assert sum(p <= 0.2 for p in found) >= 240  # it gives nothing away either


def test_what_is_lacking() -> None:
    assert needed([1000], 0.01) is None and needed([10, 10], 0.01) is None
    assert needed([50], 0.01) == Needed(canaries=1, alternatives=99)
    assert needed([3, 3, 3], 0.01) == Needed(canaries=2, alternatives=4)  # 3^5 = 243, 5^3 = 125
    assert needed([2], 0.001) == Needed(canaries=9, alternatives=999)
