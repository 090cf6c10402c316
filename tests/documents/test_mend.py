"""What printing did to a text is undone; what its author wrote stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.documents.document import Leaf, Line
from probe.documents.heads import without_heads
from probe.documents.mend import mend


def lines(*texts: str) -> list[Leaf]:
    return [Leaf("", [Line(number, text, number == 1) for number, text in enumerate(texts, 1)])]


@pytest.mark.parametrize(
    ("given_lines", "text"),
    [
        (("a broken exam-", "ple here"), "a broken example here"),
        (("a well-", "known well-known thing"), "a well-known well-known thing"),
        (("the year 1914-", "1918"), "the year 1914- 1918"),
        (("Anglo-", "Saxon"), "Anglo- Saxon"),
        (("of\ufb01ce \ufb02oor e\ufb03cient",), "office floor efficient"),
        (("soft\u00adhyphen at an exam\u00ad", "ple"), "softhyphen at an example"),
        (("a dash -", "and more"), "a dash - and more"),
    ],
)
def test_words_are_made_whole(given_lines: tuple[str, ...], text: str) -> None:
    assert mend(lines(*given_lines))[0] == text


def test_what_was_mended_is_counted() -> None:
    _, _, counts = mend(lines("of\ufb01ce exam-", "ple \ufb01 hyphen-", "ated"))
    assert counts == {"ligatures": 2, "hyphenated words": 2}


def test_a_paragraph_goes_on_over_a_page_s_end() -> None:
    leaves = [
        Leaf("page 1", [Line(1, "It begins", True), Line(2, "and is bro-", False)], flows=True),
        Leaf("page 2", [Line(1, "ken here.", False), Line(2, "Another.", True)], flows=True),
    ]
    text, paragraphs, _ = mend(leaves)
    assert text == "It begins and is broken here.\n\nAnother."
    assert [(one.leaf, one.line) for one in paragraphs] == [(0, 1), (1, 2)]
    assert mend([leaves[0], Leaf("b", leaves[1].lines)])[0].startswith("It begins and is bro-\n\nken")


def test_heads_come_again_and_numbers_are_numbers() -> None:
    pages = [
        [Line(1, f"Chapter {n}"), Line(2, f"Only here, page {'abcd'[n]}."), Line(3, f"- {n + 1} -")] for n in range(4)
    ]
    kept, counts = without_heads(pages)
    assert [[line.text for line in page] for page in kept] == [[f"Only here, page {c}."] for c in "abcd"]
    assert counts == {"running heads": 4, "page numbers": 4}
    assert without_heads(pages[:1])[0] == pages[:1]  # nothing comes again


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=8))
def test_no_letter_is_lost_or_added(texts: list[str]) -> None:
    """But for ligatures, hyphens and white space."""
    text, paragraphs, counts = mend(lines(*texts))
    if not counts:
        keep = str.maketrans("", "", "\u00ad")
        assert "".join(text.split()) == "".join("".join(texts).translate(keep).split())
    assert all(text[one.start : one.end].strip() for one in paragraphs)
