"""Bars: how they are written, and when they are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.audit.evaluate import Evaluation
from probe.audit.figures import Figures
from probe.audit.gate import Bar, check_names, judge, parse, rates
from probe.audit.metrics import Figure
from probe.errors import InputError
from probe.types import Unscored

WHY = Unscored("takes at least 100 non-members; there are 7")


def figures(value: float, low: float) -> Figures:
    found = Figure(value, low, 1.0)
    return Figures(9, 9, found, {0.01: found, 0.001: WHY}, found, Figure(2 * value - 1, 2 * low - 1, 1.0))


@pytest.fixture(scope="module")
def found(tiny_evaluation: Evaluation) -> Evaluation:
    return replace(tiny_evaluation, figures={"loss": figures(0.6, 0.5), "ref": figures(0.8, 0.7)})


@pytest.mark.parametrize(
    ("text", "bar"),
    [
        ("tpr@fpr=0.01:0.05", Bar("tpr", 0.05, fpr=0.01)),
        ("ref/tpr@fpr=1e-3:.2", Bar("tpr", 0.2, "ref", 0.001)),
        ("auc:0.6", Bar("auc", 0.6)),
        ("minkpp_diff/advantage:0", Bar("advantage", 0.0, "minkpp_diff")),
        (" balanced_accuracy:.55 ", Bar("balanced_accuracy", 0.55)),
    ],
)
def test_what_is_written_is_read(text: str, bar: Bar) -> None:
    assert parse(text) == bar


@pytest.mark.parametrize(
    "text",
    ["", "auc", "auc:", "auc:1.0", "auc:2", "auc:-1", "auc:nan", "auc:inf", "tpr:0.5", "tpr@fpr=0:0.5", "tpr@fpr=2:.5",
     "auc@fpr=0.1:.5", "f1:0.5", "REF/auc:.5", "/auc:.5", "auc:0.5:0.6", "tpr@fpr=.:.5"],
)  # fmt: skip
def test_what_is_no_bar_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


@given(st.text(alphabet="auctprfpr@=:./0159e-_ \n", max_size=20))
def test_any_text_is_a_bar_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except InputError:
        return
    assert 0 <= found.bar < 1 and (found.fpr is None) == (found.metric != "tpr")


def test_rates_and_names() -> None:
    bars = [parse("tpr@fpr=0.05:0.1"), parse("tpr@fpr=0.01:0.1"), parse("ref/auc:0.6")]
    assert rates(bars) == (0.01, 0.001, 0.05)
    check_names(bars, ["ref"])
    with pytest.raises(InputError, match="A bar names ref, which is not computed"):
        check_names(bars, ["loss"])


def test_the_measured_figure_decides(found: Evaluation) -> None:
    bars = [parse(bar) for bar in ("auc:0.8", "auc:0.75", "auc:0.69", "loss/auc:0.7", "loss/advantage:0.1")]
    kept, above, surely, one, other = judge(bars, found)
    assert [outcome.kept for outcome in (kept, above, surely, one, other)] == [True, False, False, True, False]
    assert above.reason.startswith("ref: auc 0.8000 [0.7000, 1.0000] (the highest of all scores) is above 0.75, though")
    assert surely.reason.endswith("is above 0.69")
    assert one.reason == "loss: auc 0.6000 [0.5000, 1.0000] is within 0.7"


def test_a_bar_that_cannot_be_tested_is_not_kept(found: Evaluation) -> None:
    for outcome in judge([parse("tpr@fpr=0.001:0.9"), parse("ref/tpr@fpr=0.001:0.9")], found):
        assert (
            not outcome.kept and "cannot be held to 0.9: takes at least 100 non-members; there are 7" in outcome.reason
        )
    (unmeasured,) = judge([parse("tpr@fpr=0.2:0.9")], found)
    assert not unmeasured.kept and "it was not measured at this FPR" in unmeasured.reason
    (absent,) = judge([Bar("auc", 0.5, "calibrated")], found)
    assert not absent.kept and "there is no such score" in absent.reason
