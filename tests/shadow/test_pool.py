"""Pooled spreads find again what shadows were drawn with, each side from its own models."""

from __future__ import annotations

import numpy as np
import pytest

from probe.errors import ModelError
from probe.shadow.pool import pool, side
from probe.shadow.universe import halves

TEXTS, MODELS, TOKENS = 1500, 16, 40


def test_each_side_has_its_own_spread_and_the_prior_its_own_texts() -> None:
    dice = np.random.default_rng(0)
    inside = halves(TEXTS, MODELS, 0, dice)
    level = dice.normal(-3, 0.5, TEXTS)
    phi = level + np.where(inside, 0.4 + dice.normal(0, 0.1, inside.shape), dice.normal(0, 0.3, inside.shape))
    found = pool(phi, inside, [np.repeat(column[:, None], 3, axis=1) for column in phi.T])
    assert found.ins.sd == pytest.approx(0.1, rel=0.05) and found.outs.sd == pytest.approx(0.3, rel=0.05)
    assert found.ins.m0 == pytest.approx(-2.6, abs=0.05) and found.outs.m0 == pytest.approx(-3.0, abs=0.05)
    assert found.outs.k0 == pytest.approx(0.09 / 0.25, rel=0.2)
    for one in (found.ins, found.outs):  # all texts scatter alike, so the prior of the variance is narrow
        assert one.a0 > 20 and one.b0 / (one.a0 - 1) == pytest.approx(one.sd**2)


def test_texts_that_scatter_unlike_widen_the_prior_of_the_variance() -> None:
    dice = np.random.default_rng(1)
    own = np.sqrt(1 / dice.gamma(4, 1 / 0.3, TEXTS))  # variances InverseGamma(4, .3)
    phi = dice.normal(-3, 0.5, TEXTS) + own * dice.normal(size=(MODELS, TEXTS))
    found = side(phi, np.ones((MODELS, TEXTS), dtype=bool))
    assert 3 < found.a0 < 6 and found.sd == pytest.approx(np.sqrt(0.1), rel=0.1)


def test_tokens_scatter_by_how_likely_they_are_and_with_their_neighbours() -> None:
    dice = np.random.default_rng(2)
    inside = halves(300, MODELS, 0, dice)
    texts = []
    for flags in inside.T:
        usual = dice.uniform(-8, 0, TOKENS)
        chain = np.zeros((MODELS, TOKENS))
        chain[:, 0] = dice.normal(size=MODELS)
        for place in range(1, TOKENS):
            chain[:, place] = 0.5 * chain[:, place - 1] + np.sqrt(0.75) * dice.normal(size=MODELS)
        texts.append(usual + flags[:, None] * 0.2 + np.where(usual < -4, 0.9, 0.3) * chain)
    found = pool(np.array([text.mean(1) for text in texts]).T, inside, texts)
    spread = found.token_sd[np.searchsorted(found.edges, [-6.0, -2.0])]
    assert spread == pytest.approx([0.9, 0.3], rel=0.1) and found.correlation == pytest.approx(0.5, abs=0.03)
    assert found.shift == pytest.approx(0.2, abs=0.1) and found.pull.min() > 20  # all tokens shift alike


def test_tokens_that_shift_unlike_pull_less() -> None:
    """Differences of standard deviation .4 between tokens, .5 over models: as much as (.5 / .4)^2 models show."""
    dice = np.random.default_rng(3)
    inside = halves(400, MODELS, 0, dice)
    texts = [
        dice.normal(-4, 2, TOKENS) + flags[:, None] * dice.normal(0.3, 0.4, TOKENS)
        + 0.5 * dice.normal(size=(MODELS, TOKENS)) for flags in inside.T
    ]  # fmt: skip
    found = pool(np.array([text.mean(1) for text in texts]).T, inside, texts)
    assert np.median(found.pull) == pytest.approx(25 / 16, rel=0.2) and np.median(found.shift) == pytest.approx(
        0.3, abs=0.05
    )


def test_two_models_are_too_few() -> None:
    with pytest.raises(ModelError, match="at least four"):
        side(np.zeros((2, 5)), np.array([[True] * 5, [False] * 5]))
