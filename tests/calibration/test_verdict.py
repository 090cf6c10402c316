"""The four answers, what each gate does to them, and the grade of the evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.calibration.blind import bag
from probe.calibration.calibration import Bar, Calibration
from probe.calibration.gates import Gates, Place, check
from probe.calibration.verdict import MEMBER_LEVEL, decide, grade, uncalibrated
from probe.types import Call, Gate, Verdict

Make = Callable[..., Calibration]
MEMBER, NOT_MEMBER, INCONCLUSIVE, OUT = Call
PLACE = Place(50, 3.0, 0.9)
GATES = ("size", "support", "overlap", "blind", "placebo", "split")


PASS: Gate = "pass"


def bars(calibration: Calibration, alpha: float = 0.01) -> list[Bar]:
    return calibration.bars(alpha, bag("An ordinary text."))


def judged(calibration: Calibration, score: float, alpha: float = 0.01, **results: Gate) -> Verdict:
    """Both residuals of the made calibration are the identity, so the score is the same against members."""
    found: dict[str, Gate] = dict.fromkeys(GATES, PASS) | results
    gates = Gates(found, {name: f"why {name}" for name, result in found.items() if result == "fail"})
    return decide(calibration, bars(calibration, alpha), score, score, gates)


def scores_for(make: Make) -> dict[Call, tuple[Calibration, float]]:
    """A calibration and a score for each of the four answers."""
    unlike = make(members=np.arange(2000.0, 2100.0))
    return {
        MEMBER: (make(), 998.5),
        NOT_MEMBER: (make(), 500.0),
        INCONCLUSIVE: (make(), 950.0),
        OUT: (unlike, 998.5),
    }


@pytest.mark.parametrize("call", list(Call))
def test_the_four_answers(make: Make, call: Call) -> None:
    verdict = judged(*scores_for(make)[call])
    assert verdict.call == call
    assert verdict.evidence == "B"
    assert verdict.reason.endswith(".")
    assert verdict.gates == dict.fromkeys(GATES, "pass")


@pytest.mark.parametrize(("score", "above"), [(1000, 0), (999, 1), (995.5, 4), (995, 5), (994, 6)])
def test_a_text_exceeds_where_fewer_than_k_nonmembers_score_as_high(make: Make, score: float, above: int) -> None:
    verdict = judged(make(members=np.array([])), score)
    assert verdict.claim is not None and verdict.claim.k == 5
    assert verdict.call == (MEMBER if above < 5 else INCONCLUSIVE)
    assert verdict.p_value == pytest.approx((1 + above) / 1001)
    assert f"{above:,} of 1,000 known non-members" in verdict.reason


@pytest.mark.parametrize(
    ("score", "below", "call"), [(900, 0, NOT_MEMBER), (904.5, 4, NOT_MEMBER), (905, 5, INCONCLUSIVE)]
)
def test_a_text_is_unlike_the_members_where_at_most_a_twentieth_score_as_low(
    make: Make, score: float, below: int, call: Call
) -> None:
    """With 99 members p = (1 + 4) / 100 lies on the level itself, and a tie counts."""
    verdict = judged(make(), score)
    assert verdict.p_member == pytest.approx((1 + below) / 100)
    assert verdict.call == call
    assert MEMBER_LEVEL == 0.05


def test_p_values_are_reported_whatever_the_answer(make: Make) -> None:
    verdict = judged(make(), 950, support="fail")
    assert (verdict.p_value, verdict.p_member) == pytest.approx((51 / 1001, 51 / 100))
    assert judged(make(members=np.array([])), 950).p_member is None


@pytest.mark.parametrize(
    ("score", "member_score", "call"),
    [(998.5, 950.0, MEMBER), (998.5, 0.0, OUT), (0.0, 950.0, INCONCLUSIVE), (0.0, 0.0, NOT_MEMBER)],
)
def test_nonmembers_and_members_are_compared_each_on_their_own_scale(
    make: Make, score: float, member_score: float, call: Call
) -> None:
    calibration = make()
    verdict = decide(calibration, bars(calibration), score, member_score, Gates(dict.fromkeys(GATES, "pass"), {}))
    assert verdict.call == call
    assert verdict.p_value == pytest.approx((1 if score > 0 else 1000) / 1001, abs=2e-3)
    assert verdict.p_member == pytest.approx(0.51 if member_score else 0.01)


def test_too_few_members_rule_nothing_out(make: Make) -> None:
    assert judged(make(members=np.full(18, 2000.0)), 0).call == INCONCLUSIVE
    assert judged(make(members=np.full(19, 2000.0)), 0).call == NOT_MEMBER


@pytest.mark.parametrize(("name", "call"), list(product(GATES, Call)))
def test_a_failed_gate_withdraws_the_answer(make: Make, name: str, call: Call) -> None:
    verdict = judged(*scores_for(make)[call], **{name: "fail"})
    withdrawn = {MEMBER: INCONCLUSIVE, NOT_MEMBER: INCONCLUSIVE, INCONCLUSIVE: INCONCLUSIVE, OUT: OUT}
    assert verdict.call == (OUT if name == "support" else withdrawn[call])
    assert verdict.evidence == "D"
    assert verdict.gates[name] == "fail"
    if name == "support" or call in (MEMBER, NOT_MEMBER):
        assert f"why {name}" in verdict.reason


@pytest.mark.parametrize(("name", "call"), list(product(GATES, Call)))
def test_an_untestable_gate_lowers_the_grade_and_keeps_the_answer(make: Make, name: str, call: Call) -> None:
    verdict = judged(*scores_for(make)[call], **{name: "untestable"})
    assert (verdict.call, verdict.evidence) == (call, "D")


def test_every_failed_gate_is_named(make: Make) -> None:
    verdict = judged(make(), 998.5, overlap="fail", blind="fail")
    assert "why overlap" in verdict.reason and "why blind" in verdict.reason


def test_too_few_nonmembers_for_the_level_make_no_member(make: Make) -> None:
    calibration, text = make(), "An ordinary text."
    claim = calibration.claim(0.001)
    verdict = decide(calibration, bars(calibration, 0.001), 5000.0, 5000.0, check(calibration, [claim], text, PLACE))
    assert claim.k == 0 and verdict.call == INCONCLUSIVE
    assert verdict.p_value == pytest.approx(1 / 1001)


@pytest.mark.parametrize("score", [950.0, 5000.0])
def test_too_few_nonmembers_for_the_level_are_the_reason(make: Make, score: float) -> None:
    calibration = make()
    claim = calibration.claim(0.001)
    gates = check(calibration, [claim], "An ordinary text.", PLACE)
    verdict = decide(calibration, bars(calibration, 0.001), score, score, gates)
    assert f"{claim.smallest_alpha:.2%}" in verdict.reason


@pytest.mark.parametrize(
    ("results", "basis", "expected"),
    [
        ({}, "split", "B"), ({}, "post-hoc", "C"), ({}, "anything else", "C"),
        ({"blind": "untestable"}, "split", "D"), ({"placebo": "untestable"}, "post-hoc", "D"),
        ({"split": "fail"}, "split", "D"), ({"overlap": "fail"}, "post-hoc", "D"),
    ],
)  # fmt: skip
def test_grade(results: dict[str, Gate], basis: str, expected: str) -> None:
    passed: dict[str, Gate] = dict.fromkeys(GATES, PASS)
    assert grade(passed | results, basis) == expected


def test_uncalibrated_is_inconclusive() -> None:
    assert uncalibrated("Why.") == Verdict(INCONCLUSIVE, "Why.", evidence="D")


@given(
    score=st.integers(-10, 1010).map(float),
    members=st.one_of(st.just([]), st.lists(st.integers(0, 1200).map(float), min_size=1, max_size=60)),
    alpha=st.sampled_from([0.001, 0.01, 0.05]),
    results=st.lists(st.sampled_from(["pass", "fail", "untestable"]), min_size=len(GATES), max_size=len(GATES)),
)
def test_decide_agrees_with_the_rules_restated(
    make: Make, score: float, members: list[float], alpha: float, results: list[Gate]
) -> None:
    calibration = make(members=np.sort(np.array(members)))
    gates = dict(zip(GATES, results, strict=True))
    verdict = judged(calibration, score, alpha, **gates)
    exceeds = np.sum(calibration.nonmembers >= score) <= {0.001: 0, 0.01: 5, 0.05: 39}[alpha] - 1
    unlike = bool(members) and (1 + np.sum(calibration.members <= score)) / (len(members) + 1) <= 0.05
    table = {(True, False): MEMBER, (False, True): NOT_MEMBER, (False, False): INCONCLUSIVE, (True, True): OUT}
    expected = table[bool(exceeds), bool(unlike)]
    if gates["support"] == "fail":
        expected = OUT
    elif "fail" in results and expected in (MEMBER, NOT_MEMBER):
        expected = INCONCLUSIVE
    assert verdict.call == expected
    assert members or verdict.call != NOT_MEMBER
    assert verdict.evidence == ("B" if set(results) == {"pass"} else "D")


def test_a_frozen_claim_decides_not_the_calibration_s_size(make: Make) -> None:
    calibration = make()
    stricter = replace(calibration.claim(0.01), k=1)
    gates = Gates(dict.fromkeys(GATES, "pass"), {})
    bar = replace(bars(calibration)[0], claim=stricter)
    assert decide(calibration, [bar], 998.5, 998.5, gates).call == INCONCLUSIVE


def test_a_member_comes_with_what_such_an_answer_is_worth_at_three_priors(make: Make) -> None:
    """k = 5 of 1,000 at 1%: the threshold is 995. 80 of 100 members exceed it: TPR .8, at least .7082 with 95%."""
    found = np.sort(np.append(np.full(20, 995.0), np.full(80, 996.0)))
    verdict = judged(make(found=found), 998.5)
    low = 0.70816
    assert verdict.ppv == pytest.approx({p: p * low / (p * low + (1 - p) * 0.01) for p in (0.5, 0.1, 0.01)}, rel=1e-4)
    assert judged(make(found=found), 950.0).ppv == {} and judged(make(), 998.5).ppv == {}
