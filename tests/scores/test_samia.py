"""samia, worked by hand."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.scores.samia import Split, continuation, recall, samia, samia_zlib, split
from probe.types import Unscored


def test_recall_counts_each_word_as_often_as_both_have_it() -> None:
    assert recall("the cat saw the dog", "the the the bird saw") == pytest.approx(3 / 5)  # the, the, saw
    assert recall("The cat", "the cat") == 0.5  # case counts, as in the paper's code
    assert recall("a b", "") == 0 and recall("a b", "b a") == 1


def test_scores_are_means_over_samples() -> None:
    samples = ["c d", "c x", "x x"]
    assert samia("c d", samples) == pytest.approx((1 + 0.5 + 0) / 3)
    sizes = [len(zlib.compress(sample.encode(), 6)) for sample in samples]
    assert samia_zlib("c d", samples) == pytest.approx((sizes[0] + sizes[1] / 2) / 3)


def test_a_member_scores_higher() -> None:
    suffix = "and whose sum is less than all of its parts"
    known, unknown = [suffix, suffix[:20]], ["or that the list is made", "which is returned"]
    assert samia(suffix, known) > samia(suffix, unknown)
    assert samia_zlib(suffix, known) > samia_zlib(suffix, unknown)


def test_the_prefix_is_the_first_half_as_it_stands() -> None:
    assert split("  one\n two  three four five ") == Split("one\n two", "three four five")
    assert split("one two") == Split("one", "two")
    for text in ("", "  ", "one"):
        assert isinstance(split(text), Unscored)


@given(st.text())
def test_halves_hold_all_words_in_order(text: str) -> None:
    parts = split(text)
    if isinstance(parts, Split):
        assert parts.prefix.split() + parts.suffix.split() == text.split()
        assert len(parts.prefix.split()) == len(text.split()) // 2


@given(st.text(), st.text())
def test_recall_is_a_share(suffix: str, added: str) -> None:
    assert 0 <= recall(suffix, added) <= 1
    assert not suffix.split() or recall(suffix, suffix) == 1
    assert samia_zlib(suffix, [added, "\ud800"]) >= 0  # a server may send what has no UTF-8


def test_a_repeated_prefix_and_what_is_too_long_are_cut_off() -> None:
    parts = Split("one two", "three four five")
    assert continuation("one two three four five six", parts) == "three four five"
    assert continuation("\nthree   four", parts) == "three four"
    assert continuation("", parts) == ""
