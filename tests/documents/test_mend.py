"""What printing did to a text is undone; what its author wrote stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.documents.document import Leaf, Line
from probe.documents.heads import Printed, without_heads
from probe.documents.mend import mend


def of_lines(*texts: str) -> list[Leaf]:
    return [Leaf("", [Line(number, text, number == 1) for number, text in enumerate(texts, 1)])]


@pytest.mark.parametrize(
    ("given_lines", "text"),
    [
        (("a broken exam-", "ple here"), "a broken example here"),
        (("a well-", "known well-known thing"), "a well-known well-known thing"),
        (("the year 1914-", "1918"), "the year 1914- 1918"),
        (("pre-", "and postwar"), "pre- and postwar"),
        (("well known: the well-", "known"), "well known: the well-known"),
        (("no one, one no: to-", "day today"), "no one, one no: today today"),
        (("twenty and five make twenty-", "five"), "twenty and five make twenty-five"),
        (("Anglo-", "Saxon"), "Anglo- Saxon"),
        (("of\ufb01ce \ufb02oor e\ufb03cient",), "office floor efficient"),
        (("soft\u00adhyphen at an exam\u00ad", "ple"), "softhyphen at an example"),
        (("a dash -", "and more"), "a dash - and more"),
    ],
)
def test_words_are_made_whole(given_lines: tuple[str, ...], text: str) -> None:
    assert mend(of_lines(*given_lines))[0] == text


def test_what_was_mended_is_counted() -> None:
    *_, counts = mend(of_lines("of\ufb01ce exam-", "ple \ufb01 hyphen-", "ated"))
    assert counts == {"ligatures": 2, "hyphenated words": 2}


def test_a_paragraph_goes_on_over_a_page_s_end() -> None:
    leaves = [
        Leaf("page 1", [Line(1, "It begins", True), Line(2, "and is bro-", False)], flows=True),
        Leaf("page 2", [Line(1, "ken here.", False), Line(2, "Another.", True)], flows=True),
    ]
    text, paragraphs, lines, _ = mend(leaves)
    assert text == "It begins and is broken here.\n\nAnother."
    assert [text[one.start : one.end] for one in paragraphs] == ["It begins and is broken here.", "Another."]
    assert [(text[one.start :][:6], one.leaf, one.line) for one in lines] == [
        ("It beg", 0, 1), ("and is", 0, 2), ("ken he", 1, 1), ("Anothe", 1, 2),
    ]  # fmt: skip
    assert mend([leaves[0], Leaf("b", leaves[1].lines)])[0].startswith("It begins and is bro-\n\nken")


def page(number: int, *texts: str, gap: float = 30.0) -> list[Printed]:
    """A head, lines of text, and a foot, both set apart."""
    ys = [800.0, *(800 - gap - 12 * n for n in range(len(texts) - 2)), 40.0]
    return [Printed(n, text, 50, 500, y, 10) for n, (text, y) in enumerate(zip(texts, ys, strict=True), 1)]


def test_heads_come_again_and_numbers_count_the_pages() -> None:
    pages = [page(n, f"A Book {n + 7}", f"Only here, {'abcd'[n]}.", "End.", f"- {n + 1} -") for n in range(4)]
    kept, counts = without_heads(pages, 12)
    assert [[line.text for line in one] for one in kept] == [[f"Only here, {c}.", "End."] for c in "abcd"]
    assert counts == {"running heads": 4, "page numbers": 4}
    assert without_heads(pages[:1], 12)[0] == pages[:1]  # nothing comes again


def test_lines_whose_figures_differ_are_text_and_so_are_those_that_do_not_stand_apart() -> None:
    letters = [page(n, f"Patient {(n * 7919) % 1000}", "Dear all,", f"Account {n * n + 31}") for n in range(5)]
    assert without_heads(letters, 12) == (letters, {})
    poem = [page(n, "Quoth the Raven", "Nevermore.", "Again.", gap=12)[:-1] for n in range(5)]
    assert without_heads(poem, 12) == (poem, {})
    bare = [page(n, "Only a head", str(n)) for n in range(5)]
    assert all(one for one in without_heads(bare, 12)[0])  # no page is emptied


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), max_size=8))
def test_no_letter_is_lost_or_added(texts: list[str]) -> None:
    """But for ligatures, hyphens and white space."""
    text, paragraphs, places, counts = mend(of_lines(*texts))
    if not counts:
        hyphens = str.maketrans("", "", "\u00ad-")
        assert "".join(text.translate(hyphens).split()) == "".join("".join(texts).translate(hyphens).split())
    assert [one.start for one in places] == sorted(one.start for one in places)
    assert all(text[one.start : one.end].strip() for one in paragraphs)
