"""The quiz: orders that cancel any liking for a letter, a parser that guesses nothing, an interval that holds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import InputError
from probe.textonly.quiz import ALL, CHANCE, LETTERS, Mean, mark, mean, orders, parse, question, right
from probe.types import Unscored


@pytest.mark.parametrize("number", range(4, ALL + 1, 4))
def test_orders_are_distinct_and_place_the_passage_equally_often(number: int) -> None:
    drawn = orders(number, seed=3)
    assert len(set(drawn)) == number and orders(number, seed=3) == drawn != orders(number, seed=4)
    assert set(Counter(map(right, drawn)).values()) == {number // 4}


@pytest.mark.parametrize("number", [0, 1, 6, 28])
def test_a_number_that_leaves_places_uneven_is_refused(number: int) -> None:
    with pytest.raises(InputError, match="4, 8, 12, 16, 20 or 24"):
        orders(number)


@given(st.sampled_from(LETTERS), st.sampled_from(range(4, ALL + 1, 4)), st.integers())
def test_a_liking_for_a_letter_scores_chance(letter: str, number: int, seed: int) -> None:
    assert mark(orders(number, seed), [letter] * number).accuracy == CHANCE


def test_the_question_holds_each_passage_on_one_line() -> None:
    asked = question(["the text\nitself", "p 1", "p 2", "p 3"], (2, 0, 3, 1))
    assert "\nA. p 2\nB. the text itself\nC. p 3\nD. p 1\n" in asked and right((2, 0, 3, 1)) == "B"


def test_answers_that_name_no_letter_count_as_wrong_and_are_counted() -> None:
    drawn = orders(4)
    answers = [right(drawn[0]), f"({right(drawn[1])})", "I do not know.", ""]
    found = mark(drawn, answers)
    assert (found.accuracy, found.asked, found.unparsable) == (0.5, 4, 2)


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"), (" b\n", "B"), ("(B)", "B"), ("**B**", "B"), ("B.", "B"), ("B) Return the list.", "B"),
        ("Answer: B", "B"), ("The answer is B.", "B"), ("The answer is: (c)", "C"), ("Option C", "C"),
        ("The correct answer is option B", "B"), ("Answer: **D**", "D"), ("\\boxed{C}", "C"), ("Passage D", "D"),
        ("B, because C is shorter", "B"), ("C\nA. a list", "C"), ("A: Return a list", "A"), ("A is right", "A"),
        ("A good question. The answer is C", "C"), ("A passage like B", "B"), ("<think>A? No, B</think>\nC", "C"),
        ("It is not A but D", "D"), ("A or B", None), ("A, B", None), ("B or C", None), ("Answer: A or B", None),
        ("B/C", None), ("A and D.", None), ("not A", None), ("It isn't B", None), ("Both B and C", None), ("", None),
        ("I cannot tell.", None), ("A difficult question", None), ("D'accord", None), ("all of them", None),
    ],
)  # fmt: skip
def test_known_answers(answer: str, letter: str | None) -> None:
    assert parse(answer) == letter


_BEFORE = st.sampled_from(["", " ", "\n", "(", "**", '"', "Answer: ", "The answer is ", "answer is option ", "Option "])
_AFTER = st.sampled_from(["", " ", ".", ")", "**", '"', "\n", ".\n", "). It stands in a book."])


@given(st.sampled_from(LETTERS), _BEFORE, _AFTER)
def test_a_letter_is_found_in_its_wrapping(letter: str, before: str, after: str) -> None:
    assert parse(before + letter + after) == letter


@given(st.text())
def test_any_answer_gives_a_letter_of_its_own_or_none(answer: str) -> None:
    found = parse(answer)
    assert found is None or found in answer.upper()


@given(st.sampled_from(LETTERS), st.sampled_from(LETTERS), st.sampled_from([" or ", " and ", ", ", "/", " & "]))
def test_two_letters_are_none(one: str, other: str, between: str) -> None:
    assert one == other or parse(one + between + other) is None


def test_the_mean_has_student_s_interval() -> None:
    found = mean([0.25, 0.5] * 8)
    assert isinstance(found, Mean) and found.passages == 16 and found.chance == CHANCE
    assert found.accuracy == pytest.approx(0.375)
    half = 2.13145 * 0.1290994 / 4  # t(.975, 15), sd with n - 1, root of 16
    assert (found.low, found.high) == pytest.approx((0.375 - half, 0.375 + half), abs=1e-6)


def test_no_interval_where_it_would_be_none() -> None:
    for values, words in (([1.0] * 9, "takes 10 passages"), ([1.0] * 10, "spread gives no interval")):
        found = mean(values)
        assert isinstance(found, Unscored) and words in found.reason


def test_the_interval_covers_chance_as_often_as_it_says() -> None:
    """Orders of one passage that all agree: 24 answers, one trial. An interval over answers would be far too narrow."""
    draw = np.random.default_rng(0)
    runs = [mean(list(np.where(draw.random(60) < CHANCE, 0.9, 0.1 / 3))) for _ in range(400)]
    truth = CHANCE * 0.9 + (1 - CHANCE) * 0.1 / 3
    covered = np.mean([isinstance(run, Mean) and run.low <= truth <= run.high for run in runs])
    assert 0.92 <= covered <= 0.98
