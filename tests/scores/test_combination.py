"""The learned score's arithmetic, by hand: a logistic model, a tree, a row of features."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from probe.scores import TABLE
from probe.scores.combination import Combination
from probe.scores.features import NAMES, row
from probe.scores.fitted import Fitted
from probe.scores.trees import Trees
from probe.scores.view import View
from probe.types import Evidence, Score, Unscored
from tests.scores.test_scores import evidence, stats

# two trees; the first asks x0 <= 1, and where not x1 <= 5; the second is a leaf
#   0: x0 <= 1 ? 1 : 2     1: leaf -1     2: x1 <= 5 ? 3 : 4     3: leaf 2     4: leaf 8     5: leaf .5
TREES = Trees(
    roots=np.array([0, 5], np.int32), left=np.array([1, 1, 3, 3, 4, 5], np.int32),
    right=np.array([2, 1, 4, 3, 4, 5], np.int32), feature=np.array([0, 0, 1, 0, 0, 0], np.int32),
    threshold=np.array([1.0, 0, 5.0, 0, 0, 0]), value=np.array([0.0, -1.0, 0.0, 2.0, 8.0, 0.5]), start=-0.25, depth=2,
)  # fmt: skip
MODEL = Combination(
    ("x0", "x1"), "both", fill=np.array([0.5, 4.0]), center=np.array([1.0, 2.0]), scale=np.array([2.0, 1.0]),
    weights=np.array([3.0, -1.0]), bias=0.5, trees=TREES,
)  # fmt: skip


@pytest.mark.parametrize(
    ("x", "leaf"), [((1.0, 9.0), -1.0), ((1.1, 5.0), 2.0), ((1.1, 5.1), 8.0), ((-math.inf, 0.0), -1.0)]
)
def test_a_row_falls_to_its_leaf(x: tuple[float, float], leaf: float) -> None:
    other = (0.0, 0.0)
    assert TREES(np.array([x, other, x])).tolist() == [-0.25 + leaf + 0.5, -0.25 - 1.0 + 0.5, -0.25 + leaf + 0.5]


def test_each_kind_speaks_as_it_is_named() -> None:
    """x = (3, 4): logistic 3 * (3 - 1) / 2 - (4 - 2) + .5 = 1.5; trees -.25 + 2 + .5 = 2.25."""
    x = np.array([3.0, 4.0])
    assert replace(MODEL, kind="logistic")(x) == pytest.approx(1.5)
    assert replace(MODEL, kind="boosted")(x) == pytest.approx(2.25)
    assert MODEL(x) == pytest.approx((1.5 + 2.25) / 2)


def test_a_missing_feature_is_the_training_median() -> None:
    assert MODEL(np.array([np.nan, 4.0])) == MODEL(np.array([0.5, 4.0]))
    assert MODEL(np.array([3.0, np.nan])) == MODEL(np.array([3.0, 4.0]))


def test_a_row_of_features_by_hand() -> None:
    """l = -1 -2 -3, r = -2 -4 -2, so d = 1 2 -1; entropy 1 nat, every rank 1."""
    made = evidence(stats([-1.0, -2.0, -3.0]), stats([-2.0, -4.0, -2.0]))
    found = dict(zip(NAMES, row(View(made)), strict=True))
    spread = math.sqrt(6 / 3 - 4 / 9)
    wanted = {
        "loss": -2.0, "mink": -3.0, "ref": 2 / 3, "log_tokens": math.log(3), "entropy": 1.0,
        "mean_log_rank": math.log(2), "argmax_share": 0.0, "spread": math.sqrt(2 / 3), "fall": -2.0,
        "below_mean": 1 / 3, "below_past": 0.0, "reference_loss": 8 / 3, "gain_t": 2 / 3 / spread * math.sqrt(3),
        "gain_share": 2 / 3, "gain_hard": 2.0, "gain_easy": 0.0, "gain_spread": spread, "gain_q05": -0.8,
        "gain_q25": 0.0, "gain_q50": 1.0, "gain_q75": 1.5, "gain_q95": 1.9,
    }  # fmt: skip
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name
    scores = set(NAMES) - set(wanted)
    learned = {"tokenwise", "tokenwise_root"}
    assert scores == {"zlib", "zlib_rate", "minkpp", "surp", "ref_bytes", "wbc", "ez", "minkpp_diff"} | learned
    for name in scores - learned:
        assert found[name] == TABLE[name](made).value
    view = View(made)
    view.known["tokenwise"] = Score(0.5)
    found = dict(zip(NAMES, row(view), strict=True))
    assert found["tokenwise"] == 0.5 and found["tokenwise_root"] == pytest.approx(0.5 * math.sqrt(3))


def test_what_the_evidence_lacks_is_missing_in_the_row() -> None:
    found = dict(zip(NAMES, row(View(evidence(stats([-1.0, -2.0], mu=None)))), strict=True))
    lacking = {name for name, value in found.items() if np.isnan(value)}
    assert {"entropy", "minkpp", "surp", "ref", "ref_bytes", "wbc", "ez", "minkpp_diff", "gain_hard"} <= lacking
    assert not {"loss", "zlib", "mink", "spread", "fall"} & lacking


def test_combined_weighs_the_row_and_says_what_it_lacks() -> None:
    made = evidence(stats([-1.0, -2.0, -3.0]), stats([-2.0, -4.0, -2.0]))
    n = len(NAMES)
    weights = np.zeros(n)
    weights[NAMES.index("ref")] = 2.0
    model = Combination(NAMES, "logistic", np.zeros(n), np.zeros(n), np.ones(n), weights, 1.0, TREES)
    assert TABLE["combined"](made, Fitted(combination=model)).value == pytest.approx(2 * 2 / 3 + 1)
    alone = Evidence("a", stats([-1.0, -2.0]), Unscored("no reference"))
    assert TABLE["combined"](alone, Fitted(combination=model)).value == pytest.approx(1.0)  # the fill stands for ref
    assert "name a calibration" in str(TABLE["combined"](made).reason)
