"""The statistics of single texts: known answers, symmetry, and false-positive rates where nothing is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, t

from probe.audit.deletion.by_model import ByModel
from probe.audit.deletion.decide import Outcome, calls, outstanding
from probe.audit.deletion.deviations import Deviations, conformal, deviations, spread, two_sided
from probe.calibration.conformal import q_values
from probe.shadow.pool import side
from tests.audit.drawn import drawn, flags

DRAWS = 1200


def one_model(changes: list[float], deleted: int) -> tuple[ByModel, Deviations]:
    """A model after that is so far from one retrained model."""
    values = np.array(changes)
    phi = ByModel(values + 1, values[None], np.zeros((1, len(values))))
    return phi, deviations(phi, flags(deleted, len(values) - deleted))


def test_one_retrained_model_by_hand() -> None:
    """Unseen changes 1, 2, 3, 4, 5: mean 3, sd 1.5811; a deleted text at 8 is 5 / (1.5811 sqrt(1 + 1/5)) above."""
    _, found = one_model([8, -2, 1, 2, 3, 4, 5], 2)
    assert found.inflation == pytest.approx(2.5**0.5)
    assert found.z == pytest.approx([5 / 3**0.5, -5 / 3**0.5])
    assert found.p_t == pytest.approx([0.044709] * 2, abs=1e-6)  # of 4 degrees of freedom
    assert found.p == pytest.approx([1 / 6, 1 / 6])
    assert not len(found.plain)


def test_an_unseen_text_is_held_against_the_others() -> None:
    changes = np.array([0.3, 1.0, -0.4, 2.0, 0.1, 0.7])
    _, found = one_model([0.0, *changes], 1)
    for place, value in enumerate(changes):
        rest = np.delete(changes, place)
        z = (value - rest.mean()) / (rest.std(ddof=1) * (1 + 1 / 5) ** 0.5)
        assert found.unseen_z[place] == pytest.approx(z)
        assert found.unseen[place] == pytest.approx(2 * t.sf(abs(z), 4))


def test_conformal_by_hand() -> None:
    """Unseen at 0, 1, 2 and a text at 10: the centre is 3.25, from which they stray 3.25, 2.25, 1.25, and it 6.75."""
    values, ones, deleted = np.array([10.0, 1.0, -0.5, 0.0, 1.0, 2.0]), np.ones(6), flags(3, 3)
    assert conformal(values, ones, deleted) == pytest.approx([1 / 4, 1, 2 / 4])  # -.5 strays 1.125 from .625, 2 more
    assert conformal(-values, ones, deleted) == pytest.approx([1 / 4, 1, 2 / 4])
    wide = np.array([0.1, 1, 1, 1, 1, 1])  # of a text that strays ten times as far by itself: 7.425 of its own spreads
    assert conformal(values, wide, deleted)[0] == 1


def test_a_text_s_own_spread_counts_as_far_as_texts_agree() -> None:
    phi = drawn(0, retrained=4, after=2)
    unseen = ~flags(40, 40)
    scale, freedom = spread(phi, unseen)
    centred = phi.retrained - phi.retrained[:, unseen].mean(1, keepdims=True)
    prior = side(centred, np.ones(centred.shape, bool))
    own = centred[:, 5]
    a = prior.a0 + 3 / 2
    b = prior.b0 + 0.5 * sum((value - own.mean()) ** 2 for value in own)
    assert scale[5] == pytest.approx((b / a * (1 / 2 + 1 / 4)) ** 0.5) and freedom[5] == pytest.approx(2 * a)
    assert prior.a0 < 50  # spreads differ here; where they do not, a text's is the pooled one
    same, _ = spread(drawn(0, retrained=4, mixed=False), unseen)
    assert np.ptp(same) / same.mean() < np.ptp(scale) / scale.mean() / 2


def test_p_by_t_is_the_predictive_one_widened_by_unseen_texts() -> None:
    phi, deleted = drawn(3, left=0.2), flags(40, 40)
    found = deviations(phi, deleted)
    scale, freedom = spread(phi, ~deleted)
    change = phi.after.mean(0) - phi.retrained.mean(0)
    centre, noise = change[~deleted].mean(), (scale[~deleted] ** 2).mean()
    plain = []
    for place in np.flatnonzero(~deleted):
        others = np.delete(change[~deleted], place - 40).mean()
        plain.append((change[place] - others) / (scale[place] ** 2 + noise / 39) ** 0.5)
    assert found.plain == pytest.approx(2 * t.sf(np.abs(plain), freedom[~deleted]))
    assert found.inflation == pytest.approx(np.sqrt(np.mean(np.square(plain))))
    z = (change[7] - centre) / (scale[7] ** 2 + noise / 40) ** 0.5 / max(1, found.inflation)
    assert found.z[7] == pytest.approx(z) and z > 0
    assert found.p_t[7] == pytest.approx(2 * t.sf(abs(z), min(freedom[7], 39)))
    strays = np.abs((change - np.r_[change[40:], change[7]].mean()) / scale)
    assert found.p[7] == pytest.approx((1 + (strays[40:] >= strays[7]).sum()) / 41)
    calm = deviations(replace(phi, after=phi.retrained.mean(0, keepdims=True)), deleted)
    assert calm.inflation < 1e-6 and np.abs(calm.z).max() < 1e-6  # never below 1: too calm a model is no finding


def test_two_sided() -> None:
    found = two_sided(np.array([1.96, -1.96, 0.0, 2.0]), np.array([np.inf, np.inf, 3.0, 4.0]))
    assert found == pytest.approx([0.05, 0.05, 1.0, 0.116117], abs=1e-4)


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 3))
def test_traces_and_over_forgetting_are_mirror_images(seed: int, retrained: int, after: int) -> None:
    phi, deleted = drawn(seed, retrained=retrained, after=after, left=0.3, deleted=12, unseen=30), flags(12, 30)
    mirrored = ByModel(-phi.before, -phi.after, -phi.retrained)
    one, other = deviations(phi, deleted), deviations(mirrored, deleted)
    assert other.z == pytest.approx(-one.z)
    for name in ("p", "p_t", "alone", "unseen", "plain"):
        assert getattr(other, name) == pytest.approx(getattr(one, name)), name
    q = np.array(q_values(one.p.tolist()))
    swap = {Outcome.TRACES: Outcome.OVER, Outcome.OVER: Outcome.TRACES, Outcome.UNSHOWN: Outcome.UNSHOWN}
    assert calls(other, q, 0.05) == [swap[call] for call in calls(one, q, 0.05)]
    assert outstanding(other, 0.05) == outstanding(one, 0.05)[::-1]


@given(st.integers(0, 10_000), st.lists(st.floats(-9, 9), min_size=6, max_size=6))
def test_a_model_that_is_better_or_worse_at_everything_shows_nothing(seed: int, shifts: list[float]) -> None:
    phi, deleted = drawn(seed, after=2, deleted=8, unseen=20), flags(8, 20)
    before, *rest = shifts
    after, retrained = np.array(rest[:2])[:, None], np.array(rest[2:])[:, None]
    moved = ByModel(phi.before + before, phi.after + after, phi.retrained + retrained)
    one, other = deviations(phi, deleted), deviations(moved, deleted)
    assert other.z == pytest.approx(one.z, abs=1e-6) and other.p_t == pytest.approx(one.p_t, abs=1e-6)


@pytest.fixture(scope="module", params=[(1, 1), (1, 3), (2, 2)], ids=str)
def null(request: pytest.FixtureRequest) -> list[Deviations]:
    """Draws in which the models after are more retrained ones."""
    after, retrained = request.param
    dice = np.random.default_rng(7)
    return [
        deviations(drawn(dice, after=after, retrained=retrained, deleted=20, unseen=39), flags(20, 39))
        for _ in range(DRAWS)
    ]


def test_p_is_uniform_where_nothing_is_left(null: list[Deviations]) -> None:
    """One text of each draw, for those of one draw share their models."""
    p = np.array([found.p[0] for found in null])
    for level in (0.05, 0.25, 0.5, 0.75):
        low, high = binom.interval(0.999, DRAWS, level)  # p takes the multiples of 1/40
        assert low <= (p <= level + 1e-9).sum() <= high, level
    up, down = (np.mean([found.z[0] * sign > 0 for found in null]) for sign in (1, -1))
    assert abs(up - down) < 0.1  # both directions come alike often


def test_no_text_is_called_or_stands_out_too_often_where_nothing_is_left(null: list[Deviations]) -> None:
    most = binom.ppf(0.999, DRAWS, 0.05)
    assert sum((found.alone <= 0.05).any() for found in null) <= most
    q = [np.array(q_values(found.p.tolist())) for found in null]
    assert sum(any(call is not Outcome.UNSHOWN for call in calls(*one, 0.05)) for one in zip(null, q, strict=True)) <= (
        2 * most
    )
    flagged = np.array([found.p_t[0] <= 0.05 for found in null]).sum()
    assert DRAWS * 0.02 <= flagged <= binom.ppf(0.999, DRAWS, 0.06)  # spreads are mixed: no law of p_t is exact here


def test_one_whole_text_among_many_stands_out_and_one_that_is_forgotten_too_well() -> None:
    phi, deleted = drawn(1, deleted=100, unseen=60), flags(100, 60)
    for place, size in ((4, 3.0), (9, -3.0)):
        phi.after[:, place] += size
    found = deviations(phi, deleted)
    assert outstanding(found, 0.05) == ((4,), (9,))
    q = np.array(q_values(found.p.tolist()))
    assert q.min() > 0.05  # with 60 unseen texts no q-value could say so
    said = calls(found, q, 0.05)
    assert (said[4], said[9], said.count(Outcome.UNSHOWN)) == (Outcome.TRACES, Outcome.OVER, 98)


def test_no_text_stands_out_that_an_unseen_one_outdoes() -> None:
    phi, deleted = drawn(1, deleted=3, unseen=100), flags(3, 100)
    phi.after[:, 1] += 5.0
    assert outstanding(deviations(phi, deleted), 0.05) == ((1,), ())
    phi.after[:, -1] += 5.5
    found = deviations(phi, deleted)
    assert 3 * two_sided(found.z, np.full(3, 4.0))[1] < 0.05 and outstanding(found, 0.05) == ((), ())


def test_traces_of_most_texts_are_called() -> None:
    found = deviations(drawn(2, left=2.0), flags(40, 40))
    q = np.array(q_values(found.p.tolist()))
    assert calls(found, q, 0.05).count(Outcome.TRACES) >= 38 and q.min() == pytest.approx(1 / 41, rel=0.06)
    none = replace(found, alone=np.ones(40))
    assert calls(none, q, 0.05).count(Outcome.TRACES) >= 38 and calls(none, q, 0.02).count(Outcome.TRACES) == 0
