"""The token model's arithmetic by hand: features of a token, the usual gain of an id, the mean of the log-odds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from probe.scores import TABLE
from probe.scores.fitted import Fitted
from probe.scores.token_model import TokenModel, Usual, pairs_of
from probe.scores.tokenwise import NAMES, features, odds
from probe.scores.trees import Trees
from probe.scores.view import View
from probe.types import Tokens, TokenStats
from tests.scores.test_scores import evidence, stats


def tree(name: str, threshold: float, low: float, high: float) -> Trees:
    """One question: is the feature at most the threshold?"""
    nodes = [np.array(column, np.int32) for column in ([1, 1, 2], [2, 1, 2], [NAMES.index(name), 0, 0])]
    return Trees(np.array([0], np.int32), *nodes, np.array([threshold, 0, 0]), np.array([0, low, high]), 0.25, 1)


def with_ids(made: TokenStats, ids: list[int]) -> TokenStats:
    span = made.tokens.start
    tokens = Tokens(np.array(ids, np.int32), span, span, has_bos=True)
    return TokenStats(tokens, made.logprob, made.rank, made.mu, made.sigma)


IDS = [7, 4, 5, 4]
TARGET = with_ids(stats([-1.0, -2.0, -3.0], mu=-1.0, sigma=2.0, rank=1), IDS)
REFERENCE = with_ids(stats([-2.0, -4.0, -2.0], mu=-3.0, sigma=0.5, rank=3), IDS)


def test_features_by_hand() -> None:
    """d = 1 2 -1; z under the target (l + 1) / 2, under the reference (r + 3) / .5."""
    usual, pair = np.array([0.5, 0.1, 0.2, 0.1]), np.array([0.25, 0.5, 0.0])
    found = dict(zip(NAMES, features(View(evidence(TARGET, REFERENCE)), usual, pair).T.tolist(), strict=True))
    rank = math.log(2) - math.log(4)
    wanted = {
        "logprob": [-2, -4, -2], "entropy": [3, 3, 3], "z": [2, -2, 2], "log_rank": [math.log(4)] * 3,
        "gain": [1, 2, -1], "beyond_usual": [0.9, 1.8, -1.1], "entropy_gain": [-2, -2, -2], "z_gain": [-2, 1.5, -3],
        "log_rank_gain": [rank] * 3, "usual": [0.1, 0.2, 0.1], "usual_before": [0.5, 0.1, 0.2],
        "gain_before": [0, 1, 2], "gain_after": [2, -1, 0], "log_place": [0, math.log(2), math.log(3)],
        "repeats": [0, 0, 1], "usual_pair": [0.25, 0.5, 0], "beyond_pair": [0.75, 1.5, -1],
        "beyond_near": [1.25 / 3] * 3,
    }  # fmt: skip
    assert set(wanted) == set(found)
    for name, values in wanted.items():
        assert found[name] == pytest.approx(values, abs=1e-6), name


def alone(single: list[float]) -> Usual:
    return Usual(np.array(single), np.array([], np.int64), np.array([]))


def test_an_id_that_was_never_met_gains_what_all_do() -> None:
    single, pair = alone([1.0, 2.0, 0.5])(np.array([1, 0, 2, 99], np.int32))
    assert single.tolist() == [2.0, 1.0, 0.5, 0.5] and pair.tolist() == [1.0, 0.5, 0.5]


def test_a_pair_that_was_met_gains_what_it_did() -> None:
    keys = np.sort(pairs_of(np.array([1, 0, 1], np.int32)))  # 1 behind 0, then 0 behind 1
    usual = Usual(np.array([1.0, 2.0, 0.5]), keys, np.array([7.0, 8.0]))
    assert usual(np.array([1, 0, 0, 1], np.int32))[1].tolist() == [8.0, 1.0, 7.0]


def test_tokenwise_is_the_mean_of_the_log_odds_and_higher_for_what_gained_more_than_usual() -> None:
    """Gains beyond the usual: 1, 2 - 3, -1; so one token of three lies above 0."""
    usual = alone([0.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0])
    model = TokenModel(usual, tree("beyond_usual", 0.0, -1.0, 2.0))
    fitted = Fitted(tokens=model)
    made = evidence(TARGET, REFERENCE)
    assert odds(View(made), model).tolist() == [2.25, -0.75, -0.75]
    assert TABLE["tokenwise"](made, fitted).value == pytest.approx((2 - 1 - 1) / 3 + 0.25)


def test_it_says_what_it_lacks() -> None:
    fitted = Fitted(tokens=TokenModel(alone([0.0]), tree("gain", 0.0, -1.0, 1.0)))
    assert "name a calibration" in str(TABLE["tokenwise"](evidence(TARGET, REFERENCE)).reason)
    assert "reference" in str(TABLE["tokenwise"](evidence(TARGET), fitted).reason)
    plain = with_ids(stats([-2.0, -4.0, -2.0], mu=None), IDS)
    assert "moments" in str(TABLE["tokenwise"](evidence(TARGET, plain), fitted).reason)
    other = with_ids(stats([-2.0, -4.0, -2.0]), [7, 4, 5, 6])
    assert "another tokenizer" in str(TABLE["tokenwise"](evidence(TARGET, other), fitted).reason)
