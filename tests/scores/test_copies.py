"""Copies of a text: the same whatever stands beside it, and nothing of it lost."""

from __future__ import annotations

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from probe.scores.copies import LOWERCASE, SWAPPED_WORDS, SWAPS, swap

TEXT = "The quick  brown fox\njumps over the lazy dog, and then it rests for a while."


def test_swapped_copies_hold_the_same_words_and_the_same_white_space() -> None:
    made = swap(TEXT)
    assert len(made) == SWAPS == SWAPPED_WORDS.passes and len(set(made)) > 1
    for copy in made:
        assert Counter(copy.split()) == Counter(TEXT.split())
        assert re.findall(r"\s+", copy) == re.findall(r"\s+", TEXT)
        moved = sum(one != other for one, other in zip(copy.split(), TEXT.split(), strict=True))
        assert 2 <= moved <= 2 * 0.3 * len(TEXT.split())


@given(st.text(max_size=80))
def test_any_text_has_its_copies_or_none_and_always_the_same(text: str) -> None:
    made = swap(text)
    assert made == swap(text)
    assert len(made) in (0, SWAPS)
    assert bool(made) == (len(set(re.split(r"\s+", text)) - {""}) > 1)
    assert all(sorted(copy) == sorted(text) for copy in made)


def test_lower_case_is_one_copy() -> None:
    assert LOWERCASE.make("Naïve ÜBER") == ["naïve über"] and LOWERCASE.passes == 1
