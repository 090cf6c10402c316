"""Words alone: naive Bayes by hand, its verdict on sets of one kind and of two, and the batch's gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from probe.calibration.batch import as_batch
from probe.calibration.blind import (
    Bags,
    alike_in_length,
    bag,
    bag_all,
    blind,
    commonness,
    familiarities,
    separation,
    weights,
)
from probe.calibration.calibration import Calibration
from probe.calibration.gates import Gates
from probe.calibration.verdict import decide
from probe.types import Call, Result, Text
from tests.calibration.test_verdict import GATES

Make = Callable[..., Calibration]
COMMON = [f"w{number}" for number in range(60)]


def texts(count: int, seed: int, words: list[str] = COMMON, size: tuple[int, int] = (20, 40)) -> list[str]:
    dice = np.random.default_rng(seed)
    return [" ".join(dice.choice(words, dice.integers(*size))) for _ in range(count)]


def test_a_bag_is_of_words_marks_and_a_length_and_knows_no_order() -> None:
    assert np.array_equal(bag("One two, two ONE"), bag("two one, ONE two"))
    assert len(bag("one two")) == 3 and len(bag("one two,")) == 4
    assert not np.array_equal(bag("one"), bag("one " * 20))


def test_weights_are_log_ratios_of_shares_of_texts() -> None:
    found = weights([bag("red"), bag("red blue")], [bag("blue"), bag("blue"), bag("blue green")])
    ratios = {"red": (2.1 / 2.2) / (0.1 / 3.2), "blue": (1.1 / 2.2) / (3.1 / 3.2), "green": (0.1 / 2.2) / (1.1 / 3.2)}
    for word, ratio in ratios.items():
        (place,) = set(bag(word)) & set(bag(f"{word} and more words than that"))
        assert found[place] == pytest.approx(np.log(ratio))


def test_one_kind_is_not_told_apart_and_two_kinds_are() -> None:
    known = bag_all(texts(300, 7))
    same, other = bag_all(texts(200, 1)), bag_all(texts(200, 2, [*COMMON[20:], "whale", "harpoon", "mast"]))
    assert separation(same, known).low < 0.5 < separation(same, known).high
    assert separation(other, known).value > 0.95
    assert blind(same, known, "these")[0] == "pass"
    gate, why = blind(other, known, "these")
    assert gate == "fail" and why.startswith("words alone tell these from the known non-members (AUC ")
    assert blind(bag_all(texts(49, 3)), known, "the members")[1] == "49 members; a blind classifier takes 50"
    assert blind(bag_all([]), bag_all(texts(40, 3)), "the known members")[1].startswith("0 known members")


def test_the_gate_fires_by_chance_hardly_ever() -> None:
    pairs = [(bag_all(texts(150, seed)), bag_all(texts(400, 1000 + seed))) for seed in range(60)]
    assert sum(blind(texts, known, "these")[0] == "fail" for texts, known in pairs) <= 2


def test_longer_texts_of_one_kind_are_told_by_their_length_unless_it_is_left_out() -> None:
    known, long = bag_all(texts(600, 0, size=(5, 60))), bag_all(texts(200, 1, size=(40, 60)))
    assert blind(long, known, "these")[0] == "fail"
    assert blind(long, known, "these", lengths=False)[0] == "pass"
    one, other = alike_in_length(long, known)
    assert len(one) == len(other) and 50 <= len(one) <= 200
    for mine, theirs in zip(one.each, other.each, strict=True):
        assert abs(len(mine) - len(theirs)) <= 0.1 * len(mine)
    assert alike_in_length(bag_all(["one two"]), bag_all(texts(5, 0)))[0].each == []


def test_familiarity_is_the_mean_commonness_of_words_each_text_against_the_others() -> None:
    """Each of the three has two words and one length: shares of 3, 2 and 3 texts, smoothed by .1 and .2."""
    known = bag_all(["red blue", "red pink", "red blue"])
    common = commonness(known)[bag("red blue")]
    assert sorted(common) == pytest.approx(np.log([2.1 / 3.2, 3.1 / 3.2, 3.1 / 3.2]))
    alone = np.log([2.1 / 2.2, 0.1 / 2.2, 2.1 / 2.2]).mean()
    assert familiarities(known)[1] == pytest.approx(alone) and familiarities(known).argmin() == 1


def results(calibration: Calibration, count: int) -> list[Result]:
    passed = Gates(dict.fromkeys(GATES, "pass"), {})
    verdict = decide(calibration, calibration.bars(0.01, bag("w1")), 998.5, 998.5, passed)
    return [Result(i, None, verdict, None, {}) for i in range(count)]


def test_no_text_of_a_batch_of_another_kind_is_a_member(make: Make) -> None:
    calibration = replace(make(), bags=bag_all(texts(300, 7)))
    ordinary = [Text(text) for text in texts(120, 1)]
    strange = [Text(text) for text in texts(120, 2, [*COMMON[30:], "whale", "harpoon", "mast", "sail"])]
    kept = as_batch(results(calibration, 120), ordinary, calibration)
    assert all(result.verdict and result.verdict.call is Call.MEMBER for result in kept)
    lost = as_batch(results(calibration, 120), strange, calibration)
    for result in lost:
        assert result.verdict and result.verdict.call is Call.INCONCLUSIVE
        assert result.verdict.gates["blind"] == "fail" and result.verdict.evidence == "D"
        assert "words alone tell these texts" in result.verdict.reason
    few = as_batch(results(calibration, 99), strange[:99], calibration)
    assert all(result.verdict and result.verdict.call is Call.MEMBER for result in few)


def test_a_batch_settles_what_the_calibration_could_not_test(make: Make) -> None:
    gates = {"blind": "untestable", "placebo": "pass", "split": "pass"}
    calibration = replace(make(gates=gates), bags=bag_all(texts(300, 7)))
    untested = [
        replace(result, verdict=replace(result.verdict, gates=dict.fromkeys(GATES, "pass") | gates, evidence="D"))
        for result in results(calibration, 120)
        if result.verdict
    ]
    found = as_batch(untested, [Text(text) for text in texts(120, 1)], calibration)
    assert all(result.verdict and result.verdict.evidence == "B" for result in found)


def test_a_batch_that_cannot_be_tested_is_of_little_evidence(make: Make) -> None:
    """49 known non-members of that length: nothing shows that these texts are of their kind."""
    calibration = replace(make(), bags=bag_all(texts(49, 7)))
    found = as_batch(results(calibration, 120), [Text(text) for text in texts(120, 1)], calibration)
    for result in found:
        assert result.verdict and result.verdict.gates["blind"] == "untestable" and result.verdict.evidence == "D"
        assert result.verdict.call is Call.MEMBER


def test_no_bags_no_kinds() -> None:
    assert Bags(np.zeros(0, np.uint16), np.zeros(0, np.int64)).each == []
