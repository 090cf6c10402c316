"""Known answers worked by hand, the sign of every score, and the traps that peers fell into."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import UnknownName
from probe.scores import TABLE, choose, copies_for, score_all
from probe.scores.base import Method
from probe.scores.fitted import Fitted
from probe.scores.view import View
from probe.types import Evidence, Score, Tokens, TokenStats, Unscored

TEXT = "abcdefghij"


def stats(
    logprob: list[float], mu: float | None = -1.0, sigma: float = 2.0, rank: int = 1, first: int = 7
) -> TokenStats:
    n = len(logprob)
    span = np.arange(n, dtype=np.int32)
    tokens = Tokens(np.array([first, *range(n)], dtype=np.int32), span, span + 1, has_bos=True)
    moments = (None, None) if mu is None else (np.full(n, mu, np.float32), np.full(n, sigma, np.float32))
    return TokenStats(tokens, np.array(logprob, np.float32), np.full(n, rank, np.int32), *moments)


def evidence(
    target: TokenStats,
    reference: TokenStats | None = None,
    lowercase: TokenStats | None = None,
    **copies: list[TokenStats],
) -> Evidence:
    made = copies | ({"lowercase": [lowercase]} if lowercase else {})
    return Evidence(TEXT, target, reference or Unscored("no reference model is given"), made)


def value(name: str, *args: TokenStats | None, smoothing: float = 1.0) -> float:
    found = TABLE[name](evidence(*args), Fitted(smoothing))  # type: ignore[arg-type]
    assert found.value is not None, found.reason
    return found.value


L = [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -9.0, -10.0]
R = [-2.0] * 10
ELSEWHERE = {  # what reads more than one pass, or what was learned: their signs have tests of their own
    "pac", "camia", "neighbour", "recall", "conrecall", "dcpdd", "samia", "gradnorm", "spv", "tokenwise",
    "combined", *(name for name, method in TABLE.items() if "shadows" in method.needs),
}  # fmt: skip
SIZE = len(zlib.compress(TEXT.encode(), 6))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss", -5.5),
        ("zlib", -5.5 / SIZE),
        ("zlib_rate", -55 / SIZE),
        ("lowercase", 11 / 5.5),
        ("mink", -9.5),  # k = floor(.2 * 10) = 2
        ("minkpp", (-9.5 + 1.0) / 2.0),
        ("surp", -8.5),  # the four lowest: entropy 1.0 < 2.0
        ("ref", -5.5 + 2.0),
        ("ref_bytes", (20 - 55) / 10 / math.log(2)),
        ("minkpp_diff", (-9.5 + 1.0) / 2.0 - (-2.0 + 1.0) / 2.0),
        ("ez", (1 + 1) / (36 + 1)),  # P = 1, N = 1 + ... + 8
    ],
)
def test_known_answer(name: str, expected: float) -> None:
    assert value(name, stats(L), stats(R), stats([-11.0] * 10)) == pytest.approx(expected, rel=1e-6)


def test_wbc_counts_windows_of_every_width_and_breaks_ties_by_ref() -> None:
    # d = +1, +1, -3: width 2 has sums 2 and -2 (share .5), width 3 has -1 (share 0); longer windows do not fit
    found = value("wbc", stats([-1.0, -1.0, -5.0]), stats([-2.0, -2.0, -2.0]))
    assert found == pytest.approx(0.25, abs=1e-6)
    more = value("wbc", stats([-1.0, -1.0, -4.9]), stats([-2.0, -2.0, -2.0]))
    assert found < more < found + 1e-6


def test_minkpp_takes_its_own_lowest_not_those_of_the_logprob() -> None:
    target = stats([-1.0, -9.0, -1.0, -1.0, -1.0])
    sharp = TokenStats(
        target.tokens, target.logprob, target.rank,
        mu=np.array([-0.1, -8.0, -1.0, -1.0, -1.0], np.float32), sigma=np.array([0.1, 4.0, 1, 1, 1], np.float32),
    )  # fmt: skip
    assert value("minkpp", sharp) == pytest.approx(-9.0, rel=1e-5)  # (-1 + .1) / .1, not (-9 + 8) / 4


def test_lowest_share_keeps_at_least_one_token() -> None:
    assert value("mink", stats([-3.0, -1.0])) == -3.0
    assert value("mink", stats([-3.0])) == -3.0


def test_a_zero_loss_token_is_evidence() -> None:
    assert value("loss", stats([0.0, -2.0])) == -1.0
    assert value("mink", stats([0.0] * 10)) == 0.0


def test_ez_ranks_the_best_memorised_text_first() -> None:
    memorised = value("ez", stats([-0.01] * 10, rank=0), stats([-4.0] * 10))
    boilerplate = value("ez", stats([-0.01] * 10, rank=0), stats([-0.01] * 10))
    stranger = value("ez", stats([-4.0] * 10), stats([-3.5] * 10))
    assert memorised > boilerplate > stranger
    assert boilerplate == pytest.approx(1.0)


def test_surp_needs_a_confident_surprise() -> None:
    found = TABLE["surp"](evidence(stats(L, mu=-3.0)))
    assert found.value is None
    assert found.reason == "no token is both surprising and confidently predicted"


@pytest.mark.parametrize("name", [name for name in TABLE if name not in ELSEWHERE])
@given(shift=st.floats(0.05, 0.9), seed=st.integers(0, 1000))
def test_every_score_rises_when_every_logprob_rises(name: str, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = -rng.uniform(1, 6, 12)
    reference, lowercase = stats(list(-rng.uniform(1, 6, 12))), stats(list(-rng.uniform(1, 6, 12)))
    before, after = (value(name, stats(list(low + extra)), reference, lowercase) for extra in (0.0, shift))
    assert after > before


@pytest.mark.parametrize("name", ["ref", "ref_bytes", "wbc", "ez", "minkpp_diff"])
def test_without_a_reference_the_reason_says_so(name: str) -> None:
    assert TABLE[name](evidence(stats(L))) == Score(reason="no reference model is given")


@pytest.mark.parametrize("name", ["ref", "wbc", "ez", "minkpp_diff"])
def test_other_tokens_have_no_differences(name: str) -> None:
    other = TABLE[name](evidence(stats(L), stats(R, first=8)))
    assert other.value is None and "another tokenizer" in str(other.reason)
    vocabulary = Evidence(TEXT, stats(L), stats(R), same_tokenizer=False)
    assert TABLE[name](vocabulary).value is None
    assert TABLE["ref_bytes"](vocabulary).value is not None


@pytest.mark.parametrize("name", ["minkpp", "surp", "minkpp_diff"])
def test_an_engine_without_moments_says_so(name: str) -> None:
    found = TABLE[name](evidence(stats(L, mu=None), stats(R)))
    assert found == Score(reason="this engine gives no full-vocabulary moments")


def test_pac_is_the_mean_over_copies_of_what_swapping_adds() -> None:
    """PD of L: highest 5% of 10 is one token, -1; lowest 30% are three, -9 in the mean; so 8 nats. PD of R: 0."""
    alike = evidence(stats(L), swaps=[stats(R), stats(L), stats([3 * value for value in L])])
    assert TABLE["pac"](alike).value == pytest.approx((0 + 8 + 24) / 3 - 8)
    assert TABLE["pac"](evidence(stats(L), swaps=[])).reason == "the text has no two different words to swap"
    assert TABLE["pac"](evidence(stats(L))).reason == "not requested"


def behind(**stats_by_role: TokenStats) -> Evidence:
    return Evidence(TEXT, stats(L), Unscored("no reference model is given"), {}, stats_by_role)


def test_recall_and_conrecall_compare_the_text_behind_a_prefix_with_it_alone() -> None:
    """L(x) = 5.5, behind non-members 11, behind members 2, nats."""
    both = behind(nonmembers=stats([2 * value for value in L]), members=stats(R))
    assert TABLE["recall"](both).value == pytest.approx(11 / 5.5)
    assert TABLE["conrecall"](both).value == pytest.approx((11 - 0.5 * 2) / 5.5)
    assert TABLE["conrecall"](behind(nonmembers=stats(R))).reason == "not requested"
    assert TABLE["recall"].passes == 2 and TABLE["conrecall"].passes == 3
    assert not choose(None) & {"recall", "conrecall"}  # which need texts that only the user has
    certain = Evidence(TEXT, stats([0.0] * 3), stats(R), {}, {"nonmembers": stats(R)})
    assert TABLE["recall"](certain).reason == "the loss is exactly 0, so the ratio has no bound"


def test_dcpdd_weighs_first_occurrences_by_how_rare_they_are() -> None:
    """Ids 0 1 0 2; p = .001 .002 .5 .25; f = 1/e^4, 1/e^2, 1/e^4, 1/e^9: .004, .004, (not again), the ceiling."""
    ids = np.array([9, 0, 1, 0, 2], dtype=np.int32)
    span = np.arange(4, dtype=np.int32)
    logprob = np.log([0.001, 0.002, 0.5, 0.25]).astype(np.float32)
    found = TokenStats(Tokens(ids, span, span + 1, has_bos=True), logprob, np.ones(4, np.int32))
    made = Evidence(TEXT, found, Unscored("none"), rarity=np.array([4.0, 2.0, 4.0, 9.0]))
    assert TABLE["dcpdd"](made).value == pytest.approx((0.004 + 0.004 + 0.01) / 3, rel=1e-5)
    assert "memprobe frequencies FILES" in str(TABLE["dcpdd"](evidence(stats(L))).reason)


def test_dcpdd_ranks_a_rare_token_over_a_common_one() -> None:
    rare, common = (
        Evidence(TEXT, stats([-7.0] * 3), Unscored("none"), rarity=np.full(3, value)) for value in (9.0, 1.0)
    )
    assert TABLE["dcpdd"](rare).value > TABLE["dcpdd"](common).value  # type: ignore[operator]


def test_one_copy_that_cannot_be_scored_leaves_no_score() -> None:
    made = Evidence(TEXT, stats(L), stats(R), {"swaps": [stats(R), Unscored("the text is empty")]})
    assert TABLE["pac"](made) == Score(reason="the text is empty")


def test_scores_of_many_passes_are_computed_where_they_are_named() -> None:
    assert TABLE["loss"].passes == 1 and TABLE["lowercase"].passes == 2 and TABLE["pac"].passes == 6
    assert "lowercase" in choose(None) and "pac" not in choose(None)
    assert set(copies_for(choose(["pac", "lowercase", "loss"]))) == {"swaps", "lowercase"}


def test_a_score_that_raises_loses_itself_only() -> None:
    def broken(view: View) -> float:
        raise KeyError("nothing")

    found = Method("broken", broken, ("logprob",), "a test").of(View(evidence(stats(L))))
    assert found.value is None and str(found.reason).startswith("the score failed with KeyError (test_scores.py, line ")


def test_choice() -> None:
    chosen = score_all(View(evidence(stats(L))), choose(["loss"]))
    assert list(chosen) == list(TABLE)
    assert chosen["loss"].value == -5.5
    assert chosen["mink"] == Score(reason="not requested")
    with pytest.raises(UnknownName, match=r"No score named typo. There are: loss"):
        choose(["loss", "typo"])


def test_table_cites_a_paper_for_every_score() -> None:
    assert all("arXiv:" in method.paper for method in TABLE.values())
