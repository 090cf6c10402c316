"""Passages are neither titles nor chapters, and hold every word once."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from probe.documents.document import Document
from probe.documents.passages import FEWEST, MOST, passages
from probe.documents.read import read_bytes
from tests.documents.made import as_text, paragraphs


def opened(text: str) -> Document:
    return read_bytes(text.encode(errors="replace"), "a.txt")


def test_their_lengths() -> None:
    document = read_bytes(as_text(paragraphs(200)), "a.txt")
    counts = [len(document.text[one.start : one.end].split()) for one in passages(document)]
    assert len(counts) > 100 and max(counts) <= MOST + FEWEST // 2
    assert sum(count >= FEWEST // 2 for count in counts) > 0.95 * len(counts)
    assert sum(count >= FEWEST for count in counts) > 0.6 * len(counts)


def test_a_long_paragraph_is_cut_where_sentences_end() -> None:
    document = opened(" ".join(paragraphs(30)))
    cut = [document.text[one.start : one.end].strip() for one in passages(document)]
    assert len(cut) > 10 and all(one.endswith(".") and one[0].isupper() for one in cut)


def test_a_sentence_without_end_is_cut_too() -> None:
    document = opened("word " * 500)
    assert [len(document.text[one.start : one.end].split()) for one in passages(document)] == [120, 120, 120, 140]


@given(
    st.lists(st.lists(st.sampled_from(["Aa", "bb.", "cc", "Dd?", '"Ee'])), min_size=1, max_size=30), st.integers(1, 20)
)
def test_every_word_is_in_one(texts: list[list[str]], most: int) -> None:
    text = "\n\n".join(" ".join(words) for words in texts)
    if not text.split():
        return
    document = opened(text)
    found = passages(document, max(1, most // 2), most)
    assert [word for one in found for word in document.text[one.start : one.end].split()] == document.text.split()
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
