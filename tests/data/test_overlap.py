"""Near-copies: clusters and shared runs agree with what a direct comparison of word runs gives."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.data.overlap import SHINGLE, Seen, clusters, index, longest_shared_run, overlap, shingles, words

# Few words, so that texts agree by chance; lengths on both sides of a shingle's.
loose = st.lists(st.sampled_from("red green blue".split()), max_size=12).map(" ".join)


def numbered(begin: int, end: int) -> str:
    return " ".join(f"w{number}" for number in range(begin, end))


def runs(text: str) -> list[tuple[str, ...]]:
    found = words(text)
    return [tuple(found[i : i + SHINGLE]) for i in range(max(1, len(found) - SHINGLE + 1))]


def together(labels: list[int]) -> set[tuple[int, int]]:
    return {pair for pair in combinations(range(len(labels)), 2) if labels[pair[0]] == labels[pair[1]]}


def test_words_know_neither_case_nor_punctuation() -> None:
    assert words("The CAFÉ's “naïve” x_1, 漢字!") == ["the", "café", "s", "naïve", "x_1", "漢", "字"]


def test_shingles_are_runs_in_order() -> None:
    assert len(shingles(numbered(0, 9))) == 5
    assert shingles("A b, c d e")[0] == shingles("a B c -- d e!")[0] != shingles("e d c b a")[0]
    assert shingles(numbered(0, 9), size=3)[2] == shingles(numbered(2, 5), size=3)[0]


def test_a_text_shorter_than_a_shingle_is_one() -> None:
    assert len(shingles("a b c")) == len(shingles("")) == 1
    assert shingles("a b c") != shingles("a b")


def test_shingles_do_not_depend_on_the_process() -> None:
    # printf "one two three four five" | b2sum -l 64
    assert shingles("one two three four five") == [0x3E1DA6133E7D53E7]


def test_the_index_is_sorted_and_unique() -> None:
    known = index([numbered(0, 100), numbered(50, 150)])
    assert known.dtype == np.uint32 and len(known) == 146
    assert (np.diff(known.astype(np.int64)) > 0).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (numbered(10, 18), 8),
        ("x y " + numbered(10, 18) + " z", 8),
        (numbered(10, 16) + " x " + numbered(20, 29), 9),
        (numbered(10, 14), 0),  # four words: shorter than a shingle
        (numbered(10, 14) + " x " + numbered(14, 18), 0),
        (numbered(200, 230), 0),
        ("a short text", 3),  # known as a whole
        ("", 0),
    ],
)
def test_longest_shared_run(text: str, expected: int) -> None:
    assert longest_shared_run(words(text), index([numbered(0, 50), "A short text.", ""])) == expected


def test_nothing_known_shares_nothing() -> None:
    assert longest_shared_run(words(numbered(0, 50)), index([])) == 0


@given(text=loose, known=st.lists(loose, max_size=3))
def test_longest_shared_run_agrees_with_a_direct_comparison(text: str, known: list[str]) -> None:
    held = {run for other in known for run in runs(other)}
    hits = "".join("x" if run in held else " " for run in runs(text))
    longest = max(map(len, hits.split()), default=0)
    expected = min(longest + SHINGLE - 1, len(words(text))) if longest else 0
    assert longest_shared_run(words(text), index(known)) == expected


@given(text=st.text(), others=st.lists(st.text(), max_size=3))
def test_a_known_text_is_shared_whole(text: str, others: list[str]) -> None:
    assert longest_shared_run(words(text), index([*others, text])) == len(words(text))


def test_four_fifths_of_the_runs_make_a_copy() -> None:
    seen = Seen()
    assert not seen.copies(numbered(0, 24))
    seen.add(numbered(0, 24))
    assert seen.copies(f"{numbered(0, 20)} a b c d") and seen.copies(numbered(5, 15))  # 16 of 20, 6 of 6
    assert not seen.copies(f"{numbered(0, 19)} a b c d e")


def test_near_copies_cluster_and_unrelated_texts_do_not() -> None:
    original = numbered(0, 60)
    edited = original.replace("w30", "changed").upper()
    labels = clusters([original, numbered(100, 160), edited, numbered(200, 260)], {5: 0.5})
    assert together(labels) == {(0, 2)}


def test_an_excerpt_clusters_with_its_document() -> None:
    assert together(clusters([numbered(0, 500), numbered(100, 110)], {5: 0.9})) == {(0, 1)}


def test_the_share_is_met_exactly() -> None:
    texts = [numbered(0, 10), numbered(0, 7) + " x y z"]  # 3 of 6 shingles
    assert together(clusters(texts, {5: 0.5})) == {(0, 1)}
    assert together(clusters(texts, {5: 0.51})) == set()


def test_a_chain_of_copies_is_one_cluster() -> None:
    chain = [numbered(begin, begin + 20) for begin in range(0, 60, 6)]
    random.Random(0).shuffle(chain)
    assert len(set(clusters(chain, {5: 0.5}))) == 1


def test_a_stock_phrase_in_many_texts_links_none_of_them() -> None:
    assert len(set(clusters([f"{numbered(0, 6)} {number}" for number in range(201)], {5: 0.1}))) == 201


def test_any_number_of_exact_copies_is_one_cluster() -> None:
    assert len(set(clusters([numbered(0, 12)] * 201, {5: 0.5}))) == 1


@given(texts=st.lists(loose, max_size=8), share=st.sampled_from([0.2, 0.5, 1.0]))
def test_clusters_are_the_components_of_the_links(texts: list[str], share: float) -> None:
    sets = [set(runs(text)) for text in texts]
    groups = [{place} for place in range(len(texts))]
    for left, right in combinations(range(len(texts)), 2):
        common = len(sets[left] & sets[right])
        if common and common >= share * min(len(sets[left]), len(sets[right])):
            merged = groups[left] | groups[right]
            for place in merged:
                groups[place] = merged
    expected = {(a, b) for a, b in combinations(range(len(texts)), 2) if b in groups[a]}
    assert together(clusters(texts, {5: share})) == expected


def test_a_text_shorter_than_a_shingle_is_known_whole() -> None:
    known = index(["alpha beta gamma delta", "john.doe@example.org", "!!!"])
    assert overlap("Alpha, beta: gamma delta", known) == 4 and overlap("john doe, example org", known) == 4
    assert not overlap("alpha beta gamma", known) and not overlap("beta gamma delta epsilon", known)
    assert not overlap("???", known)
    seen = Seen()
    seen.add("alpha beta gamma delta")
    assert seen.shares("alpha beta gamma delta") and not seen.shares("alpha beta gamma") and not seen.shares("...")
