"""Texts as documents: grouping, repeats, controls that copy a suspect, passages of whole files."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe import Probe, Text
from probe.collections.documents import check_named, group, passages, sort_out
from probe.errors import InputError
from probe.types import Tokens

COPY = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def test_a_text_without_a_source_is_a_document() -> None:
    found = group([Text("a", "1", "book"), Text("b", "2"), Text("c", "3", "book"), Text("d")])
    assert [(document.name, len(document.texts)) for document in found] == [("book", 2), ("2", 1), ("3", 1)]


def test_repeats_and_copies_are_left_out() -> None:
    near = f"{'quite another text of its own, with more words than one in it, that is on no other side '}{{}}"
    suspect = [Text(COPY), Text(f" {COPY}\n"), Text("a text of the suspect's own"), Text(near.format("at all"))]
    sets = sort_out(suspect, [Text(f"Before. {COPY} and more."), Text("another text"), Text("one more")])
    assert [len(side) for side in (sets.suspect, sets.controls)] == [2, 2]
    assert sets.copies == 1
    assert sets.notes == (
        "1 repeated texts were left out",
        "1 controls that share a run of words with a suspect text were left out",
        "1 suspect texts that share a run of words with a control were left out",
    )
    alone = sort_out([Text(near.format("at all")), Text(near.format("whatever"))], [Text("another text")])
    assert len(alone.suspect) == 1 and alone.notes == ("1 near-copies of others on their side were left out",)


def test_random_halves_of_a_set_with_near_copies_stay_random_halves() -> None:
    """Leaving out controls alone would keep all copies among the suspects, whatever they score."""
    copies = [Text(f"{COPY} and the ending number {number}", source=f"copy {number}") for number in range(60)]
    others = [
        Text(" ".join(f"w{number}x{place}" for place in range(20)), source=f"own {number}") for number in range(180)
    ]
    kept = []
    for seed in range(40):
        deck = random.Random(seed).sample([*copies, *others], 240)
        sets = sort_out(deck[:120], deck[120:])
        kept.append([sum(one.name.startswith("copy") for one in side) for side in (sets.suspect, sets.controls)])
    assert max(map(max, kept)) <= 1 and sum(a for a, _ in kept) == sum(b for _, b in kept) == 0


def test_a_file_that_names_no_document_is_warned_of() -> None:
    path, bare, named = Path("a.jsonl"), [Text("a"), Text("b")], [Text("a", source="book"), Text("b")]
    assert check_named(path, named, "source", asked=True) is None
    why = check_named(path, bare, "source", asked=False)
    assert why is not None and 'a.jsonl: no row names a document under "source"' in why and "--document-column" in why
    assert check_named(path, bare[:1], "source", asked=False) is None  # one row is one document
    with pytest.raises(InputError, match=r'a.jsonl: no row names a document under "nosuch".*--document-column'):
        check_named(path, bare, "nosuch", asked=True)


@given(st.integers(0, 400), st.integers(16, 64))
def test_passages_keep_every_word_and_fit(demo: Probe, count: int, most: int) -> None:
    text = Text(" ".join(f"word{number % 7} is" for number in range(count)), "file.txt")
    found = passages(text, demo.target, most)
    assert " ".join(passage.text for passage in found) == text.text
    assert {passage.source for passage in found} == {"file.txt"}
    if count:
        tokens = demo.target.tokenize([passage.text for passage in found])
        assert all(isinstance(entry, Tokens) and len(entry.ids) <= 1.6 * most for entry in tokens)


def test_passages_of_a_text_without_spaces(demo: Probe) -> None:
    text = Text("\u4ed6\u8aaa\u904e\u5929\u6c23\u5f88\u597d\u3002" * 200, "file.txt")
    found = passages(text, demo.target, 64)
    assert len(found) > 20 and "".join(passage.text for passage in found) == text.text
