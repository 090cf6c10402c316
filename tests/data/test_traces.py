"""Near-copies are known again by their traces, whichever of the two is the longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.data.overlap import Seen
from probe.data.traces import alike, any_alike, distinct, trace

loose = st.lists(st.sampled_from("red green blue".split()), max_size=30).map(" ".join)


def numbered(begin: int, end: int) -> str:
    return " ".join(f"w{number}" for number in range(begin, end))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (numbered(0, 40), numbered(27, 80), True),  # 13 words
        (numbered(0, 40), numbered(28, 80), False),
        (numbered(0, 10), numbered(0, 8) + " x y", True),  # four fifths of ten
        (numbered(0, 10), numbered(0, 7) + " x y z", False),
        (numbered(0, 8), "a b c d e f g h i j k l " + numbered(0, 8), True),  # the short one is part of the long one
        (numbered(0, 5), numbered(0, 5).upper() + "!", True),
        ("one two", "One, two.", True),
        ("one two", "one two three", False),
        ("!", "?", False),
    ],
)
def test_alike(one: str, other: str, expected: bool) -> None:
    assert alike(trace(one), trace(other)) is alike(trace(other), trace(one)) is expected
    assert any_alike([trace("apart"), trace(one)], [trace(other)]) is expected


@given(loose, loose)
def test_alike_is_the_rule_of_overlap_from_either_side(one: str, other: str) -> None:
    assert alike(trace(one), trace(other)) is (Seen([one]).shares(other) or Seen([other]).shares(one))


@given(st.lists(loose, max_size=8))
def test_those_kept_are_apart_and_those_left_out_are_not(texts: list[str]) -> None:
    traces = [trace(text) for text in texts]
    kept = distinct(traces)
    assert not any(alike(traces[a], traces[b]) for a in kept for b in kept if a < b)
    assert all(any(alike(traces[i], traces[a]) for a in kept if a < i) for i in range(len(texts)) if i not in kept)


def test_a_surrogate_has_a_trace() -> None:
    assert trace("\ud800").size == 0 and not any_alike([], [trace("a")])
