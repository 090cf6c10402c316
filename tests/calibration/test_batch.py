"""q-values over many texts: only those whose p-values stand have one, and count."""

from __future__ import annotations

import pytest

from probe.calibration.batch import with_q_values
from probe.types import Call, Gate, Result, Verdict

PASSED: dict[str, Gate] = {"size": "pass", "support": "pass", "overlap": "pass", "blind": "untestable"}


def result(p_value: float | None, call: Call = Call.INCONCLUSIVE, **gates: Gate) -> Result:
    return Result(0, None, Verdict(call, "", p_value=p_value, gates=PASSED | gates), None, {})


@pytest.mark.parametrize("gate", ["support", "overlap", "blind", "placebo", "split"])
def test_a_text_whose_gate_failed_has_none_and_does_not_count(gate: str) -> None:
    found = with_q_values([result(0.01), result(0.001, **{gate: "fail"}), result(0.5)])
    assert [one.q_value for one in found] == [0.02, None, 0.5]


def test_nor_has_one_that_is_not_comparable_or_was_not_tested() -> None:
    found = with_q_values([result(0.001, Call.OUT_OF_DISTRIBUTION), result(None), result(0.04)])
    assert [one.q_value for one in found] == [None, None, 0.04]


def test_a_level_that_cannot_be_claimed_is_no_matter() -> None:
    found = with_q_values([result(0.01, size="fail"), result(0.02, Call.NOT_MEMBER)])
    assert [one.q_value for one in found] == [0.02, 0.02]
