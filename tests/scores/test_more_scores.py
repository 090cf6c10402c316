"""Known answers of the scores that read copies under both models, gradients or continuations."""

from __future__ import annotations

import numpy as np
import pytest

from probe.scores import TABLE, choose, compared_for, copies_for, needed
from probe.types import Evidence, Score, TokenStats, Unscored
from tests.scores.test_scores import L, R, evidence, stats

NONE = Unscored("no reference model is given")


def both(target: list[TokenStats | Unscored], reference: list[TokenStats | Unscored]) -> Evidence:
    return Evidence(
        "abcdefghij", stats(L), stats(R), {"neighbours": target}, reference_copies={"neighbours": reference}
    )


def test_neighbour_is_the_mean_drop_over_neighbours() -> None:
    """L(x) = 5.5 nats; its neighbours cost 6 and 8 (of another length): in the mean 1.5 more."""
    made = evidence(stats(L), neighbours=[stats([-6.0] * 10), stats([-8.0] * 7)])
    assert TABLE["neighbour"](made).value == pytest.approx(1.5)
    assert TABLE["neighbour"](evidence(stats(L), neighbours=[])).reason == (
        "no word of the text can be exchanged for another"
    )
    assert TABLE["neighbour"](evidence(stats(L))).reason == "not requested"
    assert TABLE["neighbour"].passes == 26


def test_spv_takes_off_what_the_neighbours_cost_the_reference() -> None:
    """Target: 7 - 5.5 = 1.5 nats; reference: 2.5 - 2 = .5."""
    made = both([stats([-6.0] * 10), stats([-8.0] * 7)], [stats([-3.0] * 10), stats([-2.0] * 7)])
    assert TABLE["spv"](made).value == pytest.approx(1.0)
    broken = both([stats(L)], [Unscored("out of memory")])
    assert TABLE["spv"](broken) == Score(reason="out of memory")
    assert TABLE["neighbour"](broken).value == pytest.approx(0)
    assert TABLE["spv"](Evidence("a", stats(L), NONE, {"neighbours": [stats(L)]})).reason == NONE.reason


def test_a_member_loses_more_by_an_exchange_of_words() -> None:
    known, unknown = (both([stats([low] * 10)], [stats([-2.5] * 10)]) for low in (-9.0, -6.0))
    for name in ("neighbour", "spv"):
        assert TABLE[name](known).value > TABLE[name](unknown).value  # type: ignore[operator]


def with_gradient(parts: list[float], windows: int = 1) -> Evidence:
    plain = stats([-1.0] * len(parts))
    column = np.array(parts, np.float32)
    return Evidence(
        "abcdefghij", TokenStats(plain.tokens, plain.logprob, plain.rank, gradient=column, windows=windows), NONE
    )


def test_gradnorm_is_the_norm_of_the_mean_gradient_turned() -> None:
    """Parts 9, -1, 8 add up to 16: the norm is 4, of the mean over 3 tokens 4/3."""
    assert TABLE["gradnorm"](with_gradient([9.0, -1.0, 8.0])).value == pytest.approx(-4 / 3)
    assert TABLE["gradnorm"](with_gradient([1e-9, -2e-9])).value == 0  # rounding may leave a sum under 0
    assert "several windows" in str(TABLE["gradnorm"](with_gradient([1.0], windows=2)).reason)
    assert "gives no gradients" in str(TABLE["gradnorm"](evidence(stats(L))).reason)
    flat, steep = TABLE["gradnorm"](with_gradient([1.0])).value, TABLE["gradnorm"](with_gradient([9.0])).value
    assert flat > steep  # type: ignore[operator]


def test_samia_reads_the_continuations_of_the_first_half() -> None:
    """Suffix "c d"; recalled 1, 1/2 (the prefix said again) and 0."""
    made = Evidence("a b c d", stats(L), NONE, continuations=["c d e", "a b d", "x"])
    assert TABLE["samia"](made).value == pytest.approx((1 + 0.5 + 0) / 3)
    assert TABLE["samia"](Evidence("a b c d", stats(L), NONE)).reason == "not requested"
    assert TABLE["samia"](Evidence("a", stats(L), NONE, continuations=["b"])).value is None
    assert TABLE["samia"].passes == 11


def test_what_the_models_must_do_is_known_from_the_table() -> None:
    chosen = choose(["spv", "neighbour", "loss"])
    assert set(copies_for(chosen)) == compared_for(chosen) == {"neighbours"}
    assert compared_for(choose(["neighbour", "pac"])) == set()
    assert needed("generate", choose(["samia"])) and not needed("gradient", choose(["samia"]))
    assert not choose(None) & {"neighbour", "spv", "samia", "gradnorm"}
