"""All deleted texts together: effect, equivalence, PrivLeak, U-LiRA and the outcome: known answers and error rates."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm, t, ttest_ind

from probe.audit.deletion.by_model import ByModel
from probe.audit.deletion.decide import Outcome, decide
from probe.audit.deletion.deviations import Deviations, deviations
from probe.audit.deletion.effect import Contrast, Equivalence, contrast, detectable, equivalence
from probe.audit.deletion.margin import Margin, parse
from probe.audit.deletion.privleak import leaks, privleak
from probe.audit.deletion.together import Together, together
from probe.audit.deletion.ulira import Attack, attack, ratios
from probe.audit.figures import Measured
from probe.audit.metrics import Figure, Vector, auc
from probe.errors import InputError
from probe.types import Unscored
from tests.audit.drawn import drawn, flags

DRAWS = 1000
MANY = flags(30, 40)
ALONE = np.arange(70)


def test_the_effect_by_hand() -> None:
    """Means 2 and 1, variances of the means 1/3 and 3/3: se = sqrt(4/3), Welch's freedom 3.2."""
    found = contrast(np.array([1.0, 2, 3, 0, 0, 3]), flags(3, 3), np.arange(6))
    assert (found.value, found.se, found.freedom) == pytest.approx((1, math.sqrt(4 / 3), 3.2))
    assert found.p == pytest.approx(2 * t.sf(1 / math.sqrt(4 / 3), 3.2))
    assert found.above(0.5) == pytest.approx(t.sf(0.5 / math.sqrt(4 / 3), 3.2))
    assert found.below(2.5) == pytest.approx(t.sf(1.5 / math.sqrt(4 / 3), 3.2))
    interval = found.interval(0.9)
    assert interval.high - 1 == pytest.approx(t.ppf(0.95, 3.2) * math.sqrt(4 / 3)) and interval.value == 1


def test_texts_of_one_source_are_one_unit() -> None:
    values, deleted = np.array([1.0, 3, 5, 9, 0, 2, 4, 6]), flags(4, 4)
    units = np.array([0, 0, 1, 1, 2, 3, 4, 4])
    found, by_hand = contrast(values, deleted, units), ttest_ind([2, 7], [0, 2, 5], equal_var=False)
    assert found.value == pytest.approx(4.5 - 7 / 3) and found.p == pytest.approx(by_hand.pvalue)


def test_equivalence_in_nats_by_hand() -> None:
    dice = np.random.default_rng(0)
    values = dice.normal(0.1, 1, 70)
    found = equivalence(values, values, Margin(nats=0.7), MANY, ALONE, 0.05)
    side = contrast(values, MANY, ALONE)
    ends = [(0.7 - side.value) / side.se, (side.value + 0.7) / side.se]
    assert found.p == pytest.approx(max(t.sf(ends, side.freedom))) and found.nats == 0.7
    times = (side.se * (norm.ppf(0.95) + norm.ppf(0.9)) / 0.7) ** 2
    assert found.needed == (max(10, math.ceil(30 * times)), max(10, math.ceil(40 * times)))
    assert detectable(side, 0.05) == pytest.approx(side.se * (norm.ppf(0.975) + norm.ppf(0.8)))


def test_a_share_is_tested_with_the_error_of_the_effect_before() -> None:
    dice = np.random.default_rng(1)
    after, before = dice.normal(0, 0.1, 70), dice.normal(0, 0.3, 70) + 2 * MANY
    found = equivalence(after, before, Margin(share=0.1), MANY, ALONE, 0.05)
    upper, lower = (contrast(after + sign * 0.1 * before, MANY, ALONE) for sign in (-1, 1))
    assert found.p == pytest.approx(max(upper.below(), lower.above()))
    assert found.nats == pytest.approx(0.1 * contrast(before, MANY, ALONE).value, rel=1e-9)
    assert equivalence(after, -before, Margin(share=0.1), MANY, ALONE, 0.05).p > 0.99  # there was nothing to delete
    lost = equivalence(after, -before, Margin(share=0.1), MANY, ALONE, 0.05)
    assert (lost.nats, lost.needed) == (None, None)


@pytest.mark.parametrize("margin", [Margin(share=0.1), Margin(nats=0.1)], ids=str)
@pytest.mark.parametrize("left", [0.1, -0.1])
def test_equivalence_is_shown_at_its_level_where_the_margin_is_left(margin: Margin, left: float) -> None:
    hits = 0
    for seed in range(DRAWS):
        phi = drawn(seed, left=left, before=1.0, deleted=30, unseen=40)
        hits += equivalence(phi.change, phi.earlier, margin, MANY, ALONE, 0.05).p <= 0.05
    low, high = binom.interval(0.999, DRAWS, 0.05)
    assert low <= hits <= high


def test_the_difference_is_shown_at_its_level_where_nothing_is_left() -> None:
    found = [contrast(drawn(seed, deleted=30, unseen=40).change, MANY, ALONE) for seed in range(DRAWS)]
    low, high = binom.interval(0.999, DRAWS, 0.05)
    assert low <= sum(one.p <= 0.05 for one in found) <= high
    covered = sum(one.interval(0.95).low <= 0 <= one.interval(0.95).high for one in found)
    assert DRAWS - high <= covered <= DRAWS - low
    for sign in (1, -1):  # both directions come alike often
        assert sum(one.p <= 0.05 and one.value * sign > 0 for one in found) <= binom.ppf(0.9995, DRAWS, 0.025)


def test_as_many_texts_as_are_needed_show_it() -> None:
    phi = drawn(5, deleted=30, unseen=40, noise=0.5)
    told = equivalence(phi.change, phi.earlier, Margin(share=0.1), MANY, ALONE, 0.05).needed
    assert told
    sizes = flags(*told)
    hits = sum(
        equivalence(one.change, one.earlier, Margin(share=0.1), sizes, np.arange(sum(told)), 0.05).p <= 0.05
        for one in (drawn(seed, deleted=told[0], unseen=told[1], noise=0.5) for seed in range(200))
    )
    assert 0.65 < hits / 200 < 0.95  # the power that was asked for is .8, on a spread that 70 texts told


@given(st.integers(0, 10_000))
def test_mirror_images_and_shifts(seed: int) -> None:
    phi = drawn(seed, left=0.2, deleted=12, unseen=15)
    deleted, units = flags(12, 15), np.arange(27)
    one, other = (contrast(values, deleted, units) for values in (phi.change + 3, -phi.change))
    assert other.value == pytest.approx(-one.value) and other.p == pytest.approx(one.p)
    same = [equivalence(v, phi.earlier, Margin(), deleted, units, 0.05).p for v in (phi.change, -phi.change)]
    assert same[0] == pytest.approx(same[1])


def test_a_retrained_model_in_the_place_of_the_one_after_shows_where_the_groups_differ() -> None:
    phi = drawn(0)
    deleted, units = flags(40, 40), np.arange(80)
    calm = together(phi, deleted, units, Margin(), 0.05)
    assert isinstance(calm, Together) and len(calm.placebos) == 3 and not calm.placebo_fails(0.05)
    by_hand = phi.retrained[1] - (phi.retrained[0] + phi.retrained[2]) / 2
    assert calm.placebos[1].value == pytest.approx(by_hand[:40].mean() - by_hand[40:].mean())
    phi.retrained[2, :40] += 0.5
    moved = together(phi, deleted, units, Margin(), 0.05)
    assert isinstance(moved, Together) and moved.placebo_fails(0.05)
    one = Contrast(2.2, 1.0, 1e6)  # p = .028, and three of them were looked at
    assert not replace(calm, placebos=(one,) * 3).placebo_fails(0.05)
    assert replace(calm, placebos=(one,)).placebo_fails(0.05)
    for models, placebos in ((1, 0), (2, 1)):
        some = together(drawn(0, retrained=models), deleted, units, Margin(), 0.05)
        assert isinstance(some, Together) and len(some.placebos) == placebos


def test_too_few_texts_or_sources_are_refused() -> None:
    few = together(drawn(0, deleted=9), flags(9, 40), np.arange(49), Margin(), 0.05)
    assert isinstance(few, Unscored) and "at least 10 texts of each group; there are 9 and 40" in few.reason
    few = together(drawn(0), flags(40, 40), np.repeat(np.arange(16), 5), Margin(), 0.05)
    assert isinstance(few, Unscored) and "sources" in few.reason and "8 and 8" in few.reason


def test_margins_are_read() -> None:
    assert parse("10%") == Margin(share=0.1) and parse(" 2.5 %") == Margin(share=0.025)
    assert parse("0.02") == Margin(nats=0.02) and parse(".5") == Margin(nats=0.5)
    assert str(Margin()) == "10% of what they had before" and str(Margin(nats=0.02)) == "0.02 nats"
    for wrong in ("0", "0%", "100%", "-1", "much", "", "nan", "1e3"):
        with pytest.raises(InputError, match="is no margin"):
            parse(wrong)


def test_u_lira_by_hand() -> None:
    """Two models of each kind: of each held-out pair one model of each kind is left for the means."""
    after, retrained = np.array([[1.0, 4], [1.2, 4.4]]), np.array([[0.1, 4.1], [0, 4.3]])
    llr, wins = ratios(after, retrained)
    sds = [math.sqrt(np.mean([np.var(values, ddof=1) for values in side.T])) for side in (after, retrained)]
    pairs = [(k, r) for k in (0, 1) for r in (0, 1)]
    by_hand = np.mean([
        norm.logpdf(after[k, 0], after[1 - k, 0], sds[0] * math.sqrt(2))
        - norm.logpdf(after[k, 0], retrained[1 - r, 0], sds[1] * math.sqrt(2))
        for k, r in pairs
    ])  # fmt: skip
    assert llr[0] == pytest.approx(by_hand) and wins[0] == 1 and 0 <= wins[1] <= 1
    _, same = ratios(after, after)  # two pairs are ties; of the others each model is nearer to the other side
    assert same == pytest.approx([0.25, 0.25])


@pytest.mark.parametrize("left", [1.0, -1.0])
def test_u_lira_wins_where_something_is_left_or_too_much_is_gone(left: float) -> None:
    found = attack(drawn(0, after=3, left=left), flags(40, 40), np.arange(80), 0.95)
    assert isinstance(found, Attack) and found.deleted.low > 0.85 and abs(found.unseen - 0.5) < 0.15
    assert found.p < 1e-6 and found.llr.min() > 0 and len(found.llr) == 40


@pytest.mark.parametrize("models", [(2, 2), (2, 5), (4, 2)], ids=str)
def test_u_lira_wins_half_of_the_time_where_nothing_is_left(models: tuple[int, int]) -> None:
    found = [
        attack(drawn(seed, after=models[0], retrained=models[1]), flags(40, 40), np.arange(80), 0.95)
        for seed in range(150)
    ]
    there = [one for one in found if isinstance(one, Attack)]
    assert np.mean([one.deleted.value for one in there]) == pytest.approx(0.5, abs=0.02)
    assert sum(one.p <= 0.05 for one in there) <= binom.ppf(0.999, 150, 0.05)


def test_u_lira_says_what_it_takes() -> None:
    for after, retrained in ((1, 3), (2, 1)):
        found = attack(drawn(0, after=after, retrained=retrained), flags(40, 40), np.arange(80), 0.95)
        assert isinstance(found, Unscored) and "two or more" in found.reason


def leak(after: Vector, retrained: Vector, deleted: int = 30, unseen: int = 40) -> Measured:
    found = ByModel(after[0], after, retrained)
    return privleak(found, flags(deleted, unseen), np.arange(deleted + unseen), 0.95)


def test_privleak_by_hand() -> None:
    """AUC 1 after and 1/2 retrained: 1; the other way round -1/2; the same model: 0, and surely so."""
    apart, level = np.r_[np.ones(30), np.zeros(40)], np.zeros(70)
    found = leak(apart[None], level[None])
    assert isinstance(found, Figure) and found.value == 1
    assert (given_back := leak(level[None], apart[None])) and isinstance(given_back, Figure)
    assert given_back.value == -0.5
    values = np.random.default_rng(0).normal(size=(2, 70))
    found = leak(values, values)
    assert isinstance(found, Figure) and (found.value, found.high - found.low) == pytest.approx((0, 0))


def test_privleak_is_of_mean_aucs_and_its_interval_is_what_redrawn_texts_give() -> None:
    dice = np.random.default_rng(3)
    level = dice.normal(size=200)
    after, retrained = (level + 0.5 * dice.normal(size=(2, 200)) for _ in range(2))
    deleted = flags(80, 120)
    after[:, deleted] += 0.6
    found = privleak(ByModel(after[0], after, retrained), deleted, np.arange(200), 0.95)
    mean = [np.mean([auc(row[deleted], row[~deleted]).value for row in rows]) for rows in (after, retrained)]
    assert isinstance(found, Figure) and found.value == pytest.approx(mean[0] / mean[1] - 1)
    again = []
    for _ in range(400):
        chosen = np.r_[dice.integers(0, 80, 80), dice.integers(80, 200, 120)]
        one = privleak(ByModel(after[0], after[:, chosen], retrained[:, chosen]), deleted, np.arange(200), 0.95)
        assert isinstance(one, Figure)
        again.append(one.value)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * float(np.std(again)), rel=0.15)
    together = privleak(ByModel(after[0], after, retrained), deleted, np.repeat(np.arange(100), 2), 0.95)
    assert isinstance(together, Figure) and together.high != found.high  # sources are the unit where there are any


def test_aucs_of_every_model_and_what_is_refused() -> None:
    phi = drawn(0, after=2, left=0.5, deleted=40, unseen=120)
    found = leaks(phi, flags(40, 120), 0.95)
    assert len(found) == 6 and isinstance(found[0].auc, Figure) and isinstance(found[0].tpr, Figure)
    assert found[0].auc == auc(phi.before[:40], phi.before[40:])
    few = leaks(phi, flags(40, 120) & False | flags(10, 150), 0.95)[0]
    assert isinstance(few.auc, Unscored) and "at least 20" in few.auc.reason
    assert isinstance(leak(np.zeros((1, 49)), np.zeros((1, 49)), 9, 40), Unscored)
    assert isinstance(leaks(drawn(0), flags(40, 40), 0.95)[0].tpr, Unscored)


CALM = deviations(drawn(0), flags(40, 40))


def single(place: int, z: float) -> Deviations:
    """One deleted text that stands out."""
    alone, zs = CALM.alone.copy(), CALM.z.copy()
    alone[place], zs[place] = 1e-4, z
    return Deviations(zs, CALM.p, CALM.p_t, alone, CALM.unseen_z, CALM.unseen, CALM.plain, CALM.inflation)


@pytest.mark.parametrize(
    ("value", "same", "found", "outcome"),
    [
        (0.1, 0.01, CALM, Outcome.DELETED), (0.1, 0.2, CALM, Outcome.UNSHOWN),
        (9, 0.2, CALM, Outcome.TRACES), (-9, 0.2, CALM, Outcome.OVER),
        (9, 0.01, CALM, Outcome.DELETED), (-9, 0.01, CALM, Outcome.DELETED),  # within the margin, though there
        (0.1, 0.01, single(3, 9), Outcome.TRACES), (0.1, 0.01, single(3, -9), Outcome.OVER),
        (-9, 0.2, single(3, 9), Outcome.TRACES), (9, 0.2, single(3, -9), Outcome.TRACES),
        (0.1, 0.2, single(3, -9), Outcome.OVER),
    ],
)  # fmt: skip
def test_which_outcome_holds(value: float, same: float, found: Deviations, outcome: Outcome) -> None:
    decision = decide(Contrast(value, 1.0, 50), Equivalence(same, 0.1, (10, 10)), found, 0.05)
    assert decision.outcome is outcome and decision.differs is (abs(value) > 5)


def test_too_few_texts_leave_it_to_single_ones() -> None:
    assert decide(None, None, CALM, 0.05).outcome is Outcome.UNSHOWN
    assert decide(None, None, single(0, 9), 0.05).traces == (0,)
