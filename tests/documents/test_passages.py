"""Passages are neither titles nor chapters, and hold every word once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.documents.document import Document
from probe.documents.passages import FEWEST, MOST, passages
from probe.documents.read import read_bytes
from probe.documents.words import words
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
    assert [len(document.text[one.start : one.end].split()) for one in passages(document)] == [100] * 5


def test_no_passage_is_a_word_or_two() -> None:
    """What is left of a long sentence, and a title, go with their neighbours."""
    long = " ".join(["word"] * 121) + "."
    document = opened("\n\n".join([long, "A title", long, "This way!", long, "Short."] * 5))
    counts = [len(words(document.text, one.start, one.end)) for one in passages(document, 20, 40)]
    assert min(counts) >= 10 and max(counts) <= 50


@pytest.mark.parametrize(
    "text",
    [
        "\u4ed6\u8aaa\u904e\u5929\u6c23\u5f88\u597d\u3002\u300c\u662f\u55ce\uff1f\u300d\u6211\u5011\u53bb\u8d70\u8d70\u5427\uff01"
        * 400,
        "\u3053\u308c\u306f\u30c6\u30b9\u30c8\u3067\u3059\u30fc\u3002" * 600,
        "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01" * 600,
        "QUJD" * 2_000,
    ],
)
def test_texts_without_spaces_are_cut_too(text: str) -> None:
    document = opened(text)
    found = passages(document, 30, 60)
    assert "".join(document.text[one.start : one.end] for one in found) == document.text
    assert len(found) > 3 and max(len(words(document.text, one.start, one.end)) for one in found) <= 90
    if "\u3002" in text:  # where sentences end
        assert all(document.text[one.end - 1] in "\u3002\uff01\u300d" for one in found)


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
