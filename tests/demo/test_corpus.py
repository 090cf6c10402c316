"""The embedded corpus: prose only, whole sentences, found again by whitespace-normalised search."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.data.overlap import clusters
from probe.demo import locate
from probe.demo.corpus import Document, documents, normalise
from probe.demo.passages import LONGEST, SHORTEST, cut, is_prose, sentences, shorten
from probe.demo.records import LEVELS, PER_LEVEL, STRANGERS, planted, strangers
from probe.demo.roles import ALIKE


def length(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("sentence", "prose"),
    [
        ("Return the number of items that are in the queue at the moment.", True),
        (">>> queue.size() returns the number of items.", False),
        ('or_expr ::= xor_expr | or_expr "|" xor_expr', False),
        ("name | type | default | what it is for", False),
        ("socket.bind(address, port, flags, backlog)", False),
        ("Too short.", False),
        ("0x1f 0x2f 0x3f 0x4f 0x5f is for the 0x7f", False),
    ],
)
def test_prose(sentence: str, prose: bool) -> None:
    assert is_prose(sentence) is prose


@given(st.lists(st.sampled_from(['He said "no."', "It ends!", "Why (oh why?)", "plain words here."]), min_size=1))
def test_sentences_join_to_their_paragraph(parts: list[str]) -> None:
    paragraph = " ".join(part[0].upper() + part[1:] for part in parts)
    assert " ".join(sentences(paragraph)) == paragraph


@settings(max_examples=50)
@given(st.lists(st.integers(4, 90), min_size=1, max_size=12))
def test_passages_are_whole_sentences_of_the_right_length(sizes: list[int]) -> None:
    runs = tuple("The " + "is " * (size - 2) + "end." for size in sizes)
    text = " ".join(runs)
    for passage in cut([Document("here", runs)], length):
        assert SHORTEST <= length(passage.text) <= LONGEST
        assert passage.text in text and passage.text.startswith("The ") and passage.text.endswith("end.")


def test_shortened_texts_have_the_length_of_a_typed_sentence() -> None:
    dice = random.Random(0)
    for _ in range(50):
        short = shorten("word " * 40, length, dice)
        assert 10 <= length(short) < SHORTEST
    assert shorten("one two", length, dice) == "one two"


def test_places_are_found_again_whatever_the_white_space(monkeypatch: pytest.MonkeyPatch) -> None:
    passages = list(islice(cut(documents(), length), 40))
    wanted = [locate.mark(passage, "member", "test", 1) for passage in passages]
    gone = locate.mark(
        passages[0]._replace(text="This passage is in no documentation of any interpreter."), "x", "y", 1
    )
    shuffled = [Document("moved", ("before", passage.text, "after")) for passage in reversed(passages)]
    monkeypatch.setattr(locate, "documents", lambda: shuffled)
    found = locate.find([*wanted, gone])
    assert gone not in found
    assert [found[entry] for entry in wanted] == [normalise(passage.text) for passage in passages]


def test_topics_docstrings_and_extensions_are_there() -> None:
    places = {document.place for document in documents()}
    assert {"topic:with", "json.dumps", "math.sqrt"} <= places


def test_judged_passages_are_no_near_copies_of_each_other() -> None:
    found = list(locate.find(entry for entry in locate.marks() if entry.split == "test").values())
    labels = clusters(found, ALIKE)
    assert len(set(labels)) == len(found)


def test_records() -> None:
    people = planted(3)
    assert [sum(record.times == level for record in people) for level in LEVELS] == [PER_LEVEL] * len(LEVELS)
    assert len({record.name for record in people}) == len({record.phone for record in people}) == len(people)
    assert planted(3) == people != planted(4)
    others = [text for texts in strangers(3).values() for text in texts]
    assert len(set(others)) == sum(STRANGERS.values())
    names = {record.name for record in people} | {record.name for record in planted(4)}
    assert not names & {text.split(",")[0] for text in others}
