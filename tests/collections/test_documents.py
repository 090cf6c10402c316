"""Texts as documents: grouping, repeats, controls that copy a suspect, passages of whole files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probe import Probe, Text
from probe.collections.documents import group, passages, sort_out
from probe.types import Tokens

COPY = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def test_a_text_without_a_source_is_a_document() -> None:
    found = group([Text("a", "1", "book"), Text("b", "2"), Text("c", "3", "book"), Text("d")])
    assert [(document.name, len(document.texts)) for document in found] == [("book", 2), ("2", 1), ("3", 1)]


def test_repeats_and_copies_are_left_out() -> None:
    sets = sort_out([Text(COPY), Text(f" {COPY}\n")], [Text(f"Before. {COPY} and more."), Text("quite another text")])
    assert [len(side) for side in (sets.suspect, sets.controls)] == [1, 1]
    assert sets.notes == (
        "1 repeated texts were left out",
        "1 controls that share a run of words with a suspect text were left out",
    )


@given(st.integers(0, 400), st.integers(16, 64))
def test_passages_keep_every_word_and_fit(demo: Probe, count: int, most: int) -> None:
    text = Text(" ".join(f"word{number % 7} is" for number in range(count)), "file.txt")
    found = passages(text, demo.target, most)
    assert " ".join(passage.text for passage in found) == text.text
    assert {passage.source for passage in found} == {"file.txt"}
    if count:
        tokens = demo.target.tokenize([passage.text for passage in found])
        assert all(isinstance(entry, Tokens) and len(entry.ids) <= 1.6 * most for entry in tokens)
