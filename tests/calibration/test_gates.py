"""Each gate fails by itself, at its own limit, and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from probe.calibration.blind import bag, bag_all
from probe.calibration.calibration import Calibration
from probe.calibration.gates import Gates, Place, check
from probe.data.overlap import index
from probe.types import Gate

Make = Callable[..., Calibration]
NAMES = {"size", "support", "overlap", "blind", "placebo", "split"}
FRESH = "Nothing in this sentence was ever seen by the people who gathered those known texts."


def gates(
    calibration: Calibration,
    text: str = FRESH,
    tokens: int = 50,
    difficulty: float = 3.0,
    variety: float = 0.9,
    alpha: float = 0.01,
) -> Gates:
    return check(calibration, [calibration.claim(alpha)], text, Place(tokens, difficulty, variety))


def test_an_ordinary_text_passes_every_gate(make: Make) -> None:
    found = gates(make())
    assert found.results == dict.fromkeys(NAMES, "pass")
    assert found.why == {} and found.failed == []


def test_size_fails_where_the_level_cannot_be_claimed(make: Make) -> None:
    assert gates(make(), alpha=smallest_claimable(make()) * 1.0001).failed == []
    found = gates(make(), alpha=0.001)
    assert found.failed == ["size"]
    assert all(figure in found.why["size"] for figure in ("1,000", "0.30%", "0.10%", "2,995"))


def smallest_claimable(calibration: Calibration) -> float:
    return calibration.claim(0.01).smallest_alpha


@pytest.mark.parametrize(
    ("tokens", "difficulty", "why"),
    [
        (10, 2.03, ""), (100, 4.97, ""), (10, 4.97, ""),
        (9, 3.0, "longer"), (101, 3.0, "send a passage of it"),
        (50, 2.02, "another kind of text"), (50, 4.98, "another kind of text"), (50, float("nan"), "another kind"),
    ],
)  # fmt: skip
def test_support_is_the_known_lengths_and_all_but_the_outermost_losses(
    make: Make, tokens: int, difficulty: float, why: str
) -> None:
    """Of 1,000 losses from 2 to 5 ten are below 2.03, and ten above 4.97."""
    found = gates(make(), tokens=tokens, difficulty=difficulty)
    assert found.failed == (["support"] if why else [])
    assert why in found.why.get("support", "")


@pytest.mark.parametrize(
    ("shared", "others", "result"),
    [(13, 30, "fail"), (12, 30, "pass"), (12, 3, "fail"), (12, 4, "pass"), (8, 2, "fail"), (7, 3, "pass"),
     (5, 0, "fail"), (5, 1, "fail"), (5, 2, "pass"), (4, 20, "pass")],
)  # fmt: skip
def test_overlap_is_thirteen_shared_words_or_four_fifths_of_a_short_text(
    make: Make, known_text: str, shared: int, others: int, result: Gate
) -> None:
    text = " ".join(known_text.split()[7 : 7 + shared] + [f"own{number}" for number in range(others)])
    found = gates(make(), text)
    assert found.results["overlap"] == result
    assert found.why == ({} if result == "pass" else {"overlap": found.why["overlap"]})
    assert result == "pass" or f"{shared} words" in found.why["overlap"]


def test_overlap_sees_through_case_and_punctuation(make: Make, known_text: str) -> None:
    assert gates(make(), "; ".join(known_text.upper().split()[:13])).failed == ["overlap"]


def test_scattered_words_are_no_overlap(make: Make, known_text: str) -> None:
    every_other = " ".join(f"{word} own" for word in known_text.split())
    assert gates(make(), every_other).failed == []


def test_a_text_without_words_overlaps_nothing(make: Make) -> None:
    assert gates(make(), "?!").failed == []


def test_nothing_overlaps_where_no_text_is_known(make: Make, known_text: str) -> None:
    assert gates(make(shingles=index([])), known_text).failed == []


@pytest.mark.parametrize("name", ["blind", "placebo", "split"])
def test_set_level_gates_are_the_calibration_s(make: Make, name: str) -> None:
    passed: dict[str, Gate] = {"blind": "pass", "placebo": "pass", "split": "pass"}
    failed = gates(make(gates=passed | {name: "fail"}))
    assert failed.failed == [name] and name in failed.why[name]
    untested = gates(make(gates={other: result for other, result in passed.items() if other != name}))
    assert untested.results == dict.fromkeys(NAMES, "pass") | {name: "untestable"}
    assert untested.why == {} and untested.failed == []


def test_every_failed_gate_has_its_reason(make: Make, known_text: str) -> None:
    bad: dict[str, Gate] = {"blind": "fail", "placebo": "fail", "split": "fail"}
    found = gates(make(gates=bad), known_text, tokens=5, alpha=0.001)
    assert set(found.failed) == set(found.why) == NAMES


def test_a_text_that_repeats_itself_is_out_of_support(make: Make) -> None:
    found = gates(make(), variety=0.5)
    assert found.results["support"] == "fail" and "it repeats itself" in found.why["support"]
    assert gates(make(), variety=0.51).results["support"] == "pass"


def test_support_takes_enough_nonmembers_of_the_texts_length(make: Make) -> None:
    """A few short texts at the end of a calibration of long ones open no range: residuals were fitted elsewhere."""
    few = make(tokens=np.concatenate([np.full(25, 12.0), np.linspace(100, 200, 975).round()]))
    assert few.of_like_length(12) == few.of_like_length(18) == few.of_like_length(8) == 25
    assert few.of_like_length(19) == few.of_like_length(7) == 0 and few.of_like_length(150) == 975
    found = gates(few, tokens=12)
    assert found.failed == ["support"] and "25 of the calibration's 1,000" in found.why["support"]
    assert gates(few, tokens=150).failed == []
    tenth = make(
        tokens=np.concatenate([np.full(10, 12.0), np.full(90, 100.0)]), nonmembers=np.arange(100.0),
        difficulty=np.linspace(2, 5, 100), variety=np.linspace(0.5, 1, 100),
    )  # fmt: skip
    assert gates(tenth, tokens=12, alpha=0.1).failed == []


def test_rarer_words_than_those_of_any_known_text_are_another_kind(make: Make) -> None:
    known = [f"the value of row {n} is returned before the file is closed" for n in range(60)]
    calibration = replace(make(), bags=bag_all(known))
    for text, failed in ((known[3], []), ("purple llamas dance under quiet moons", ["support"])):
        place = Place(50, 3.0, 0.9, bag(text))
        found = check(calibration, [calibration.claim(0.01)], FRESH, place)
        assert found.failed == failed
        assert not failed or "its words are rarer among the calibration's texts" in found.why["support"]


@pytest.mark.parametrize(
    ("alpha", "said"), [(0.001, "FPR 0.10% takes 2,995"), (1e-9, "FPR 1e-07% takes 2,995,732,273")]
)
def test_what_a_level_takes_is_said_with_its_digits(make: Make, alpha: float, said: str) -> None:
    assert said in gates(make(), alpha=alpha).why["size"]
