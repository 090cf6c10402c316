"""What a scan came to: the power it had, bins of p-values, the highest scores, and a decision that may be withheld."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.calibration.conformal import q_values_of
from probe.scans.nouns import Scan
from probe.scans.options import ScanOptions
from probe.scans.parts import Row
from probe.scans.summary import TOP, Summary, power

SCAN = Scan(
    "s", "default", "m", "finalizing", False, 0.0, {}, {}, {}, 0, True, {}, None, None, {"nonmembers": 99}, None
)  # fmt: skip


def row(number: int, p_value: float | None = 0.5, score: float | None = None, error: str | None = None) -> Row:
    return {
        "row": number, "id": None, "item": 0, "item_id": None, "verdict": "inconclusive", "p_value": p_value,
        "q_value": p_value, "score": score, "error": error,
    }  # fmt: skip


def test_two_million_rows_against_three_thousand_non_members_take_13329_at_the_smallest_p() -> None:
    said = power(2_000_000, 3_000, 0.05)
    assert "13,329" in said and "3,000" in said and "0.00033" in said


@given(st.integers(1, 3000), st.integers(1, 50), st.sampled_from([0.05, 0.1, 0.2]))
def test_the_power_is_where_the_q_value_of_the_smallest_p_falls_to_q(tested: int, nonmembers: int, q: float) -> None:
    """One row fewer at the smallest p, and none is selected."""
    smallest, least = 1 / (nonmembers + 1), -(-Fraction(tested) / ((nonmembers + 1) * Fraction(str(q))) // 1)
    assert f"unless {least:,} or more" in power(tested, nonmembers, q)
    for at_smallest, selected in ((int(least), True), (int(least) - 1, False)):
        if 0 < at_smallest < tested:
            found = q_values_of(Counter({smallest: at_smallest, 1.0: tested - at_smallest}))[smallest]
            assert (found <= q + 1e-12) == selected


def test_without_known_non_members_nothing_can_be_selected() -> None:
    assert "none can be selected" in power(100, 0, 0.05) and "none can be selected" in power(0, 100, 0.05)


def test_verdicts_errors_and_bins_are_counted() -> None:
    summary = Summary(Counter({0.01: 2, 0.05: 1, 0.0500001: 1, 1.0: 3}), 0.05, 99)
    for number, p_value in enumerate([0.01, 0.01, 0.05, 0.06, None], 1):
        summary.add(row(number, p_value))
    for number, tokens in enumerate([17000, 18000], 6):
        summary.add(row(number, error=f"{tokens} tokens are too many"))
    found = summary.as_dict(SCAN, ScanOptions())
    assert found["verdicts"] == {"inconclusive": 5} and found["errors"] == {"##### tokens are too many": 2}
    assert found["p_values"] == [3, 1, *[0] * 17, 3] and found["decision"]["selected"] == 3
    assert found["decision"]["at_smallest_p"] == 2 and found["decision"]["withheld"] is None


def test_where_the_blind_gate_fails_nothing_is_selected() -> None:
    summary = Summary(Counter({0.01: 1}), 0.05, 99)
    summary.add(row(1, 0.01))
    decision = summary.as_dict(replace(SCAN, blind=["fail", "words alone tell them apart"]), ScanOptions())["decision"]
    assert decision["selected"] == 0 and "words alone tell them apart" in decision["withheld"]


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=2 * TOP))
def test_the_highest_scores_come_first_and_of_equal_ones_the_earlier(scores: list[float]) -> None:
    summary = Summary(Counter(), 0.05, 99)
    for number, score in enumerate(scores):
        summary.add(row(number, score=score))
    expected = sorted(range(len(scores)), key=lambda number: (-scores[number], number))[:TOP]
    assert [kept["row"] for kept in summary.as_dict(SCAN, ScanOptions())["top"]] == expected


@pytest.mark.parametrize("q", [0.0, 1.0, -1.0])
def test_a_false_discovery_rate_that_cannot_be_is_refused(q: float) -> None:
    from probe.errors import InputError

    with pytest.raises(InputError, match="q must lie between"):
        ScanOptions(q=q)
