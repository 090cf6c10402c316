"""Scores that compare the target with shadow models: worked by hand, their signs, and what they lack."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from probe.scores import TABLE, feature_attack
from probe.scores.bavaria import predictive
from probe.scores.quantile import features
from probe.scores.shadowed import Pooled, Shadowed, Side, Vector, log_mean
from probe.shadow.quantiles import regress
from probe.types import Evidence, TokenStats, Unscored
from tests.scores.test_scores import TEXT, stats

INS, OUTS = Side(sd=0.2, m0=-1.0, k0=0.5, a0=3.0, b0=0.08), Side(sd=0.4, m0=-2.0, k0=0.25, a0=3.0, b0=0.32)
POOLED = Pooled(
    INS, OUTS, edges=np.array([-2.5]), token_sd=np.array([0.8, 0.5]), shift=np.array([2.0, 0.5]),
    pull=np.array([9, 0.8]), correlation=0.6,
)  # fmt: skip
ONLINE = ("lira", "lira_sequence", "bavaria")
EVERY = (*ONLINE, "lira_offline", "bavaria_offline", "rmia", "quantile")


def shadowed(ins: list[float], outs: list[float], background: tuple[float, ...] = (0.0, 0.5, 1.0, 1.5)) -> Shadowed:
    """Shadows that give every token the same log-likelihood."""
    models = [stats([value, value]) for value in (*ins, *outs)]
    flags = np.array([True] * len(ins) + [False] * len(outs))
    # quantiles of phi: what others say, and .5 nats above it
    lines = np.array([[0.0, 1.0, 0.0, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0, 0.0]])
    return Shadowed(models, flags, bool(ins), POOLED, np.array(background), quantiles=lines)


def score(name: str, target: TokenStats, found: Shadowed | Unscored) -> float | str:
    given = TABLE[name](Evidence(TEXT, target, Unscored("none"), shadows=found))
    return given.value if given.value is not None else str(given.reason)


TARGET = stats([-1.3, -1.1])  # phi = -1.2
FOUND = shadowed([-1.0, -1.2], [-2.0, -2.2, -2.4])


def test_lira_is_the_ratio_of_the_two_worlds() -> None:
    """mu_in = -1.1, mu_out = -2.2; sd^2 (1 + 1/n): .04 * 1.5 and .16 * 4/3, OUT's spread from OUT models."""
    expected = norm.logpdf(-1.2, -1.1, math.sqrt(0.06)) - norm.logpdf(-1.2, -2.2, math.sqrt(0.16 * 4 / 3))
    assert score("lira", TARGET, FOUND) == pytest.approx(expected, abs=1e-6)
    assert score("lira_offline", TARGET, FOUND) == pytest.approx(1.0 / math.sqrt(0.16 * 4 / 3), abs=1e-6)


def test_bavaria_is_the_ratio_of_two_students() -> None:
    """IN: k = 2.5, m = (-.5 - 2.2) / 2.5 = -1.08, a = 4, b = .08 + .01 + .5 * 2 * .01 / 5 = .092."""
    assert predictive(np.array([-1.0, -1.2]), INS) == pytest.approx((8, -1.08, math.sqrt(0.092 * 3.5 / (4 * 2.5))))
    place, b = (-0.5 - 6.6) / 3.25, 0.32 + 0.04 + 0.25 * 3 * 0.04 / 6.5
    scale = math.sqrt(b * 4.25 / (4.5 * 3.25))
    assert predictive(np.array([-2.0, -2.2, -2.4]), OUTS) == pytest.approx((9, place, scale))
    expected = t.logpdf(-1.2, 8, -1.08, math.sqrt(0.092 * 3.5 / 10)) - t.logpdf(-1.2, 9, place, scale)
    assert score("bavaria", TARGET, FOUND) == pytest.approx(expected, abs=1e-6)
    tail = t.cdf((-1.2 - place) / scale, 9)
    assert score("bavaria_offline", TARGET, FOUND) == pytest.approx(math.log(tail / (1 - tail)), abs=1e-5)


def test_rmia_is_the_share_of_the_population_with_a_smaller_ratio() -> None:
    """phi - log((e^-2 + e^-2.2 + e^-2.4) / 3) = -1.2 + 2.1866 = .9866; a tie counts, for the ratio is >= 1."""
    assert score("rmia", TARGET, FOUND) == 0.5
    ratio = -1.2 - math.log((math.exp(-2) + math.exp(-2.2) + math.exp(-2.4)) / 3)
    exact = -TARGET.loss - log_mean(np.array([-one.loss for one in FOUND.stats[2:]]))
    assert ratio == pytest.approx(exact, abs=1e-6)
    assert score("rmia", TARGET, replace(FOUND, background=np.array([0.0, exact]))) == 1.0


def test_sequence_lira_takes_tokens_as_a_chain() -> None:
    """A level of -1.65, above the edge; 1 / (1/2 + 1/3) = 1.2 models show 1.1, .8 of a model .5: d = 1.72 / 2 = .86;
    mu_out = (-2.2 - 6.6 - 2 * .86) / 5 = -2.104; sd .5 sqrt(1.2); the chain's second term (z2 - .6 z1) / .8.
    """

    def density(center: float) -> float:
        z = (TARGET.logprob.astype(float) - center) / (0.5 * math.sqrt(1.2))
        return float(norm.logpdf(z[0]) + norm.logpdf((z[1] - 0.6 * z[0]) / 0.8))

    assert score("lira_sequence", TARGET, FOUND) == pytest.approx(density(-2.104 + 0.86) - density(-2.104), abs=1e-5)


@pytest.mark.parametrize("name", EVERY)
@given(low=st.floats(-1.9, -1.5), step=st.floats(0.05, 0.3))
def test_a_likelier_text_is_a_likelier_member(name: str, low: float, step: float) -> None:
    found = shadowed([-1.0, -1.2], [-2.0, -2.2], tuple(np.linspace(0, 2, 200)))
    values = [score(name, stats([phi, phi]), found) for phi in (low, low + step)]
    assert values[0] < values[1]  # type: ignore[operator]


@pytest.mark.parametrize("name", EVERY)
def test_what_is_lacking_is_a_reason(name: str) -> None:
    assert "--shadows" in str(score(name, TARGET, Unscored("no shadow models are named (--shadows)")))
    outside = shadowed([], [-2.0, -2.2, -2.4])
    assert isinstance(score(name, TARGET, outside), str) == (name in ONLINE)
    assert "fewer than 2" in str(score(name, TARGET, shadowed([-1.0, -1.1], [-2.0])))
    if name in ONLINE:
        assert "no shadow model was trained on it" in str(score(name, TARGET, outside))
        assert "fewer than 2" in str(score(name, TARGET, shadowed([-1.0], [-2.0, -2.1])))


def test_quantile_is_the_distance_from_the_middle_in_units_of_the_spread() -> None:
    """q50 = log-mean of the OUT models' exp(phi), q90 = q50 + .5."""
    middle = math.log((math.exp(-2.0) + math.exp(-2.2) + math.exp(-2.4)) / 3)
    assert score("quantile", TARGET, FOUND) == pytest.approx((-1.2 - middle) / 0.5, abs=1e-6)
    crossed = replace(FOUND, quantiles=np.array([[0.0, 1.0, 0.0, 0.0, 0.0], [-0.5, 1.0, 0.0, 0.0, 0.0]]))
    assert score("quantile", TARGET, crossed) == pytest.approx((-1.2 - middle) / 1e-3, rel=1e-4)
    assert "too small" in str(score("quantile", TARGET, replace(FOUND, quantiles=None)))
    lengths = np.array([[0.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]])  # log 2, 1 / sqrt 2
    expected = (-1.2 - math.log(2)) / (1 / math.sqrt(2) - math.log(2))
    assert score("quantile", TARGET, replace(FOUND, quantiles=lengths)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", ["rmia", "quantile"])
def test_a_text_of_the_population_is_held_against_no_population(name: str) -> None:
    assert "of the population" in str(score(name, TARGET, replace(FOUND, apart=True)))
    assert isinstance(score("lira_offline", TARGET, replace(FOUND, apart=True)), float)


def test_quantiles_are_those_of_texts_alike() -> None:
    """phi = usual + noise whose spread falls with length: 2 / sqrt(tokens), of the normal law."""
    dice = np.random.default_rng(0)
    usual, tokens = dice.normal(-3, 0.5, 4000), dice.integers(10, 200, 4000).astype(float)
    phi = usual + dice.normal(0, 1, 4000) * 2 / np.sqrt(tokens)
    phi[:10] = np.nan
    found = regress(phi, usual, tokens)
    assert found is not None
    for size in (16, 100):
        middle, upper = found @ features(-3.2, size)
        assert middle == pytest.approx(-3.2, abs=0.05) and upper - middle == pytest.approx(
            1.2816 * 2 / size**0.5, rel=0.15
        )
    assert regress(phi[:100], usual[:100], tokens[:100]) is None


def test_rmia_without_population_and_attacks_that_were_not_learned() -> None:
    assert "nonmembers" in str(score("rmia", TARGET, replace(FOUND, background=np.zeros(0))))
    for name in ("shokri", "feature_attack"):
        assert "learned no attack" in str(score(name, TARGET, FOUND))


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=20))
def test_the_log_mean_is_that_of_the_mean(values: list[float]) -> None:
    assert log_mean(np.array(values)) == pytest.approx(math.log(np.mean(np.exp(values))), abs=1e-9)


class Linear:
    """Attacks that say the first feature of a text, its mean log-likelihood."""

    tokens = None

    def shokri(self, row: Vector) -> float:
        return float(row[0])

    def features(self, row: Vector) -> float:
        return float(row[feature_attack.NAMES.index("loss")])


def test_classifiers_say_their_log_odds_as_they_are() -> None:
    found = replace(FOUND, attacks=Linear())
    for name in ("shokri", "feature_attack"):
        assert score(name, TARGET, found) == pytest.approx(-1.2, abs=1e-6)
