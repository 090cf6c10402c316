"""A source whose non-members score higher is found, recognised by its words, and held to a threshold of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from probe.calibration.blind import bag, bag_all
from probe.calibration.calibration import Calibration
from probe.calibration.conformal import threshold_rank
from probe.calibration.examine import split
from probe.calibration.strata import Stratum, excesses, stratum
from probe.calibration.verdict import decide
from probe.types import Call
from tests.calibration.test_verdict import GATES, Gates

Make = Callable[..., Calibration]
WORDS = {
    "law": "court judge appeal statute clause ruling brief counsel",
    "sea": "wave tide reef sail anchor harbour fish",
}


def texts(kind: str, count: int, seed: int) -> list[str]:
    dice = np.random.default_rng(seed)
    return [" ".join(dice.choice([*WORDS[kind].split(), "the", "of", "and", "a"], 30)) for _ in range(count)]


def test_a_source_that_scores_higher_is_found_and_one_that_scores_lower_is_not() -> None:
    dice = np.random.default_rng(0)
    labels = ["law"] * 400 + ["sea"] * 1600
    raised = np.concatenate([dice.normal(0.7, 1, 400), dice.normal(0, 1, 1600)])
    (found,) = excesses(labels, raised)
    assert found.name == "law" and found.texts == 400 and found.hits > found.most >= 20
    assert excesses(labels, -raised)[0].name == "sea"  # now the others' threshold is exceeded by these
    assert excesses(labels, dice.normal(0, 1, 2000)) == []


def test_chance_alone_finds_a_source_once_in_a_hundred_times_or_less() -> None:
    dice = np.random.default_rng(1)
    labels = [f"s{number % 8}" for number in range(800)]
    assert sum(bool(excesses(labels, dice.normal(size=800))) for _ in range(300)) <= 9


def test_a_text_is_known_by_its_words() -> None:
    labels = ["law"] * 100 + ["sea"] * 300
    bags = bag_all(texts("law", 100, 0) + texts("sea", 300, 1)).each
    found = stratum("law", labels, bags, np.arange(400.0))
    assert list(found.scores) == list(range(100))
    assert sum(found.holds(bag(text)) for text in texts("law", 200, 2)) >= 180
    assert sum(found.holds(bag(text)) for text in texts("sea", 200, 3)) == 0


def test_a_text_of_the_kind_must_exceed_both_thresholds(make: Make) -> None:
    """998.5 exceeds the 1,000 scores 0 to 999, and not the kind's own 400, of which ten are higher."""
    weight = np.zeros(1 << 16)
    weight[bag("court")] = 1.0
    kind = Stratum("law", np.append(np.arange(390.0), np.arange(2000.0, 2010.0)), weight, 0.5)
    calibration = replace(make(members=np.array([])), strata=(kind,))
    passed = Gates(dict.fromkeys(GATES, "pass"), {})
    plain, law = (calibration.bars(0.01, bag(text)) for text in ("harbour", "court"))
    assert [bar.claim.kind for bar in plain] == [""] and [bar.claim.kind for bar in law] == ["", "law"]
    assert decide(calibration, plain, 998.5, 998.5, passed).call is Call.MEMBER
    verdict = decide(calibration, law, 998.5, 998.5, passed)
    assert verdict.call is Call.INCONCLUSIVE and verdict.p_value == pytest.approx(11 / 401)
    assert "10 of 400 known non-members of their kind (law) score as high" in verdict.reason
    assert verdict.claim is not None and verdict.claim.k == threshold_rank(400, 0.01) == 1
    assert decide(calibration, law, 5000.0, 5000.0, passed).call is Call.MEMBER


def test_the_split_gate() -> None:
    dice = np.random.default_rng(2)
    labels, scores = ["law"] * 300 + ["sea"] * 900, dice.normal(size=1200)
    assert split(labels, scores)[0][0] == "pass" and split(labels, scores)[1] == []
    scores[:300] += 1
    (gate, why), names = split(labels, scores)
    assert gate == "pass" and names == ["law"] and "law: " in why and "held against their own" in why
    assert split([""] * 1200, scores)[0][0] == split(["law"] * 1200, scores)[0][0] == "untestable"
    mostly = ["law"] * 700 + ["sea"] * 500
    assert split(mostly, np.where(np.arange(1200) < 700, 2.0, 0.0) + dice.normal(size=1200))[0][0] == "fail"
