"""Metrics against hand-worked examples, tables, and slow restatements of their definitions."""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binom, norm, spearmanr

from probe.audit.metrics import (
    Figure,
    auc,
    balanced_accuracy,
    best_threshold,
    false_positive_band,
    rate,
    roc,
    spearman,
    tpr_at_fpr,
)
from probe.calibration.conformal import at_least, threshold_rank
from probe.errors import InputError

Vector = npt.NDArray[np.float64]
tied = st.lists(st.integers(0, 8).map(float), min_size=2, max_size=25).map(np.array)


def triple(figure: Figure) -> tuple[float, float, float]:
    return figure.value, figure.low, figure.high


def test_a_figure_reads_with_its_interval() -> None:
    assert str(Figure(0.5, 0.25, 0.75)) == "0.5000 [0.2500, 0.7500]"


def test_auc_by_hand() -> None:
    """Placements of members .5 and 1, of non-members 1 and .5: each variance 1/8, so the AUC's is 1/16 + 1/16."""
    found = auc(np.array([1.0, 3.0]), np.array([0.0, 2.0]))
    assert triple(found) == pytest.approx((0.75, 0.75 - 1.959964 / 8**0.5, 1.0), abs=1e-6)


def test_a_tie_is_half_a_win() -> None:
    assert auc(np.array([1.0, 2.0]), np.array([1.0, 0.0])).value == 0.875
    assert auc(np.zeros(5), np.zeros(7)).value == 0.5


def test_scores_that_are_all_equal_tell_nothing() -> None:
    found = auc(np.ones(60), np.ones(60))
    assert (found.value, found.low, found.high) == (0.5, 0, 1)


def test_auc_of_separate_groups() -> None:
    """Two of two pairs: low ** 2 = .025. Ten of ten: Clopper and Pearson's table says .69150."""
    assert triple(auc(np.array([2.0, 3.0]), np.array([0.0, 1.0]))) == pytest.approx((1, 0.025**0.5, 1))
    assert triple(auc(np.array([0.0, 1.0]), np.array([2.0, 3.0]))) == pytest.approx((0, 0, 1 - 0.025**0.5))
    assert triple(auc(np.arange(10.0) + 50, np.arange(40.0))) == pytest.approx((1, 0.69150, 1), abs=6e-6)
    assert auc(np.arange(40.0) + 50, np.arange(10.0), 0.8).low == pytest.approx(0.1 ** (1 / 10))


@pytest.mark.parametrize("spread", [0.05, 1.0, 20.0])
def test_separate_groups_are_no_likelier_than_the_bound_says(spread: float) -> None:
    """Of scores whose AUC is the interval's low end, at most 2.5% of draws are separate, alike or unlike in spread."""
    m, n, draws = 4, 7, 20_000
    low = auc(np.arange(4.0) + 9, np.arange(7.0)).low
    shift = float(norm.ppf(low)) * (1 + spread**2) ** 0.5
    dice = np.random.default_rng(0)
    members, nonmembers = dice.normal(shift, spread, (draws, m)), dice.normal(0, 1, (draws, n))
    assert (members.min(1) > nonmembers.max(1)).mean() <= 0.025 + 0.003


@given(members=tied, nonmembers=tied, confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_auc_is_delong_s(members: Vector, nonmembers: Vector, confidence: float) -> None:
    assume(members.min() <= nonmembers.max() and nonmembers.min() <= members.max())
    assume(len({*members, *nonmembers}) > 1)
    wins = (members[:, None] > nonmembers) + (members[:, None] == nonmembers) / 2
    variance = wins.mean(1).var(ddof=1) / len(members) + wins.mean(0).var(ddof=1) / len(nonmembers)
    spread = norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
    expected = (wins.mean(), max(0, wins.mean() - spread), min(1, wins.mean() + spread))
    assert triple(auc(members, nonmembers, confidence)) == pytest.approx(expected, abs=1e-9)


@given(members=tied, nonmembers=tied)
def test_swapping_the_groups_mirrors_the_auc(members: Vector, nonmembers: Vector) -> None:
    there, back = auc(members, nonmembers), auc(nonmembers, members)
    assert triple(there) == pytest.approx((1 - back.value, 1 - back.high, 1 - back.low), abs=1e-9)


def test_delong_s_interval_is_as_wide_as_the_bootstrap_s() -> None:
    dice = np.random.default_rng(0)
    members, nonmembers = dice.normal(1, 2, 150), dice.normal(0, 1, 250)
    draws = [auc(dice.choice(members, 150), dice.choice(nonmembers, 250)).value for _ in range(500)]
    found = auc(members, nonmembers)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.12)


def test_tpr_at_fpr_by_hand() -> None:
    nonmembers = np.arange(100.0)
    members = np.array([97.0, 97.5, 98.0, 98.5, 99.0, 99.5])
    assert tpr_at_fpr(members, nonmembers, 0.01).value == pytest.approx(3 / 6)  # above 98: one non-member is
    assert tpr_at_fpr(members, nonmembers, 0.02).value == pytest.approx(5 / 6)
    assert triple(tpr_at_fpr(members, nonmembers, 0.02)) == triple(rate(5, 6))
    assert tpr_at_fpr(np.array([70.5]), nonmembers, 0.29).value == 1.0  # 100 * .29 is 28.999999999999996


def test_nonmembers_tied_at_the_threshold_all_count() -> None:
    nonmembers = np.array([0.0] * 97 + [5.0] * 3)
    assert tpr_at_fpr(np.array([5.0, 6.0]), nonmembers, 0.01).value == 0.5
    assert tpr_at_fpr(np.array([5.0, 6.0]), nonmembers, 0.03).value == 1.0


@pytest.mark.parametrize("fpr", [0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0001])
def test_tpr_is_refused_under_one_over_fpr_nonmembers(fpr: float) -> None:
    enough = round(1 / fpr)
    assert tpr_at_fpr(np.array([1.0]), np.zeros(enough), fpr).value == 1.0
    with pytest.raises(InputError, match=f"at least {enough:,} non-members; there are {enough - 1:,}"):
        tpr_at_fpr(np.array([1.0]), np.zeros(enough - 1), fpr)


@given(members=tied, nonmembers=tied, percent=st.integers(1, 100))
def test_tpr_is_the_best_of_all_thresholds_that_keep_the_fpr(members: Vector, nonmembers: Vector, percent: int) -> None:
    fpr = percent / 100
    assume(len(nonmembers) * percent >= 100)
    kept = [t for t in np.arange(10.0) if 100 * (nonmembers >= t).sum() <= percent * len(nonmembers)]
    assert tpr_at_fpr(members, nonmembers, fpr).value == max((members >= t).mean() for t in kept)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (0, 10, 0, 0.30850), (10, 10, 0.69150, 1), (5, 10, 0.18709, 0.81291), (1, 20, 0.00127, 0.24873),
        (0, 1, 0, 0.975), (1, 1, 0.025, 1), (0, 3000, 0, 0.0012289),
    ],
)  # fmt: skip
def test_clopper_and_pearson_s_interval(hits: int, trials: int, low: float, high: float) -> None:
    assert triple(rate(hits, trials)) == pytest.approx((hits / trials, low, high), abs=6e-6)


@given(trials=st.integers(1, 500), hits=st.integers(0, 500), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_s_ends_are_where_the_binomial_tails_are(trials: int, hits: int, confidence: float) -> None:
    hits = min(hits, trials)
    found, tail = rate(hits, trials, confidence), (1 - confidence) / 2
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert hits == 0 or binom.sf(hits - 1, trials, found.low) == pytest.approx(tail)
    assert hits == trials or binom.cdf(hits, trials, found.high) == pytest.approx(tail)


def test_balanced_accuracy_by_hand() -> None:
    members, nonmembers = np.array([1.0, 3, 4, 5]), np.array([0.0, 2])
    assert best_threshold(members, nonmembers) == 2.5  # 3/4 and 2/2; at .5 it would be 4/4 and 1/2
    found = balanced_accuracy(members, nonmembers, 2.5)
    assert found.value == (3 / 4 + 1) / 2
    parts = rate(3, 4, 0.975), rate(2, 2, 0.975)
    assert (found.low, found.high) == (sum(part.low for part in parts) / 2, sum(part.high for part in parts) / 2)


@given(members=tied, nonmembers=tied)
def test_no_threshold_is_better_than_the_best(members: Vector, nonmembers: Vector) -> None:
    def accuracy(threshold: float) -> float:
        return float((members > threshold).mean() + (nonmembers <= threshold).mean()) / 2

    best = accuracy(best_threshold(members, nonmembers))
    assert best == pytest.approx(max(map(accuracy, np.arange(-1, 9.0))))
    assert balanced_accuracy(members, nonmembers, 3.5).value == pytest.approx(accuracy(3.5))


@given(members=tied, nonmembers=tied)
def test_the_area_under_the_curve_is_the_auc(members: Vector, nonmembers: Vector) -> None:
    fpr, tpr = roc(members, nonmembers)
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(tpr, fpr) == pytest.approx(auc(members, nonmembers).value)


def test_spearman_by_hand() -> None:
    assert spearman(np.array([1.0, 2, 3]), np.array([10.0, 200, 3000])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 4, 3])) == pytest.approx(1 - 6 * 4 / (4 * 15))
    assert spearman(np.array([1.0, 2]), np.array([5.0, 5])) is None
    assert spearman(np.zeros(0), np.zeros(0)) is None


@given(pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_spearman_with_ties_is_scipy_s(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array(pairs, float).T
    assume(np.ptp(one) and np.ptp(other))
    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


@pytest.mark.parametrize(
    ("trials", "k", "known", "confidence", "band"),
    [
        (9, 1, 1, 0.5, (2, 7)),  # against one known score every count from 0 to 9 is equally likely
        (0, 5, 1000, 0.95, (0, 0)),
        (100, 5, 1_000_000, 0.95, (0, 0)),
    ],
)
def test_false_positive_band(trials: int, k: int, known: int, confidence: float, band: tuple[int, int]) -> None:
    assert false_positive_band(trials, k, known, confidence) == band


@given(trials=st.integers(1, 200), known=st.integers(1, 200), data=st.data())
def test_the_band_counts_the_ways_in_which_scores_can_interleave(trials: int, known: int, data: st.DataObject) -> None:
    """Any order of trials among known scores is equally likely: choose who lies above the k-th largest known."""
    k = data.draw(st.integers(1, known))
    ways = [comb(x + k - 1, x) * comb(trials - x + known - k, trials - x) for x in range(trials + 1)]
    share = np.cumsum([way / comb(trials + known, trials) for way in ways])
    low, high = false_positive_band(trials, k, known)
    assert share[low] >= 0.025 - 1e-9 and (low == 0 or share[low - 1] <= 0.025 + 1e-9)
    assert share[high] >= 0.975 - 1e-9 and (high == 0 or share[high - 1] <= 0.975 + 1e-9)


def test_a_calibrated_threshold_keeps_within_the_band() -> None:
    dice = np.random.default_rng(0)
    n = trials = 400
    k = threshold_rank(n, 0.02)
    low, high = false_positive_band(trials, k, n)
    counts = []
    for _ in range(400):
        known, tested = np.sort(dice.standard_normal(n)), dice.standard_normal(trials)
        counts.append(sum(at_least(known, score) < k for score in tested[tested > known[-3 * k]]))
    inside = np.mean([low <= count <= high for count in counts])
    assert 0.93 <= inside <= 1
    assert (low, high) != (0, trials) and np.mean(counts) == pytest.approx(trials * k / (n + 1), rel=0.1)
